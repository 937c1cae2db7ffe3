// A network of one's own as docs/operator.md makes it: operator, seed, nodes and gateways are processes of their own.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { dist, zwiebel } from './env.mjs';
import { SECOND, eventually } from './wait.mjs';

const run = promisify(execFile);
const NODES = 6;

// Programs name each other in their configurations, so ports are known before they start.
async function freePort(host = '127.0.0.1') {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// One running program and the words it said until it was ready.
class Program {
  #child;
  #said = new Map();

  static async start(args) {
    const program = new Program();
    const child = spawn(zwiebel, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    program.#child = child;
    let log = '';
    child.stderr.on('data', (data) => { log += data; });
    await new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`${args[0]} is not ready\n${log}`)), 60 * SECOND);
      child.on('error', reject);
      child.on('exit', (code) => reject(new Error(`${args[0]} ended with ${code}\n${log}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [word, ...rest] = line.split(' ');
        program.#said.set(word, rest.join(' '));
        if (word === 'ready') { clearTimeout(limit); resolve(); }
      });
    });
    return program;
  }

  said(word) {
    return this.#said.get(word);
  }

  async kill() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

export class OwnNetwork {
  #folder;
  #seed;
  #nodes = [];
  #gateways = [];
  #operator;
  #direct;
  // Where people open the app: the first gateway.
  url;
  // Of all gateways.
  origins;

  // Options: `gateways` (how many), `direct` (true: nodes take packets from pages).
  static async start({ gateways = 1, direct = false }) {
    const network = new OwnNetwork();
    network.#folder = await mkdtemp(join(tmpdir(), 'zwiebel-own-'));
    network.#direct = direct;
    network.origins = [];
    for (let n = 0; n < gateways; n += 1) network.origins.push(`http://127.0.0.1:${await freePort()}`);
    network.url = `${network.origins[0]}/`;
    network.#operator = await network.#makeOperator('operator');
    const seed = ['seed', '--operator', network.#operator, '--data', network.#path('seed'), '--listen', '127.20.0.1:0'];
    network.#seed = await Program.start(seed);
    network.#nodes = await Promise.all(Array.from({ length: NODES }, (_, n) => network.#startNode(n + 1)));
    await network.#approve();
    for (let n = 0; n < gateways; n += 1) network.#gateways.push(await network.#startGateway(n));
    await eventually('the gateways know all nodes', async () => {
      const lists = await Promise.all(network.origins.map(async (origin) => (await fetch(`${origin}/gw/v1/nodes`)).json()));
      return lists.every((list) => list.nodes.length === NODES);
    });
    return network;
  }

  #path(name) {
    return join(this.#folder, name);
  }

  async #config(name, text) {
    const path = this.#path(`${name}.toml`);
    await writeFile(path, text);
    return path;
  }

  // The public key of a new operator.
  async #makeOperator(name) {
    const { stdout } = await run(zwiebel, ['operator', 'keygen', '--data', this.#path(name), '--name', 'Our network']);
    return /^operator (\w+)$/m.exec(stdout)[1];
  }

  async #startNode(number) {
    const host = `127.${20 + number}.${number}.1`;
    const port = await freePort(host);
    const lines = [
      `operator = "${this.#operator}"`, `seeds = ["${this.#seed.said('seed')}"]`, `data = "${this.#path(`node-${number}`)}"`,
      `listen = "${host}:${port}"`, 'refresh_seconds = 1',
    ];
    if (this.#direct) lines.push(`origin = "https://${host}:${port}"`, `pages = [${this.origins.map((origin) => `"${origin}"`)}]`);
    return Program.start(['node', '--config', await this.#config(`node-${number}`, lines.join('\n'))]);
  }

  async #approve() {
    const seed = ['--data', this.#path('operator'), '--seed', this.#seed.said('seed')];
    await eventually('all nodes wait for approval', async () => {
      const { stdout } = await run(zwiebel, ['operator', 'show', ...seed]);
      return stdout.match(/^waiting /gm)?.length === NODES;
    });
    await run(zwiebel, ['operator', 'approve', ...seed, ...this.#nodes.map((node) => node.said('node'))]);
  }

  async #startGateway(n, operator = this.#operator, also = []) {
    const others = [...this.origins.filter((_, other) => other !== n), ...also].map((origin) => `"${origin}"`);
    const text = `listen = "${this.origins[n].replace('http://', '')}"
data = "${this.#path(`gateway-${n}-${operator.slice(0, 8)}`)}"
app = "${dist}"
gateways = [${others}]
direct = ${this.#direct}
allow_private = true
refresh_seconds = 1
[own]
operator = "${operator}"
seeds = ["${this.#seed.said('seed')}"]
`;
    return Program.start(['gateway', '--config', await this.#config(`gateway-${n}`, text)]);
  }

  async stopGateway(n) {
    await this.#gateways[n].kill();
  }

  // Offers `also` besides the others.
  async startGateway(n, also = []) {
    this.#gateways[n] = await this.#startGateway(n, this.#operator, also);
  }

  // Somebody else's network at the same address.
  async replaceGateway(n) {
    await this.stopGateway(n);
    const seed = this.#seed;
    const operator = await this.#makeOperator('stranger');
    this.#seed = await Program.start(['seed', '--operator', operator, '--data', this.#path('strange-seed'), '--listen', '127.20.0.2:0']);
    await run(zwiebel, ['operator', 'sign', '--data', this.#path('stranger'), '--seed', this.#seed.said('seed')]);
    this.#gateways[n] = await this.#startGateway(n, operator);
    this.#nodes.push(this.#seed);
    this.#seed = seed;
  }

  async stop() {
    await Promise.all([this.#seed, ...this.#nodes, ...this.#gateways].map((program) => program?.kill()));
    await rm(this.#folder, { recursive: true, force: true });
  }
}
