// Measures the app in Chromium: `cargo xtask bench`. Numbers, not verdicts.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LAUNCH, chromium } from './lib/env.mjs';
import { Network } from './lib/network.mjs';
import { SECOND, eventually } from './lib/wait.mjs';
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

// Heaps of page and worker after a collection, through the devtools of both; and the wasm memory of both instances.
async function memoryOf(page) {
  const devtools = await page.context().newCDPSession(page);
  const used = async (send) => {
    await send('HeapProfiler.collectGarbage');
    const { usedSize, embedderHeapUsedSize = 0 } = await send('Runtime.getHeapUsage');
    return { heap: usedSize, dom: embedderHeapUsedSize };
  };
  const pageHeap = await used((method) => devtools.send(method));
  const inWorker = await workerSender(devtools);
  const workerHeap = await used(inWorker);
  const wasm = async () => {
    const glue = globalThis.document?.getElementById('boot').dataset.js ?? globalThis.zwiebelGlue;
    return (await (await import(glue)).default()).memory.buffer.byteLength;
  };
  const glue = await page.evaluate(() => document.getElementById('boot').dataset.js);
  await page.workers()[0].evaluate((name) => { globalThis.zwiebelGlue = name; }, glue);
  return { pageHeap, workerHeap, pageWasm: await page.evaluate(wasm), workerWasm: await page.workers()[0].evaluate(wasm) };
}

// Playwright gives no devtools session of a worker; the page's session can pass messages on to it.
async function workerSender(devtools) {
  let session;
  let last = 0;
  const waiting = new Map();
  devtools.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => { if (targetInfo.type === 'worker') session ??= sessionId; });
  devtools.on('Target.receivedMessageFromTarget', ({ message }) => {
    const { id, result } = JSON.parse(message);
    waiting.get(id)?.(result);
  });
  await devtools.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  await eventually('the worker can be asked', () => session);
  return async (method) => {
    last += 1;
    const answer = new Promise((resolve) => waiting.set(last, resolve));
    await devtools.send('Target.sendMessageToTarget', { sessionId: session, message: JSON.stringify({ id: last, method }) });
    return answer;
  };
}

function showMemory(what, { pageHeap, workerHeap, pageWasm, workerWasm }) {
  const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  line(`memory, ${what}: JS heaps + wasm`, mb(pageHeap.heap + workerHeap.heap + pageWasm + workerWasm));
  line('  page: JS heap / wasm / document', `${mb(pageHeap.heap)} / ${mb(pageWasm)} / ${mb(pageHeap.dom)}`);
  line('  worker: JS heap / wasm', `${mb(workerHeap.heap)} / ${mb(workerWasm)}`);
}

async function memory() {
  const [conversations, messages] = [50, 200];
  const phrase = (await promisify(execFile)(process.env.FILL_SWARM_BIN, [network.url, conversations, messages])).stdout.trim();
  const person = await someone('Memory');
  await person.openTab();
  await person.button('Restore account').click();
  await person.page.getByRole('combobox', { name: 'Word 1', exact: true }).fill(phrase);
  const started = performance.now();
  await person.button('Restore').click();
  await person.button('Account menu').waitFor({ timeout: 300 * SECOND });
  await eventually('all conversations are here', async () => (await person.page.locator('.rows').getAttribute('data-length')) === String(conversations), 300 * SECOND);
  line(`restoring ${conversations * messages} messages`, `${((performance.now() - started) / 1000).toFixed(1)} s`);
  showMemory('right after that restore', await memoryOf(person.page));
  await person.page.close();
  const again = performance.now();
  await person.openTab();
  await person.page.getByTestId('conversation').first().waitFor();
  line('opening again, until the list is there', `${Math.round(performance.now() - again)} ms`);
  await person.page.getByTestId('conversation').first().click();
  await person.conversation().messages.first().waitFor();
  showMemory(`${conversations} conversations of ${messages} messages, one open`, await memoryOf(person.page));
  await idle(person, 'in front, 50 conversations');
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
