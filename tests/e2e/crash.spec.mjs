// The browser killed at each point at which something is half done (the table of crash points in ARCHITECTURE.md, with
// forward secrecy): nothing is lost, nothing is there twice, and the conversation goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTrap } from './lib/trap.mjs';
import { SECOND, eventually, stays } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { FRIENDS_SAID, keptFriends } from './pages/person.mjs';

const it = world({ tap: true });
const ONION = '**/gw/v1/onion/**';
const CUT = /Failed to load resource|net::ERR_|fetch/i;
const BUNDLE = -6021;

// Starts the browser again in the conversation, without a way to any node.
async function startCutOff(browser, bob) {
  const alice = await browser.start(`#/c/${bob.id}`, (context) => context.route(ONION, (route) => route.abort('internetdisconnected')));
  alice.expect(CUT);
  const mine = alice.conversation();
  await mine.message('Hello from Bob').waitFor();
  return mine;
}

// They write on, `text` of `writer` and everything after it is delivered, and nothing is there twice or lacks forward secrecy.
async function goOn(mine, theirs, writer, text) {
  await theirs.send('Go on, Alice');
  await mine.message('Go on, Alice').waitFor({ timeout: 60 * SECOND });
  await mine.send('Go on, Bob');
  await theirs.message('Go on, Bob').waitFor({ timeout: 60 * SECOND });
  await theirs.reaches('Go on, Alice', 'delivered');
  await theirs.send('The end');
  await mine.message('The end').waitFor();
  await mine.reaches('Go on, Bob', 'delivered');
  await writer.reaches(text, 'delivered');
  for (const { person } of [mine, theirs]) await person.isSecret();
  for (const chat of [mine, theirs]) {
    assert.deepEqual(await chat.texts(), [...FRIENDS_SAID, text, 'Go on, Alice', 'Go on, Bob', 'The end']);
  }
}

// What was stored for Bob since, as it lies in his swarm.
async function storedSince(bob, count) {
  return (await it.network.stores()).filter(({ to, namespace }) => to === bob.id && namespace === 6000).map(({ data }) => data).slice(count);
}

scene(it, test, 'killed before the commit of a sent message: it is still a draft', async (cast) => {
  const { bob, browser, mine, theirs } = await keptFriends(cast);
  await mine.composer.fill('Sent');
  await browser.person.go('#/');
  await browser.person.row(bob.id).getByText('Draft:').waitFor(); // written down
  await browser.person.open(bob.id);
  const trap = await setTrap(browser.person.page, 'before commit (send)');
  await mine.sendButton.click();
  await trap.sprung();
  await browser.kill();

  const again = (await browser.start(`#/c/${bob.id}`)).conversation();
  await again.message('Hello from Bob').waitFor();
  assert.equal(await again.countOf('Sent'), 0);
  assert.equal(await again.composer.inputValue(), 'Sent');
  await again.sendButton.click();
  await theirs.message('Sent').waitFor();
  await goOn(again, theirs, again, 'Sent');
}, 120_000);

scene(it, test, 'killed after the commit of a sent message, before its store: it goes out by itself', async (cast) => {
  const { bob, browser, mine, theirs } = await keptFriends(cast);
  const trap = await setTrap(browser.person.page, 'after commit, before store');
  await mine.composer.fill('Sent');
  await mine.sendButton.click();
  await trap.sprung();
  await stays('nothing has left', async () => (await theirs.countOf('Sent')) === 0, SECOND);
  await browser.kill();

  const again = await startCutOff(browser, bob);
  await again.reaches('Sent', 'sending');
  await again.person.context.unroute(ONION);
  await theirs.message('Sent').waitFor({ timeout: 60 * SECOND });
  await goOn(again, theirs, again, 'Sent');
}, 120_000);

scene(it, test, 'killed after the store, before its result is committed: the same bytes are stored again', async (cast) => {
  const { bob, browser, mine, theirs } = await keptFriends(cast);
  const before = (await storedSince(bob, 0)).length;
  const trap = await setTrap(browser.person.page, 'after store, before its result is committed');
  await mine.composer.fill('Sent');
  await mine.sendButton.click();
  await trap.sprung();
  await theirs.message('Sent').waitFor();
  await browser.kill();
  const first = await storedSince(bob, before);

  const again = (await browser.start(`#/c/${bob.id}`)).conversation();
  await again.reaches('Sent', 'sent');
  const all = await storedSince(bob, before);
  assert.ok(all.length > first.length, 'it was stored again');
  assert.deepEqual(new Set(all), new Set(first), 'the same bytes');
  await goOn(again, theirs, again, 'Sent');
}, 120_000);

scene(it, test, 'killed before the commit of a received message: it is fetched again', async (cast) => {
  const { bob, browser, mine, theirs } = await keptFriends(cast);
  const trap = await setTrap(browser.person.page, 'before commit (receive)');
  await theirs.send('Received');
  await trap.sprung();
  assert.equal(await mine.countOf('Received'), 0);
  await browser.kill();

  const again = await startCutOff(browser, bob);
  assert.equal(await again.countOf('Received'), 0);
  await again.person.context.unroute(ONION);
  await again.message('Received').waitFor({ timeout: 60 * SECOND });
  await goOn(again, theirs, theirs, 'Received');
}, 120_000);

scene(it, test, 'killed after the commit of a received message, before it is shown or acknowledged: both happen', async (cast) => {
  const { bob, browser, mine, theirs } = await keptFriends(cast);
  const trap = await setTrap(browser.person.page, 'after commit (receive), before UI and ack');
  await theirs.send('Received');
  await trap.sprung();
  await theirs.reaches('Received', 'sent');
  assert.equal(await mine.countOf('Received'), 0);
  await browser.kill();

  const again = await startCutOff(browser, bob);
  await again.message('Received').waitFor(); // from its own disk
  assert.equal(await theirs.message('Received').getAttribute('data-state'), 'sent');
  await again.person.context.unroute(ONION);
  await goOn(again, theirs, theirs, 'Received');
}, 120_000);

// Last, because it moves the clock: the bundle is published anew every day.
scene(it, test, 'killed during the publication of a bundle: it is published after the restart', async (cast) => {
  const { bob, browser, theirs } = await keptFriends(cast);
  const { id } = browser.person;
  const bundle = async () => {
    const members = await it.network.published(id, BUNDLE);
    assert.ok(members.every(([blob, ...more]) => more.length === 0 && blob.equals(members[0][0])), 'all members hold the same');
    const [blob] = members[0];
    return { prekey: blob.toString('hex', 48, 52), revision: Number(blob.readBigUInt64LE(24)) };
  };
  const before = await bundle();
  const trap = await setTrap(browser.person.page, 'during bundle publication');
  await it.network.command('clock +26h');
  await theirs.send('A day later');
  await trap.sprung();
  assert.deepEqual(await bundle(), before, 'nothing new is published');
  await browser.kill();

  const again = (await browser.start(`#/c/${bob.id}`)).conversation();
  const after = await eventually('the bundle is published', async () => {
    const now = await bundle();
    return now.prekey !== before.prekey && now;
  }, 60 * SECOND);
  assert.equal(after.revision, before.revision + 1, 'the one that was committed');
  await goOn(again, theirs, theirs, 'A day later');

  // Somebody who knows nothing but what is published now.
  const [carol] = await cast.people('Carol');
  await (await carol.open(id)).send('Hello from Carol');
  const hers = await again.person.openRequest(carol.id);
  await hers.message('Hello from Carol').waitFor();
  await again.person.button('Accept').click();
  await again.person.isSecret();
}, 180_000);
