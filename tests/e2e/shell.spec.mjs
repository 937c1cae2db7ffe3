// The app as an installed program: without network, with its security policy, and offered for installation.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { LAUNCH, chromium } from './lib/env.mjs';
import { eventually } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';

const it = world();

scene(it, test, 'the shell opens without network and keeps its security policy', async ({ people }) => {
  const [alice] = await people('Alice');
  alice.expect(/Failed to load resource|net::ERR_/);
  await alice.page.evaluate(async () => { await navigator.serviceWorker.ready; });
  const policy = async () => alice.page.evaluate(async () => (await fetch('/')).headers.get('content-security-policy'));
  const online = await policy();
  assert.match(online, /default-src 'none'/);
  assert.match(online, /require-trusted-types-for 'script'/);
  assert.doesNotMatch(online, /unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')|https?:/);
  await alice.page.reload();
  await alice.atHome();
  await alice.context.setOffline(true);
  await alice.page.reload();
  await alice.atHome();
  await alice.page.getByText(/No connection|Connecting/).first().waitFor();
  assert.equal(await policy(), online, 'the policy holds offline');
  const self = await alice.open(alice.id);
  await self.composer.waitFor();
});

scene(it, test, 'nothing is loaded from anywhere else', async ({ person }) => {
  const visitor = await person('Visitor');
  const elsewhere = [];
  visitor.page.on('request', (request) => { if (!request.url().startsWith(visitor.url) && !request.url().startsWith('data:') && !request.url().startsWith('blob:')) elsewhere.push(request.url()); });
  await visitor.page.reload();
  await visitor.createAccount();
  await visitor.go('#/path');
  await visitor.page.getByTestId('hop').first().waitFor();
  assert.deepEqual(elsewhere, []);
});

scene(it, test, 'injected scripts do not run', async ({ people }) => {
  const [alice] = await people('Alice');
  alice.expect(/Content Security Policy|TrustedHTML|TrustedScript|Trusted Type|not our script|not plain HTML/i);
  const blocked = await alice.page.evaluate(async () => {
    const seen = [];
    document.addEventListener('securitypolicyviolation', (event) => seen.push(event.violatedDirective));
    const attempt = (work) => { try { work(); return 'ran'; } catch { return 'threw'; } };
    const html = attempt(() => { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.pwned=1">'); });
    const script = attempt(() => { const s = document.createElement('script'); s.textContent = 'window.pwned=1'; document.head.append(s); });
    const source = attempt(() => { const s = document.createElement('script'); s.src = 'https://example.org/x.js'; document.head.append(s); });
    await fetch('https://example.org/').catch(() => seen.push('fetch refused'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { html, script, source, pwned: window.pwned, seen };
  });
  assert.equal(blocked.pwned, undefined);
  assert.equal(blocked.html, 'threw');
  assert.ok(blocked.seen.includes('fetch refused'));
});

scene(it, test, 'an app that does not load says so, and goes on saying so', async ({ person }) => {
  const alice = await person('Alice', { serviceWorkers: 'block' });
  alice.expect(/Service Worker registration blocked|Failed to load resource|net::ERR_|fetch|not caught/i);
  await alice.context.route('**/*.wasm', (route) => route.abort());
  await alice.page.reload();
  const broken = alice.question('Something broke. Your messages are safe.');
  const reload = broken.getByRole('link', { name: /Reload/ });
  await eventually('the way on has the focus', () => reload.evaluate((link) => link === document.activeElement));
  await alice.page.keyboard.press('Escape');
  await broken.waitFor();
  await alice.context.unrouteAll();
  await reload.click();
  await alice.button('Create account').waitFor();
});

test('Chromium offers to install it', { timeout: 60_000 }, async () => {
  const profile = await mkdtemp(join(tmpdir(), 'zwiebel-profile-'));
  const context = await chromium.launchPersistentContext(profile, LAUNCH);
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    await page.goto(it.network.url);
    await page.getByRole('button', { name: 'Create account' }).waitFor();
    await page.evaluate(async () => { await navigator.serviceWorker.ready; });
    const devtools = await context.newCDPSession(page);
    const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
    assert.deepEqual(installabilityErrors, []);
    const { data, errors } = await devtools.send('Page.getAppManifest');
    assert.deepEqual(errors, []);
    assert.equal(JSON.parse(data).name, 'Zwiebel');
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
});
