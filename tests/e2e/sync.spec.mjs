// Account data that follows a person: to a restored browser, between two devices, across conflicts, losses and time.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { lookInAllSizes } from './lib/looks.mjs';
import { longestTasks } from './lib/tasks.mjs';
import { SECOND, eventually, stays } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { acquaint } from './pages/person.mjs';

const it = world();
const ONION = '**/gw/v1/onion/**';
const CUT = /Failed to load resource|net::ERR_|fetch/i;
const DAY = 24 * 3600 * SECOND;

const sign = (person, id, title) => person.row(id).getByTitle(title, { exact: true });

async function blockedPeople(person) {
  await person.go('#/blocked');
  await person.page.getByRole('dialog', { name: 'Blocked people' }).waitFor();
  const ids = await person.page.getByTestId('blocked').evaluateAll((all) => all.map((row) => row.dataset.id));
  await person.go('#/');
  return ids;
}

// Two devices of the first of these people.
async function twoDevices({ person, people }, ...names) {
  const all = await people(...names);
  const [first, ...others] = all;
  for (const other of others) await acquaint(first, other);
  await first.go('#/');
  await first.synchronised();
  const second = await person(`${first.name}-2`);
  await second.restore(await first.readPhrase());
  for (const other of others) await second.row(other.id).waitFor();
  return [first, second, ...others];
}

scene(it, test, 'a restore brings back names, nicknames, pins, mutes, blocks, read positions, timers and notes', async ({ person, people }) => {
  const [alice, bob, carol, dave, erin] = await people('Alice', 'Bob', 'Carol', 'Dave', 'Erin');
  for (const other of [bob, carol, dave]) await acquaint(alice, other);
  const [fromCarol, fromErin] = [carol.conversation(), await erin.open(alice.id)];
  await fromCarol.send('Seen by Alice');
  await (await alice.open(carol.id)).message('Seen by Alice').waitFor();
  await alice.go('#/');
  await fromCarol.send('Not seen by Alice');
  await alice.row(carol.id).getByText('1 unread message').waitFor({ state: 'attached' });
  await fromErin.send('Does Alice want to know me?');
  await alice.requestsBanner().waitFor();

  await alice.nickname(bob.id, 'Bobby');
  await alice.toggle(bob.id, 'Pin to the top', 'Unpin');
  await alice.toggle(bob.id, 'Mute', 'Unmute');
  await alice.disappearing(bob.id, 'After reading', '1 hour');
  await alice.block(dave.id);
  const notes = await alice.open(alice.id);
  await notes.send('milk, bread');
  await notes.reaches('milk, bread', 'sent');
  await alice.toggle(alice.id, 'Pin to the top', 'Unpin');
  await alice.disappearing(alice.id, 'After sending', '1 week');
  await alice.go('#/');
  await alice.synchronised();

  const again = await person('Alice-again');
  await again.restore(await alice.readPhrase());
  assert.equal(again.id, alice.id);
  await alice.confirmDevice(again);
  await again.row(bob.id).getByText('Bobby', { exact: true }).waitFor();
  await sign(again, bob.id, 'Pinned').waitFor();
  await sign(again, bob.id, 'Muted').waitFor();
  await sign(again, alice.id, 'Pinned').waitFor();
  await again.row(carol.id).getByText('1 unread message').waitFor({ state: 'attached' });
  await again.requestsBanner().waitFor();
  assert.deepEqual(await blockedPeople(again), [dave.id]);
  await again.go('#/account');
  await again.dialog().getByRole('heading', { name: 'Alice', level: 3 }).waitFor();
  await again.go('#/');

  const withBob = await again.open(bob.id);
  await again.page.getByTitle('1 hour after reading').waitFor();
  await withBob.composer.waitFor(); // approved: nothing is asked
  await withBob.send('This goes away');
  await withBob.message('This goes away').getByTestId('timer').getByText(/^Disappears/).waitFor({ state: 'attached' });
  await (await again.open(alice.id)).message('milk, bread').waitFor();
  await again.page.getByTitle('1 week after sending').waitFor();
}, 240_000);

