// What happens to a browser: closed, reloaded, cut off, killed, full, doubled, with a wrong clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { lookInAllSizes } from './lib/looks.mjs';
import { SECOND, eventually, stays } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { acquaint } from './pages/person.mjs';

const it = world({ echo: true });
const ONION = '**/gw/v1/onion/**';
const CUT = /Failed to load resource|net::ERR_|fetch/i;

scene(it, test, 'alone on a fresh network, Echo is offered and answers', async ({ people }) => {
  const [alice] = await people('Alice');
  const offer = alice.page.getByTestId('echo-suggestion');
  await offer.waitFor();
  await offer.getByRole('button').click();
  const chat = alice.conversation();
  await chat.send('Anybody there?');
  await eventually('Echo answers', async () =>
    (await chat.messages.evaluateAll((all) => all.filter((m) => m.dataset.mine === 'false' && m.textContent.includes('Anybody there?')).length)) > 0);
  assert.ok(alice.page.url().endsWith(it.network.echo));
});

scene(it, test, 'notes to self are kept, and sent', async ({ people }) => {
  const [alice] = await people('Alice');
  await alice.go('#/new');
  await alice.button('Write a note to yourself').click();
  const self = alice.conversation();
  await self.send('milk, bread');
  await self.reaches('milk, bread', 'sent');
  await alice.row(alice.id).getByText('Note to self').waitFor();
  assert.equal(await self.countOf('milk, bread'), 1);
});

scene(it, test, 'everything is there after reloading, and after closing and opening again', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob, 'First');
  await theirs.send('Second');
  await mine.message('Second').waitFor();
  await mine.react('Second', '👍');
  await theirs.reactions('Second').waitFor();
  const check = async () => {
    const chat = await alice.open(bob.id);
    await chat.message('Second').waitFor();
    assert.deepEqual(await chat.texts(), ['First', 'Second']);
    assert.equal(await chat.reactions('Second').count(), 1);
    assert.equal(await alice.readId(), alice.id);
  };
  await alice.reload();
  await check();
  await alice.page.close();
  await alice.openTab();
  await alice.atHome();
  await check();
  await theirs.send('Third');
  await (await alice.open(bob.id)).message('Third').waitFor();
});

scene(it, test, 'offline, messages wait; online, they leave once', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  alice.expect(CUT);
  await alice.context.setOffline(true);
  await alice.page.getByText(/No connection/).first().waitFor();
  await mine.send('Written offline 1');
  await mine.send('Written offline 2');
  await mine.reaches('Written offline 1', 'sending');
  // They outlive the tab, too. The way out is shut before the network is back: a worker may outlive its tab a moment.
  await alice.context.route(ONION, (route) => route.abort('internetdisconnected'));
  await alice.page.close();
  await alice.context.setOffline(false);
  await alice.openTab(`#/c/${bob.id}`);
  const again = alice.conversation();
  await again.message('Written offline 2').waitFor();
  await again.reaches('Written offline 2', 'sending');
  await alice.context.unroute(ONION);
  await again.reaches('Written offline 1', 'sent', 60 * SECOND);
  await again.reaches('Written offline 2', 'sent', 60 * SECOND);
  await theirs.message('Written offline 2').waitFor();
  await stays('each arrived once', async () =>
    (await theirs.countOf('Written offline 1')) === 1 && (await theirs.countOf('Written offline 2')) === 1, 4 * SECOND);
});

scene(it, test, 'a tab killed between writing down and sending loses and doubles nothing', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  alice.expect(CUT);
  let held = 0;
  await alice.context.route(ONION, () => { held += 1; }); // never answered, never sent on
  await mine.send('Survives the kill');
  await mine.reaches('Survives the kill', 'sending');
  await eventually('requests are held', () => held > 0);
  await alice.page.close({ runBeforeUnload: false });
  assert.equal(await theirs.countOf('Survives the kill'), 0, 'nothing had left');
  await alice.context.unrouteAll({ behavior: 'ignoreErrors' }); // what is held still may leave now, and be the same message

  await alice.openTab(`#/c/${bob.id}`);
  const again = alice.conversation();
  await again.reaches('Survives the kill', 'sent');
  await theirs.message('Survives the kill').waitFor();
  await stays('it arrived once', async () =>
    (await theirs.countOf('Survives the kill')) === 1 && (await again.countOf('Survives the kill')) === 1, 4 * SECOND);
});

scene(it, test, 'a tab killed after sending, before the answer, doubles nothing', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  alice.expect(CUT);
  // Requests go out, answers never come back.
  await alice.context.route(ONION, async (route) => { await route.fetch().catch(() => {}); });
  await mine.send('Sent, but who knows');
  await theirs.message('Sent, but who knows').waitFor();
  await mine.reaches('Sent, but who knows', 'sending');
  await alice.page.close({ runBeforeUnload: false });
  await alice.context.unrouteAll({ behavior: 'ignoreErrors' });
  await alice.openTab(`#/c/${bob.id}`);
  const again = alice.conversation();
  await again.reaches('Sent, but who knows', 'sent');
  await stays('it is there once', async () =>
    (await theirs.countOf('Sent, but who knows')) === 1 && (await again.countOf('Sent, but who knows')) === 1, 4 * SECOND);
});

