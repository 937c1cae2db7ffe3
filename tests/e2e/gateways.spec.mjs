// Two gateways of a network of one's own: when one goes, the other is there; and none of them can change who the nodes are.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SECOND, eventually } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { acquaint } from './pages/person.mjs';

const it = world({ own: { gateways: 2 } });
// A gateway that is gone is a failed request to the browser.
const GONE = /net::ERR_/;

// The line of a way in the dialog of gateways.
function way(person, name) {
  return person.page.getByTestId('way').filter({ hasText: name });
}

async function inUse(person, name) {
  await person.go('#/gateways');
  await way(person, name).filter({ hasText: 'in use' }).waitFor();
}

scene(it, test, 'a chat goes on when its gateway goes away, and returns to it', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  for (const person of [alice, bob]) person.expect(GONE);
  const policy = (await alice.page.request.get(it.network.url)).headers()['content-security-policy'];
  assert.ok(policy.includes(`connect-src 'self' ${it.network.origins[1]};`), policy);
  const [mine, theirs] = await acquaint(alice, bob);
  await inUse(alice, 'This site');
  await alice.go(`#/c/${bob.id}`);

  await it.network.stopGateway(0);
  await mine.send('through another gateway');
  await theirs.message('through another gateway').waitFor({ timeout: 20 * SECOND });
  await theirs.send('so am I');
  await mine.message('so am I').waitFor({ timeout: 20 * SECOND });
  const other = it.network.origins[1].replace('http://', '');
  await inUse(alice, other);
  await way(alice, 'This site').filter({ hasText: 'does not answer' }).waitFor();

  await it.network.startGateway(0);
  await inUse(alice, 'This site');
  await alice.go(`#/c/${bob.id}`);
  await mine.send('home again');
  await theirs.message('home again').waitFor();
  assert.deepEqual(await theirs.texts(), ['Hello from Alice', 'through another gateway', 'so am I', 'home again']);
}, 180_000);

scene(it, test, 'a gateway that the person chose is used, also after a reload', async ({ people }) => {
  const [alice] = await people('Alice');
  const other = it.network.origins[1].replace('http://', '');
  await alice.go('#/gateways');
  await way(alice, other).getByRole('radio').check();
  await inUse(alice, other);
  const asked = [];
  alice.page.on('request', (request) => asked.push(request.url()));
  await alice.page.reload();
  await inUse(alice, other);
  await eventually('packets go there', () => asked.some((url) => url.startsWith(`${it.network.origins[1]}/gw/v1/onion/`)));
});

scene(it, test, 'a gateway that is added later is offered to an installed app too', async ({ people }) => {
  const [alice] = await people('Alice');
  alice.expect(GONE);
  await alice.page.evaluate(async () => { await navigator.serviceWorker.ready; });
  const added = 'http://later.localhost:9';
  await it.network.stopGateway(0);
  await it.network.startGateway(0, [added]);
  const policy = () => alice.page.evaluate(async () => (await fetch('/')).headers.get('content-security-policy'));
  await alice.page.reload();
  await eventually('the policy names it', async () => (await policy()).includes(` ${added};`));
  await alice.page.reload();
  await alice.go('#/gateways');
  await way(alice, 'later.localhost:9').waitFor();
  await it.network.stopGateway(0);
  await it.network.startGateway(0);
});

scene(it, test, 'a list that the pinned operator did not sign is refused, in plain words', async ({ people }) => {
  const [alice] = await people('Alice');
  alice.expect(GONE);
  alice.expect(/status of 404/);
  await alice.go('#/gateways');
  const pinned = await alice.page.getByTestId('operator').textContent();
  await alice.page.getByText('Let another operator in').waitFor({ state: 'detached' });
  await alice.go('#/');
  await it.network.replaceGateway(0);
  await alice.page.reload();
  await alice.page.getByText('did not sign').first().waitFor();
  await alice.go('#/gateways');
  assert.equal(await alice.page.getByTestId('operator').textContent(), pinned, 'the pin stays');
  await alice.button('Let another operator in').waitFor();
  await it.network.stopGateway(0);
  await it.network.startGateway(0);
  await alice.page.reload();
  await eventually('the list is good again', async () => (await alice.page.getByText('did not sign').count()) === 0);
}, 180_000);