scene(it, test, 'a restore without a connection says so, and goes on by itself', async ({ person, people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  await acquaint(alice, bob);
  await alice.go('#/');
  await alice.synchronised();
  const phrase = await alice.readPhrase();
  const again = await person('Alice-again');
  again.expect(CUT);
  await again.context.route(ONION, (route) => route.abort());
  await again.button('Restore account').click();
  await again.page.getByRole('combobox', { name: 'Word 1', exact: true }).fill(phrase);
  await again.button('Restore').click();
  await again.page.getByRole('alert').getByText(/The restore goes on by itself|longer than usual/).waitFor();
  await lookInAllSizes(again, 'restoring');
  const progress = again.page.getByRole('progressbar');
  const before = Number(await progress.getAttribute('value') ?? await progress.evaluate((bar) => bar.value));
  await again.context.unroute(ONION);
  await eventually('it went on', async () => (await progress.count()) === 0 || (await progress.evaluate((bar) => bar.value)) >= before);
  await again.row(bob.id).waitFor({ timeout: 60 * SECOND });
}, 180_000);

scene(it, test, 'what is done on one device is seen on the other', async (cast) => {
  const [one, two, bob, carol] = await twoDevices(cast, 'Alice', 'Bob', 'Carol');
  const patience = { timeout: 15 * SECOND };

  await one.nickname(bob.id, 'Bobby');
  await one.toggle(carol.id, 'Pin to the top', 'Unpin');
  await one.go('#/');
  await two.row(bob.id).getByText('Bobby', { exact: true }).waitFor(patience);
  await sign(two, carol.id, 'Pinned').waitFor(patience);

  await two.go('#/account');
  await two.button('Edit name').click();
  await two.textbox('Display name').fill('Alice B.');
  await two.button('Save').click();
  await one.go('#/account');
  await one.dialog().getByRole('heading', { name: 'Alice B.', level: 3 }).waitFor(patience);
  await one.go('#/');
  await two.go('#/');

  // Reading.
  await carol.conversation().send('Who reads this first?');
  for (const device of [one, two]) await device.row(carol.id).getByText('1 unread message').waitFor({ state: 'attached', ...patience });
  await (await two.open(carol.id)).message('Who reads this first?').waitFor();
  await eventually('it is read on the other device, too', async () => (await one.row(carol.id).getByText('1 unread message').count()) === 0, patience.timeout);
  await two.inContact(carol.id, (sheet) => sheet.getByRole('button', { name: 'Mark as unread' }).click());
  await one.row(carol.id).getByText('Marked as unread').waitFor({ state: 'attached', ...patience });

  // Accepting.
  const [dave] = await cast.people('Dave');
  await (await dave.open(one.id)).send('Let me in');
  await two.requestsBanner().waitFor(patience);
  await one.openRequest(dave.id);
  await one.button('Accept').click();
  await one.go('#/');
  await two.row(dave.id).waitFor(patience);
  assert.equal(await two.requestsBanner().count(), 0);

  // Blocking, on both; what the blocked person writes appears nowhere.
  await one.block(bob.id);
  await eventually('blocked on the other device, too', async () => (await blockedPeople(two)).includes(bob.id), patience.timeout);
  const fromBob = bob.conversation();
  await fromBob.send('Can anybody hear me?');
  await fromBob.reaches('Can anybody hear me?', 'sent');
  // Something that was sent later has arrived: so would this have.
  await carol.conversation().send('Sent after that');
  for (const device of [one, two]) await (await device.open(carol.id)).message('Sent after that').waitFor(patience);
  for (const device of [one, two]) {
    const chat = await device.open(bob.id);
    await stays('nothing of it is shown', async () => (await chat.countOf('Can anybody hear me?')) === 0, 3 * SECOND);
    await device.go('#/');
    assert.equal(await device.requestsBanner().count(), 0);
    assert.equal(await device.row(bob.id).getByText(/unread message/).count(), 0);
  }

  // And back: the list of blocked people.
  await two.go('#/blocked');
  await two.button('Unblock Bobby').click();
  await two.dialog().getByText('Nobody is blocked.').waitFor();
  await two.go('#/');
  await eventually('free on the other device, too', async () => (await blockedPeople(one)).length === 0, patience.timeout);
}, 240_000);

scene(it, test, 'what two devices change while both are offline comes together', async (cast) => {
  const [one, two, bob, carol] = await twoDevices(cast, 'Alice', 'Bob', 'Carol');
  for (const device of [one, two]) {
    device.expect(CUT);
    await device.context.setOffline(true);
  }
  await one.nickname(bob.id, 'Bobby');
  await one.toggle(carol.id, 'Pin to the top', 'Unpin');
  await two.toggle(bob.id, 'Pin to the top', 'Unpin');
  await two.toggle(carol.id, 'Mute', 'Unmute');
  for (const device of [one, two]) await device.go('#/');
  await Promise.all([one, two].map((device) => device.context.setOffline(false)));
  for (const device of [one, two]) {
    await device.row(bob.id).getByText('Bobby', { exact: true }).waitFor({ timeout: 60 * SECOND });
    await sign(device, bob.id, 'Pinned').waitFor({ timeout: 60 * SECOND });
    await sign(device, carol.id, 'Pinned').waitFor();
    await sign(device, carol.id, 'Muted').waitFor();
    await device.synchronised(60 * SECOND);
  }
}, 240_000);

scene(it, test, 'a thousand contacts are back within five seconds, and the page never hangs', async ({ person }) => {
  const contacts = 1000;
  const filled = await promisify(execFile)(process.env.FILL_SWARM_BIN, [it.network.url, 0, 0, contacts]);
  const alice = await person('Alice');
  await alice.button('Restore account').click();
  await alice.page.getByRole('combobox', { name: 'Word 1', exact: true }).fill(filled.stdout.trim());
  // Noted by the page itself: the moment the list holds everybody.
  const took = alice.page.evaluate((wanted) => new Promise((resolve) => {
    let started;
    addEventListener('submit', () => { started = performance.now(); }, { capture: true });
    const look = () => {
      const list = document.querySelector('.rows');
      if (Number(list?.dataset.length) >= wanted) resolve(performance.now() - started);
      else requestAnimationFrame(look);
    };
    look();
  }), contacts);
  let ms;
  const restoring = await longestTasks(it.browser, alice.page, async () => {
    await alice.button('Restore').click();
    ms = await took;
    await alice.atHome();
  });
  // To the end of the list, as with a wheel.
  const scrolling = await longestTasks(it.browser, alice.page, () => eventually('the end of the list', async () => {
    await alice.page.locator('.list-scroll').evaluate((node) => { node.scrollTop += 4 * node.clientHeight; });
    return (await alice.page.getByText(`Friend ${contacts}`, { exact: true }).count()) > 0;
  }));
  const searching = await longestTasks(it.browser, alice.page, async () => {
    await alice.page.getByRole('searchbox', { name: 'Search conversations' }).fill('Friend 500');
    await alice.page.getByText('Friend 500', { exact: true }).waitFor();
  });
  console.log(`  1,000 contacts restored in ${Math.round(ms)} ms`);
  assert.ok(ms <= 5 * SECOND, `took ${Math.round(ms)} ms`);
  for (const [what, { tasks, cpu, clock }] of Object.entries({ restoring, scrolling, searching })) {
    console.log(`  ${what}: longest tasks ${cpu} ms on the processor, ${clock} ms by the clock`);
    assert.ok(tasks > 0, 'tasks are seen');
    assert.ok(cpu[0] <= 50, `${what} holds the page up for ${cpu[0]} ms`);
  }
}, 120_000);

scene(it, test, 'account data that the network lost is put back from a device', async (cast) => {
  const { person } = cast;
  const [alice, bob] = await cast.people('Alice', 'Bob');
  await acquaint(alice, bob);
  await alice.nickname(bob.id, 'Bobby');
  await alice.go('#/');
  await alice.synchronised();
  const phrase = await alice.readPhrase();
  await alice.page.close();
  await it.network.command('clock +31d');
  // Nothing is left: a restore finds an empty account.
  const empty = await person('Nobody');
  await empty.restore(phrase);
  await stays('nothing came back', async () => (await empty.row(bob.id).count()) === 0, 3 * SECOND);
  await empty.page.close();

  await alice.openTab();
  await alice.page.getByTestId('sync-bar').getByText(/put back from this device/).waitFor({ timeout: 60 * SECOND });
  await alice.page.getByTestId('sync-bar').getByRole('button', { name: 'Close' }).click();
  await alice.page.getByTestId('sync-bar').waitFor({ state: 'detached' });
  await alice.synchronised(60 * SECOND);
  const again = await person('Alice-again');
  await again.restore(phrase);
  await again.row(bob.id).getByText('Bobby', { exact: true }).waitFor({ timeout: 60 * SECOND });
}, 240_000);

scene(it, test, 'account data that was not renewed for weeks is said to end, and is renewed', async ({ person }) => {
  // A service worker would answer for worker.js, whose clock is to be moved.
  const alice = await person('Alice', { serviceWorkers: 'block' });
  alice.expect(/Service Worker registration blocked/);
  await alice.createAccount();
  await alice.synchronised();
  await alice.page.close();
  // The device comes back after twenty days, and for a while reaches nobody.
  await it.network.command('clock +20d');
  alice.expect(CUT);
  await alice.context.clock.install({ time: Date.now() + 20 * DAY });
  await alice.context.route('**/worker.js', async (route) => {
    const response = await route.fetch();
    const late = `{ const now = Date.now.bind(Date); const D = Date; globalThis.Date = class extends D { constructor(...a) { if (a.length) super(...a); else super(now() + ${20 * DAY}); } static now() { return now() + ${20 * DAY}; } }; }\n`;
    await route.fulfill({ response, body: late + (await response.text()) });
  });
  await alice.context.route(ONION, (route) => route.abort());
  await alice.openTab();
  const bar = alice.page.getByTestId('sync-bar');
  await bar.getByText(/not renewed for over two weeks/).waitFor();
  await bar.getByRole('button', { name: 'Details' }).click();
  await alice.page.getByTestId('sync').getByText(/not renewed for over two weeks/).waitFor();
  await alice.picture('sync-near-expiry');
  await alice.go('#/');
  await alice.context.unroute(ONION);
  await bar.waitFor({ state: 'detached', timeout: 60 * SECOND });
  await alice.synchronised(60 * SECOND);
}, 180_000);
