// Forward secrecy: from the first message, on several devices, after a loss, and with those who do not have it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { lookInAllSizes } from './lib/looks.mjs';
import { setTrap } from './lib/trap.mjs';
import { SECOND, eventually, stays } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { FRIENDS_SAID, acquaint, beforeSecondDevice, keptFriends, twoDevices } from './pages/person.mjs';

const it = world({ tap: true });
const MINUTE = 60 * SECOND;

const badge = (person) => person.page.getByTestId('protection');

scene(it, test, 'two people are protected from the first message, and it is said in plain words', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const mine = await alice.open(bob.id);
  await mine.send('May I?');
  await mine.reaches('May I?', 'sent');
  const theirs = await bob.openRequest(alice.id);
  await theirs.message('May I?').waitFor();
  await bob.button('Accept').click();
  await theirs.send('Yes.');
  await mine.message('Yes.').waitFor();
  for (const person of [alice, bob]) await person.isSecret();
  await alice.page.locator('.chat-head').getByText('Forward secret', { exact: true }).waitFor();

  await badge(alice).click();
  const words = alice.page.getByRole('dialog', { name: 'Forward secret' });
  await words.getByText(/a key of its own that is deleted after use/).waitFor();
  await words.getByRole('button', { name: 'Close' }).last().click();
  await words.waitFor({ state: 'detached' });

  await mine.reaches('May I?', 'delivered', MINUTE);
  await theirs.reaches('Yes.', 'delivered', MINUTE);
  const all = await it.network.stores();
  for (const person of [alice, bob]) {
    assert.ok(all.some(({ to, namespace }) => to === person.id && namespace === 6000), 'something came forward secretly');
    assert.ok(!all.some(({ to, namespace }) => to === person.id && namespace === 0), 'nothing came without it');
  }
}, 150_000);

scene(it, test, 'the safety number is the same on both sides, and verifying is shown', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  await acquaint(alice, bob);
  const numbers = [];
  for (const person of [alice, bob]) {
    await person.isSecret();
    await badge(person).click();
    await person.button('Compare the safety number').click();
    numbers.push((await person.page.getByTestId('safety-number').textContent()).trim());
  }
  assert.match(numbers[0], /^(\d{5}\s+){11}\d{5}$/);
  assert.equal(numbers[0], numbers[1]);
  await alice.button('They are the same').click();
  await alice.page.getByRole('button', { name: 'Protection: Forward secret, verified' }).waitFor({ state: 'attached' });
});

scene(it, test, 'a second device is confirmed by its pictures, and both receive', async (cast) => {
  const [one, two, bob] = await twoDevices(cast);
  const [first, second] = [await one.open(bob.id), await two.open(bob.id)];
  await second.message('Hello from Alice').waitFor();
  const theirs = bob.conversation();
  await theirs.send('To both of you');
  for (const chat of [first, second]) await chat.message('To both of you').waitFor();
  await second.send('From the second');
  await theirs.message('From the second').waitFor();
  await first.message('From the second').waitFor();
  await first.send('From the first');
  await second.message('From the first').waitFor();
  for (const chat of [first, second, theirs]) assert.equal(await chat.countOf('To both of you'), 1);
}, 240_000);

scene(it, test, 'a device is linked by its code, without words and without a question', async (world) => {
  const [one, two, bob] = await beforeSecondDevice(world);
  const code = await two.linkCode();
  await one.openDevices();
  await one.button('Add a device').click();
  const add = one.page.getByRole('dialog', { name: 'Add a device' });
  await add.getByRole('textbox').fill('zrl1');
  await add.getByRole('button', { name: 'Continue' }).click();
  await add.getByText('This is not the code of a new device.').waitFor();
  await one.page.keyboard.press('Escape');
  await one.addDevice(code);
  await two.atHome();
  assert.equal(await two.readId(), one.id);
  const sheet = await one.openDevices();
  await eventually('two devices, and none in doubt', async () =>
    (await sheet.getByTestId('device').count()) === 2 && (await sheet.getByRole('button', { name: 'Is it mine?' }).count()) === 0, MINUTE);
  await (await two.open(bob.id)).message('Hello from Alice').waitFor();
  await two.conversation().send('From the linked one');
  await bob.conversation().message('From the linked one').waitFor();
}, 240_000);

