// Seen from the nodes: what gateway, guard and relays could read. The network here writes every packet down; the shipped
// program has no code for that.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { eventually } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { acquaint } from './pages/person.mjs';

const it = world({ tap: true });

async function records() {
  return (await readFile(it.network.tapFile, 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

scene(it, test, 'nobody on the way sees who writes to whom, or what', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob, 'A very particular sentence');
  await theirs.send('Another particular sentence');
  await mine.message('Another particular sentence').waitFor();

  const all = await eventually('whole journeys were seen', async () => {
    const seen = await records();
    return seen.some((record) => record.role === 'destination') && seen;
  });
  const hex = (text) => Buffer.from(text, 'utf8').toString('hex');
  const bodyOf = (record) => record.in_hex + (record.role === 'destination' ? '' : record.opened_hex ?? '');
  const destinations = new Set(all.filter((record) => record.role === 'destination').map((record) => record.node));
  const secrets = [
    ...[alice.id, bob.id].flatMap((id) => [id, id.slice(2), hex(id), hex(id.slice(2))]),
    ...['A very particular sentence', 'Another particular sentence', 'store', 'retrieve', 'pubkey'].map(hex),
  ];

  const gateway = all.filter((record) => record.at === 'gateway');
  const guards = all.filter((record) => record.role === 'guard');
  const relays = all.filter((record) => record.role === 'relay');
  assert.ok(gateway.length > 0 && guards.length > 0 && relays.length > 0);
  for (const record of [...gateway, ...guards, ...relays]) {
    for (const secret of secrets) assert.ok(!bodyOf(record).includes(secret), `${record.role} sees ${secret}`);
  }
  // Gateway and guard do not learn which node a request is for, in any form.
  for (const record of [...gateway, ...guards]) {
    for (const node of destinations) {
      if (node === record.next || node === record.guard) continue; // the next hop of one request may be the destination of another
      for (const form of [node, hex(node), Buffer.from(node, 'hex').toString('base64').replace(/=+$/, '')]) {
        assert.ok(!bodyOf(record).includes(form), `${record.role} sees the destination ${node}`);
      }
    }
  }
});

scene(it, test, 'each request passes four different nodes, in layers that the browser made', async ({ people }) => {
  const [alice] = await people('Alice');
  const self = await alice.open(alice.id);
  await self.send('layers');
  await self.reaches('layers', 'sent');
  const all = await records();
  // A journey: the gateway's packet, then hop by hop the record whose packet is what the one before passed on.
  let whole = 0;
  for (const start of all.filter((record) => record.at === 'gateway')) {
    const guard = all.find((record) => record.role === 'guard' && record.node === start.guard && start.in_hex.includes(record.in_hex));
    const first = guard && all.find((record) => record.role === 'relay' && record.node === guard.next && guard.opened_hex.includes(record.in_hex));
    const second = first && all.find((record) => record.role === 'relay' && record.node === first.next && first.opened_hex.includes(record.in_hex));
    const last = second && all.find((record) => record.role === 'destination' && record.node === second.next && second.opened_hex.includes(record.in_hex));
    if (!last) continue;
    whole += 1;
    const way = [guard, first, second, last].map((record) => record.node);
    assert.equal(new Set(way).size, 4, `one node twice on a way: ${way.join(' ')}`);
    // Every layer has a key of its own and was inside the packet that the browser gave away.
    assert.equal(new Set([guard, first, second, last].map((record) => record.ephemeral)).size, 4);
    const sizes = [start, guard, first, second, last].map((record) => record.in_hex.length);
    assert.deepEqual(sizes, sizes.toSorted((a, b) => b - a), 'each layer holds the next');
  }
  assert.ok(whole >= 3, `only ${whole} whole journeys were found in ${all.length} records`);
});