scene(it, test, 'full storage is said clearly and nothing is lost', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  alice.expect(/quota/i);
  // Chromium's own quota counts late and roughly, so the store itself says what it would say then.
  const engine = alice.page.workers()[0];
  await engine.evaluate(() => {
    const { put } = IDBObjectStore.prototype;
    globalThis.roomAgain = () => { IDBObjectStore.prototype.put = put; };
    IDBObjectStore.prototype.put = () => { throw new DOMException('The storage is full.', 'QuotaExceededError'); };
  });
  await mine.composer.fill('No room for this');
  await mine.composer.press('Enter');
  await theirs.send('Comes while it is full');
  await alice.page.getByText(/storage of this browser is full/i).first().waitFor();
  // From here on what is written stays in the field.
  if (!(await mine.composer.inputValue())) await mine.composer.fill('Nor for this');
  const written = await mine.composer.inputValue();
  await mine.composer.press('Enter');
  assert.ok(await mine.sendButton.isDisabled());
  assert.equal(await mine.composer.inputValue(), written);
  await lookInAllSizes(alice, 'storage-full');
  await engine.evaluate(() => globalThis.roomAgain());
  await mine.message('Comes while it is full').waitFor({ timeout: 60 * SECOND });
  await mine.sendButton.click();
  await theirs.message(written).waitFor({ timeout: 60 * SECOND });
  await theirs.message('No room for this').waitFor({ timeout: 60 * SECOND });
  await eventually('the warning is gone', async () => (await alice.page.getByText(/storage of this browser is full/i).count()) === 0);
  await stays('it arrived once', async () => (await theirs.countOf('No room for this')) === 1, 3 * SECOND);
});

scene(it, test, 'a second tab says so and takes over when asked', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  await acquaint(alice, bob);
  const first = alice.page;
  const second = await alice.openTab(`#/c/${bob.id}`);
  await alice.button('Use here').click();
  const here = alice.conversation();
  await here.message('Hello from Alice').waitFor();
  await here.send('From the second tab');
  await here.reaches('From the second tab', 'sent');
  await first.getByRole('button', { name: 'Use here' }).waitFor();
  // And back again; closing the other tab is not needed.
  await first.getByRole('button', { name: 'Use here' }).click();
  await first.getByRole('button', { name: 'Account menu' }).waitFor({ state: 'attached' });
  await second.getByRole('button', { name: 'Use here' }).waitFor();
});

scene(it, test, 'a reload keeps the engine, however slow it is, while other tabs wait unseen', async ({ person }) => {
  // A service worker would answer for worker.js, and nothing could slow it down.
  const alice = await person('Alice', { serviceWorkers: 'block' });
  alice.expect(/Service Worker registration blocked/);
  await alice.createAccount();
  const first = alice.page;
  // Playwright's pages are all in front, so this one says itself whether it is.
  await alice.context.addInitScript(() => {
    if (!location.hash.startsWith('#/new')) return;
    let hidden = true;
    Object.defineProperty(document, 'hidden', { get: () => hidden });
    Object.defineProperty(document, 'visibilityState', { get: () => (hidden ? 'hidden' : 'visible') });
    globalThis.comeToFront = () => { hidden = false; document.dispatchEvent(new Event('visibilitychange')); };
  });
  const waiting = await alice.openTab('#/new');
  await waiting.getByRole('button', { name: 'Use here' }).waitFor();

  alice.page = first;
  // Longer than a tab in front would wait.
  let slowed = 0;
  await alice.context.route('**/worker.js', async (route) => {
    slowed += 1;
    await pause(4 * SECOND);
    await route.continue();
  });
  await alice.reload();
  assert.equal(slowed, 1);
  assert.equal(await waiting.getByRole('button', { name: 'Use here' }).count(), 1, 'the other tab still waits');
  await alice.context.unrouteAll({ behavior: 'ignoreErrors' });

  // With the owner gone for good, coming to the front is enough.
  await first.close();
  await waiting.evaluate(() => globalThis.comeToFront());
  await waiting.getByRole('dialog').waitFor({ timeout: 10 * SECOND });
});

for (const hours of [3, -3]) {
  scene(it, test, `a device clock that is ${Math.abs(hours)} hours ${hours > 0 ? 'ahead' : 'behind'} does not matter`, async ({ person, people }) => {
    const [bob] = await people('Bob');
    const alice = await person('Alice', { serviceWorkers: 'block' });
    alice.expect(/Service Worker registration blocked/);
    const shift = `{ const now = Date.now.bind(Date); const by = ${hours * 3600 * SECOND}; const D = Date;
      globalThis.Date = class extends D { constructor(...a) { if (a.length) super(...a); else super(now() + by); } static now() { return now() + by; } }; }\n`;
    await alice.context.addInitScript(shift);
    await alice.context.route('**/worker.js', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: shift + (await response.text()) });
    });
    await alice.page.goto('about:blank');
    await alice.page.goto(alice.url);
    await alice.createAccount();
    const [mine, theirs] = await acquaint(alice, bob, 'My clock is wrong');
    await theirs.send('So it is');
    await mine.message('So it is').waitFor();
    await mine.send('Never mind');
    await theirs.message('Never mind').waitFor();
    assert.deepEqual(await theirs.texts(), ['My clock is wrong', 'So it is', 'Never mind']);
    assert.deepEqual(await mine.texts(), ['My clock is wrong', 'So it is', 'Never mind']);
    await alice.go('#/path');
    await alice.dialog().getByText(hours > 0 ? /ahead/ : /behind/).waitFor();
  });
}