scene(it, test, 'a removed device receives nothing more, keeps its messages, and says why', async (cast) => {
  const [one, two, bob] = await twoDevices(cast);
  const theirs = bob.conversation();
  await theirs.send('Before');
  await (await two.open(bob.id)).message('Before').waitFor();
  const sheet = await one.openDevices();
  assert.equal(await sheet.getByTestId('device').count(), 2);
  await sheet.getByRole('button', { name: /^Remove / }).click();
  await one.question(/^Remove/).getByRole('button', { name: 'Remove', exact: true }).click();
  await eventually('one device is left', async () => (await sheet.getByTestId('device').count()) === 1);
  const first = await one.open(bob.id);
  await first.send('The other one is gone');
  await theirs.message('The other one is gone').waitFor();
  await two.page.getByTestId('devices-bar').getByText(/removed this one/).waitFor({ timeout: 2 * MINUTE });
  await theirs.send('Only for the first');
  await first.message('Only for the first').waitFor();
  const second = two.conversation();
  await second.message('Before').waitFor();
  await stays('the removed device does not have it', async () => (await second.countOf('Only for the first')) === 0, 5 * SECOND);
}, 300_000);

scene(it, test, 'the words bring back what had reached no device, and the contact is told', async ({ person, people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  await acquaint(alice, bob);
  await alice.go('#/');
  await alice.synchronised();
  const phrase = await alice.readPhrase();
  await alice.page.close();
  const theirs = bob.conversation();
  await theirs.send('Are you there?');
  await theirs.reaches('Are you there?', 'sent');

  const again = await person('Alice-again');
  await again.restore(phrase);
  const chat = await again.open(bob.id);
  await bob.page.getByTestId('notices').getByText(/new device that none of the known ones vouches for/).waitFor({ timeout: 2 * MINUTE });
  // Somebody else might have the words: what was written before waits a day, or for Bob's word.
  assert.equal(await chat.countOf('Are you there?'), 0);
  await theirs.send('Written for the new device, too');
  await chat.message('Written for the new device, too').waitFor();
  assert.equal(await chat.countOf('Are you there?'), 0);
  await bob.button('Trust the new device').click();
  await chat.message('Are you there?').waitFor();
  await chat.send('Here I am');
  await theirs.message('Here I am').waitFor();
  assert.equal(await chat.countOf('Are you there?'), 1);
}, 300_000);

scene(it, test, 'somebody without it is “Standard”, until they have it', async ({ person, people }) => {
  // An account as another app made it: nothing is published for it.
  const filled = await promisify(execFile)(process.env.FILL_SWARM_BIN, [it.network.url, 0, 0, 1]);
  const [alice] = await people('Alice');
  const vera = await person('Vera');
  await vera.restore(filled.stdout.trim());
  await vera.page.getByTestId('devices-bar').getByText(/Forward secrecy is off/).waitFor();

  const mine = await alice.open(vera.id);
  await mine.send('Plain hello');
  await mine.reaches('Plain hello', 'sent');
  const hers = await vera.openRequest(alice.id);
  await hers.message('Plain hello').waitFor();
  await vera.button('Accept').click();
  await hers.send('Plain answer');
  await mine.message('Plain answer').waitFor();
  for (const person of [alice, vera]) await person.page.getByRole('button', { name: 'Protection: Standard' }).waitFor();
  await badge(alice).click();
  await alice.page.getByRole('dialog', { name: 'Standard' }).getByText(/They are not forward secret/).waitFor();
  await alice.page.getByRole('dialog', { name: 'Standard' }).getByRole('button', { name: 'Close' }).last().click();

  const sheet = await vera.openDevices();
  await vera.button('Turn on: no other app uses this account').click();
  await sheet.getByTestId('device').waitFor();
  const again = await vera.open(alice.id);
  await again.send('Now with keys');
  await mine.message('Now with keys').waitFor();
  await mine.send('So have I');
  await again.message('So have I').waitFor();
  for (const person of [alice, vera]) await person.isSecret();
}, 240_000);

scene(it, test, 'nodes that hide what is published talk nobody down', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  for (const person of [alice, bob]) await person.isSecret();
  const plain = async (...whom) => (await it.network.stores()).filter(({ to, namespace }) => namespace === 0 && whom.some(({ id }) => id === to)).length;
  const before = await plain(alice, bob);
  await it.network.command('hide on');
  try {
    await it.network.command('clock +26h'); // what is known of the lists is too old now
    await mine.send('Still closed');
    await theirs.message('Still closed').waitFor({ timeout: MINUTE });
    await theirs.send('Here, too');
    await mine.message('Here, too').waitFor();
    for (const person of [alice, bob]) await person.isSecret();
    assert.equal(await plain(alice, bob), before, 'nothing went out without it');

    // Whoever is not known yet cannot be found; but one message is enough to know that there is something to find.
    const [carol] = await people('Carol');
    const hers = await carol.open(bob.id);
    await hers.send('Hello, Bob');
    const his = await bob.openRequest(carol.id);
    await his.message('Hello, Bob').waitFor();
    await bob.button('Accept').click();
    const sofar = await plain(carol);
    await his.send('Only with keys');
    await bob.page.getByRole('button', { name: 'Protection: Forward secret from now on' }).waitFor();
    await stays('it waits', async () => (await hers.countOf('Only with keys')) === 0, 5 * SECOND);
    assert.equal(await plain(carol), sofar, 'it does not go out without keys');

    // One message may, if the person wants it, and it says so.
    await his.send('In a hurry');
    await bob.page.getByText(/Waiting for keys of/).waitFor({ timeout: 2 * MINUTE });
    await eventually('it is offered', async () => {
      await his.menuOf(his.message('In a hurry').last());
      const offered = await bob.page.getByRole('menuitem', { name: 'Send without forward secrecy' }).count();
      if (!offered) {
        await bob.page.keyboard.press('Escape');
        await bob.page.getByRole('menu').waitFor({ state: 'detached' });
      }
      return offered > 0;
    }, 2 * MINUTE);
    await bob.page.getByRole('menuitem', { name: 'Send without forward secrecy' }).click();
    const ask = bob.question('Send this message without forward secrecy?');
    await lookInAllSizes(bob, 'send-openly');
    await ask.getByRole('button', { name: 'Send without forward secrecy' }).click();
    await hers.message('In a hurry').waitFor({ timeout: MINUTE });
    await his.message('In a hurry').getByTestId('open').waitFor();
    await lookInAllSizes(bob, 'sent-openly');
    assert.equal(await hers.countOf('Only with keys'), 0, 'the other one goes on waiting');
    assert.equal(await plain(carol), sofar + 1);

    await it.network.command('hide off');
    await it.network.command('clock +62m');
    await hers.message('Only with keys').waitFor({ timeout: 3 * MINUTE });
    assert.equal(await plain(carol), sofar + 1);
  } finally {
    await it.network.command('hide off');
  }
}, 600_000);

