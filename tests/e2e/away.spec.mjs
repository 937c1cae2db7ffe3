// Forward secrecy with somebody who is away: longer than a prekey is in use, longer than one is kept.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND, eventually } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';

const it = world({ tap: true });
const MINUTE = 60 * SECOND;
const BUNDLE = -6021;

async function prekeyOf({ id }) {
  const members = await it.network.published(id, BUNDLE);
  assert.ok(members.every((blobs) => blobs.length === 1));
  return members[0][0].toString('hex', 48, 52);
}

// Bob has an account, his keys are published, and he is gone. Gives his prekey.
async function leave(bob) {
  await bob.synchronised();
  const prekey = await eventually('his keys are published', () => prekeyOf(bob));
  await bob.page.close();
  return prekey;
}

async function namespacesFor({ id }) {
  return new Set((await it.network.stores()).filter(({ to }) => to === id).map(({ namespace }) => namespace));
}

scene(it, test, 'first contact while the other is away for longer than a prekey is in use', async ({ people }) => {
  const [bob] = await people('Bob');
  const old = await leave(bob);
  await it.network.command('clock +26h');
  const [alice] = await people('Alice');
  const mine = await alice.open(bob.id);
  const texts = ['First', 'Second', 'Third'];
  for (const text of texts) await mine.send(text);
  for (const text of texts) await mine.reaches(text, 'sent', MINUTE);
  assert.equal(await prekeyOf(bob), old, 'he has not been here');

  await bob.openTab();
  const theirs = await bob.openRequest(alice.id);
  for (const text of texts) await theirs.message(text).waitFor();
  await bob.button('Accept').click();
  await theirs.send('I am back');
  await mine.message('I am back').waitFor();
  for (const text of texts) await mine.reaches(text, 'delivered');
  await mine.send('Good');
  await theirs.message('Good').waitFor();
  for (const person of [alice, bob]) await person.isSecret();
  for (const chat of [mine, theirs]) assert.deepEqual(await chat.texts(), [...texts, 'I am back', 'Good']);
  await eventually('he has a new prekey', async () => (await prekeyOf(bob)) !== old, MINUTE);
  for (const person of [alice, bob]) assert.ok(!(await namespacesFor(person)).has(0), 'nothing came without forward secrecy');
}, 180_000);

scene(it, test, 'first contact that waits for five days, sent again meanwhile, and prekeys deleted after it', async ({ people }) => {
  const [bob] = await people('Bob');
  const old = await leave(bob);
  const [alice] = await people('Alice');
  const mine = await alice.open(bob.id);
  await mine.send('On the first day');
  await mine.reaches('On the first day', 'sent', MINUTE);
  await it.network.command('clock +3d');
  await mine.send('On the fourth day');
  await mine.reaches('On the fourth day', 'sent', MINUTE);
  await it.network.command('clock +2d');
  await mine.send('On the sixth day');
  await mine.reaches('On the sixth day', 'sent', MINUTE);
  assert.equal(await prekeyOf(bob), old);

  await bob.openTab();
  const theirs = await bob.openRequest(alice.id);
  const texts = ['On the first day', 'On the fourth day', 'On the sixth day'];
  for (const text of texts) await theirs.message(text).waitFor();
  await bob.button('Accept').click();
  await theirs.send('I am back');
  await mine.message('I am back').waitFor();
  await eventually('he has a new prekey', async () => (await prekeyOf(bob)) !== old, MINUTE);
  // Now the old one goes, while both are here. Nodes refuse their requests for some 20 seconds: the time of the network was
  // asked for a moment ago, and whoever complains so soon after that is taken to be wrong.
  await it.network.command('clock +80h');
  await mine.send('Days later');
  await theirs.message('Days later').waitFor({ timeout: MINUTE });
  await theirs.send('As ever');
  await mine.message('As ever').waitFor({ timeout: MINUTE });
  for (const text of [...texts, 'Days later']) await mine.reaches(text, 'delivered', MINUTE);
  for (const person of [alice, bob]) await person.isSecret();
  for (const chat of [mine, theirs]) assert.deepEqual(await chat.texts(), [...texts, 'I am back', 'Days later', 'As ever']);
  for (const person of [alice, bob]) assert.ok(!(await namespacesFor(person)).has(0), 'nothing came without forward secrecy');
}, 240_000);
