// Nodes with a certificate and leave for pages: guards without any gateway.
import { test } from 'node:test';
import { SECOND } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { acquaint } from './pages/person.mjs';

const it = world({ own: { gateways: 1, direct: true } });

scene(it, test, 'without any gateway, pages go straight to nodes that take their packets', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  for (const person of [alice, bob]) person.expect(/net::ERR_/);
  const [mine, theirs] = await acquaint(alice, bob);
  await it.network.stopGateway(0);
  const asked = [];
  alice.page.on('request', (request) => asked.push(request.url()));
  await mine.send('nobody in between');
  await theirs.message('nobody in between').waitFor({ timeout: 30 * SECOND });
  await theirs.send('nor here');
  await mine.message('nor here').waitFor({ timeout: 30 * SECOND });
  await alice.go('#/gateways');
  await alice.page.getByTestId('way').filter({ hasText: 'No gateway' }).filter({ hasText: 'in use' }).waitFor();
  await alice.go('#/path');
  await alice.page.getByTestId('hop').first().waitFor();
  await alice.page.getByTestId('gateway').waitFor({ state: 'detached' });
  await it.network.startGateway(0);
}, 180_000);