scene(it, test, 'both write first at the same moment', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = [await alice.open(bob.id), await bob.open(alice.id)];
  await Promise.all([mine.send('From Alice'), theirs.send('From Bob')]);
  await mine.message('From Bob').waitFor();
  await theirs.message('From Alice').waitFor();
  for (const n of [1, 2, 3]) {
    await mine.send(`a${n}`);
    await theirs.message(`a${n}`).waitFor();
    await theirs.send(`b${n}`);
    await mine.message(`b${n}`).waitFor();
  }
  for (const person of [alice, bob]) await person.isSecret();
  for (const chat of [mine, theirs]) assert.equal((await chat.texts()).length, 8, 'everything once');
}, 180_000);

scene(it, test, 'two hundred messages arrive once, though a fifth of the requests is lost', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  let turn = 0;
  for (const person of [alice, bob]) {
    person.expect(/Failed to load resource|net::ERR_|fetch/i);
    await person.context.route('**/gw/v1/onion/**', (route) => {
      turn += 1;
      return turn % 5 === 0 ? route.abort('connectionreset') : route.continue();
    });
  }
  for (let n = 0; n < 100; n += 1) await Promise.all([mine.send(`a${n}`), theirs.send(`b${n}`)]);
  const wanted = Array.from({ length: 100 }, (_, n) => n);
  for (const [chat, prefix] of [[theirs, 'a'], [mine, 'b']]) {
    await eventually(`all of ${prefix} are there`, async () => {
      await chat.timeline.evaluate((list) => list.parentElement.parentElement.scrollTo(0, -1e6));
      const texts = await chat.texts();
      return wanted.every((n) => texts.filter((text) => text === `${prefix}${n}`).length === 1);
    }, 4 * MINUTE);
  }
  for (const person of [alice, bob]) await person.isSecret();
}, 420_000);

scene(it, test, 'a profile copied and put back is noticed, and heals', async (cast) => {
  const { bob, browser, theirs } = await keptFriends(cast);
  const start = async () => (await browser.start(`#/c/${bob.id}`)).conversation();
  await browser.close();
  await browser.copy();
  // Long enough for a start that counts. The first one learns what time it is.
  await it.network.command('clock +15m');
  await (await start()).send('The first after a while');
  await theirs.message('The first after a while').waitFor({ timeout: MINUTE });
  await browser.close();
  const before = await start();
  await before.send('Not in the copy');
  await theirs.message('Not in the copy').waitFor({ timeout: MINUTE });
  await theirs.send('Nor is this');
  await before.message('Nor is this').waitFor();
  await browser.close();

  await browser.putBack();
  const after = await start();
  await after.send('After the copy was put back');
  await theirs.message('After the copy was put back').waitFor({ timeout: 2 * MINUTE });
  await theirs.send('Still readable');
  await after.message('Still readable').waitFor({ timeout: MINUTE });
  await bob.page.getByTestId('notices').getByText('Alice added a device.').waitFor({ timeout: 2 * MINUTE });
  await lookInAllSizes(bob, 'contact-notices');
  const sheet = await after.person.openDevices();
  assert.equal(await sheet.getByTestId('device').count(), 1, 'the old keys are out');
}, 300_000);

