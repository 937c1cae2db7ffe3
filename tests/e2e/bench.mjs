// Measures the app in Chromium: `cargo xtask bench`. Numbers, not verdicts.
import { chromium } from './lib/env.mjs';
import { Network } from './lib/network.mjs';
import { SECOND } from './lib/wait.mjs';
import { LAUNCH } from './lib/world.mjs';
import { Person, acquaint } from './pages/person.mjs';

const line = (what, value) => console.log(`  ${what.padEnd(58)} ${value}`);
const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];

const network = await Network.start({ echo: true });
const browser = await chromium.launch({ ...LAUNCH, args: [...LAUNCH.args, '--enable-precise-memory-info'] });
const someone = async (name) => {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(60 * SECOND);
  return new Person(name, context, network.url);
};

async function firstLoad() {
  const times = [];
  let seen;
  for (let run = 0; run < 5; run += 1) {
    const visitor = await someone('Visitor');
    const page = await visitor.context.newPage();
    visitor.page = page;
    const devtools = await visitor.context.newCDPSession(page);
    await devtools.send('Network.enable');
    const loaded = new Map();
    devtools.on('Network.requestWillBeSent', ({ requestId, request }) => loaded.set(requestId, { path: new URL(request.url).pathname, bytes: 0 }));
    devtools.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => { if (loaded.has(requestId)) loaded.get(requestId).bytes = encodedDataLength; });
    const started = performance.now();
    await page.goto(visitor.url);
    await visitor.button('Create account').waitFor();
    times.push(performance.now() - started);
    seen ??= [...loaded.values()].filter(({ path }) => !/manifest|icons|sw\.js|^\/gw\//.test(path));
    await visitor.context.close();
  }
  line('requests until the first screen can be used', seen.length);
  line('bytes of them over the wire, with headers', seen.reduce((sum, { bytes }) => sum + bytes, 0));
  line('time until the first screen can be used, cold, p50', `${Math.round(quantile(times, 0.5))} ms`);
}

async function latency() {
  const [alice, bob] = [await someone('Alice'), await someone('Bob')];
  for (const person of [alice, bob]) {
    await person.openTab();
    await person.createAccount();
  }
  const [mine, theirs] = await acquaint(alice, bob);
  const shown = [];
  const sent = [];
  for (let turn = 0; turn < 30; turn += 1) {
    const [from, to] = turn % 2 === 0 ? [mine, theirs] : [theirs, mine];
    const text = `message number ${turn}`;
    const started = performance.now();
    await from.composer.fill(text);
    await from.sendButton.click();
    const arrived = to.message(text).waitFor().then(() => shown.push(performance.now() - started));
    const confirmed = from.reaches(text, 'sent').then(() => sent.push(performance.now() - started));
    await Promise.all([arrived, confirmed]);
  }
  for (const [what, values] of [['send → “sent”', sent], ['send → shown at the other side', shown]]) {
    line(`${what}, p50 / p95`, `${Math.round(quantile(values, 0.5))} / ${Math.round(quantile(values, 0.95))} ms`);
  }
  await idle(bob, 'in front, conversation open');
  await Promise.all([alice, bob].map((person) => person.context.close()));
}

async function idle(person, what) {
  const MINUTE = 60 * SECOND;
  let requests = 0;
  let bytes = 0;
  const count = async (request) => {
    if (!request.url().includes('/gw/')) return;
    requests += 1;
    const sizes = await request.sizes().catch(() => undefined);
    if (sizes) bytes += sizes.requestBodySize + sizes.requestHeadersSize + sizes.responseBodySize + sizes.responseHeadersSize;
  };
  person.context.on('requestfinished', count);
  await new Promise((resolve) => setTimeout(resolve, MINUTE));
  person.context.off('requestfinished', count);
  line(`idle, ${what}: requests / bytes in a minute`, `${requests} / ${bytes}`);
}

async function memory() {
  const person = await someone('Memory');
  await person.openTab();
  await person.createAccount();
  // Fifty conversations of 200 messages come in through the front door in another measurement; here: what one costs empty.
  const measured = await person.page.evaluate(async () => {
    const heap = performance.memory?.usedJSHeapSize ?? 0;
    return { heap };
  });
  line('JS heap of the page, fresh account', `${(measured.heap / 1e6).toFixed(1)} MB`);
  await person.context.close();
}

try {
  await firstLoad();
  await latency();
  await memory();
} finally {
  await browser.close();
  await network.stop();
}
