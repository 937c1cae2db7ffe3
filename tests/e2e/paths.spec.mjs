// The onion path: shown, rebuilt, and replaced when nodes go away.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND, eventually, stays } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { acquaint } from './pages/person.mjs';

const it = world();

async function hops(person) {
  const shown = person.page.getByTestId('hop');
  await eventually('three hops are shown', async () => (await shown.count()) === 3);
  return shown.evaluateAll((all) => all.map((hop) => hop.dataset.key));
}

scene(it, test, 'the path view shows three nodes and the swarm, and builds a new path', async ({ people }) => {
  const [alice] = await people('Alice');
  await alice.go('#/path');
  const before = await hops(alice);
  assert.equal(new Set(before).size, 3);
  for (const key of before) assert.match(key, /^[0-9a-f]{64}$/);
  await eventually('the swarm is shown', async () => (await alice.page.getByTestId('swarm-node').count()) === 5);
  await alice.button('New path').click();
  await eventually('another path', async () => {
    const now = await alice.page.getByTestId('hop').evaluateAll((all) => all.map((hop) => hop.dataset.key));
    return now.length === 3 && now.join() !== before.join();
  });
  await alice.go('#/');
  const self = await alice.open(alice.id);
  await self.send('over the new path');
  await self.reaches('over the new path', 'sent');
});

scene(it, test, 'any node may go away during a conversation', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  const sent = ['Hello from Alice'];
  for (let node = 1; node <= it.network.nodes; node += 1) {
    await it.network.command(`stop ${node}`);
    const text = `without node ${node}`;
    sent.push(text);
    const started = Date.now();
    await mine.send(text);
    await mine.reaches(text, 'sent', 10 * SECOND);
    assert.ok(Date.now() - started < 10 * SECOND, `“${text}” took ${Date.now() - started} ms`);
    await theirs.message(text).waitFor();
    await it.network.command(`start ${node}`);
  }
  await stays('nothing is lost, nothing is doubled, all is in order', async () =>
    JSON.stringify(await theirs.texts()) === JSON.stringify(sent), 4 * SECOND);
}, 240_000);