// A copy that is put back within minutes is too young to be noticed by itself: the next message repeats keys of one that
// was read already.
scene(it, test, 'a message that cannot be read holds its place until it comes again', async (cast) => {
  const { bob, browser, theirs } = await keptFriends(cast);
  await browser.close();
  await browser.copy();
  await (await (await browser.start()).open(bob.id)).send('With the keys of the next one');
  await theirs.message('With the keys of the next one').waitFor();
  await browser.close();

  await browser.putBack();
  const stuck = await (await browser.start()).open(bob.id);
  // Whoever sent it goes away before it can be asked for.
  const trap = await setTrap(stuck.page, 'after store, before its result is committed');
  await stuck.send('With keys that were used');
  await trap.sprung();
  await bob.page.getByTestId('unreadable').waitFor();
  assert.equal(await theirs.countOf('With keys that were used'), 0);
  await lookInAllSizes(bob, 'unreadable');
  await browser.kill();
  const again = await (await browser.start()).open(bob.id);
  await theirs.message('With keys that were used').waitFor({ timeout: MINUTE });
  assert.equal(await bob.page.getByTestId('unreadable').count(), 0, 'its place is taken');
  await theirs.send('I could read it');
  await again.message('I could read it').waitFor();
  await again.reaches('With keys that were used', 'delivered');
  for (const { person } of [again, theirs]) await person.isSecret();
  const texts = await theirs.texts();
  assert.deepEqual(texts, [...FRIENDS_SAID, 'With the keys of the next one', 'With keys that were used', 'I could read it']);
}, 240_000);

scene(it, test, 'a tab killed at any moment of sending or receiving loses and doubles nothing', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  await acquaint(alice, bob);
  const theirs = bob.conversation();
  // The longer the tab lives, the farther it came: before the commit, after it, after the store, after its answer.
  for (const life of [0, 15, 40, 90, 200, 450, 1_000]) {
    const mine = await alice.open(bob.id);
    await mine.composer.fill(`killed after ${life}`);
    await mine.sendButton.click();
    await theirs.send(`meanwhile ${life}`);
    await pause(life);
    await alice.page.close({ runBeforeUnload: false });
    await alice.openTab(`#/c/${bob.id}`);
    const again = alice.conversation();
    await again.message(`meanwhile ${life}`).waitFor();
    // Either it was written down, or it is still in the composer.
    if ((await again.countOf(`killed after ${life}`)) === 0) await again.send(`killed after ${life}`);
    await theirs.message(`killed after ${life}`).waitFor();
    await again.reaches(`killed after ${life}`, 'sent');
  }
  for (const chat of [alice.conversation(), theirs]) {
    const texts = await chat.texts();
    assert.equal(new Set(texts).size, texts.length, 'nothing is there twice');
  }
  await alice.isSecret();
}, 300_000);

scene(it, test, 'a thousand waiting messages are read, kept and shown within three seconds', async ({ people }) => {
  const waiting = 1_000;
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine] = await acquaint(alice, bob);
  await bob.go('#/');
  await bob.synchronised();
  await bob.page.close();
  // Written as fast as the composer takes them.
  await mine.composer.evaluate(async (field, count) => {
    const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set;
    for (let n = 0; n < count; n += 1) {
      set.call(field, `waiting ${n}`);
      field.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise((done) => setTimeout(done));
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
      await new Promise((done) => setTimeout(done));
    }
  }, waiting);
  await mine.reaches(`waiting ${waiting - 1}`, 'sent', 6 * MINUTE);

  const page = await bob.context.newPage();
  bob.page = page;
  let first;
  page.on('response', (response) => { if (response.url().includes('/gw/v1/onion/')) first ??= performance.now(); });
  const started = performance.now();
  await page.goto(bob.url);
  await eventually('all are counted', async () => /1000 unread messages/.test(await bob.row(alice.id).textContent()), MINUTE);
  const all = performance.now();
  console.log(`  ${waiting} messages: ${Math.round(all - started)} ms after opening the page, ${Math.round(all - first)} ms after the first answer of a node`);
  await (await bob.open(alice.id)).message(`waiting ${waiting - 1}`).waitFor();
  assert.ok(all - first <= 3 * SECOND, `${Math.round(all - first)} ms`);
}, 600_000);
