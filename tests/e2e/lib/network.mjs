// A whole network of its own, on free ports and with data of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { dist, zwiebel, zwiebelTap } from './env.mjs';
import { SECOND } from './wait.mjs';

export class Network {
  #child;
  #answers = [];
  #waiting = [];
  #folder;
  #log = '';
  url;
  seed;
  echo;
  nodes = 0;
  // Where the tap writes, if it is one.
  tapFile;

  // Options: `echo` (false: no Echo contact), `tap` (true: the binary that writes packets down), `args`.
  static async start({ echo = false, tap = false, args = [] } = {}) {
    const network = new Network();
    network.#folder = await mkdtemp(join(tmpdir(), 'zwiebel-e2e-'));
    const all = [
      'local', '--app', dist, '--data', join(network.#folder, 'data'),
      '--listen', '127.0.0.1:0', '--seed-listen', '127.0.0.1:0', ...args,
    ];
    if (!echo) all.push('--no-echo');
    if (tap) {
      network.tapFile = join(network.#folder, 'tap.jsonl');
      all.push('--tap', network.tapFile);
    }
    await network.#spawn(tap ? zwiebelTap : zwiebel, all);
    return network;
  }

  async #spawn(program, args) {
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child.stderr.on('data', (data) => { this.#log += data; });
    const ready = Promise.withResolvers?.() ?? deferred();
    this.#child.on('error', ready.reject);
    this.#child.on('exit', (code) => ready.reject(new Error(`the network ended with ${code}\n${this.#log}`)));
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const [word, ...rest] = line.split(' ');
      if (word === 'app') [this.url] = rest;
      else if (word === 'seed') [this.seed] = rest;
      else if (word === 'echo') [this.echo] = rest;
      else if (word === 'nodes') this.nodes = Number(rest[0]);
      else if (word === 'ready') ready.resolve();
      else if (this.#waiting.length > 0) this.#waiting.shift()(line);
      else this.#answers.push(line);
    });
    const limit = setTimeout(() => ready.reject(new Error(`the network is not ready after a minute\n${this.#log}`)), 60 * SECOND);
    await ready.promise.finally(() => clearTimeout(limit));
  }

  // Says a command and gives the line that answers it.
  async command(text) {
    const answer = new Promise((resolve) => this.#waiting.push(resolve));
    this.#child.stdin.write(`${text}\n`);
    const line = await answer;
    if (line.startsWith('error')) throw new Error(`${text}: ${line}`);
    return line.replace(/^ok ?/, '');
  }

  // The stores that nodes were asked for, in order: whose swarm, which namespace, and what. Needs the tap.
  async stores() {
    const lines = (await readFile(this.tapFile, 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const texts = lines.filter((line) => line.role === 'destination').map((line) => Buffer.from(line.opened_hex, 'hex').toString('latin1'));
    return texts.flatMap((text) => {
      const found = /"method"\s*:\s*"store"/.test(text) && /"pub[kK]ey"\s*:\s*"(05[0-9a-f]{64})"/.exec(text);
      const namespace = Number(/"namespace"\s*:\s*(-?\d+)/.exec(text)?.[1] ?? 0);
      return found ? [{ to: found[1], namespace, data: /"data"\s*:\s*"([^"]+)"/.exec(text)?.[1] }] : [];
    });
  }

  // What each member of an account's swarm holds in a public outbox: one list of blobs for each.
  async published(id, namespace) {
    const { nodes } = JSON.parse(await this.command('status'));
    const swarm = await ask(nodes[0], 'get_swarm', { pubkey: id });
    const members = swarm.snodes.map((member) => nodes.find((node) => node.ed25519 === member.pubkey_ed25519));
    const answers = await Promise.all(members.map((member) => ask(member, 'retrieve', { pubkey: id, namespace })));
    return answers.map(({ messages }) => messages.map(({ data }) => Buffer.from(data, 'base64')));
  }

  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.stdin.write('quit\n');
      const kill = setTimeout(() => this.#child.kill('SIGKILL'), 5 * SECOND);
      await ended;
      clearTimeout(kill);
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

// Asks a node what anybody may ask, without an onion. It made its certificate itself.
async function ask({ ip, port }, method, params) {
  const asked = request({ host: ip, port, path: '/storage_rpc/v1', method: 'POST', rejectUnauthorized: false });
  asked.end(JSON.stringify({ method, params }));
  const [answer] = await once(asked, 'response');
  return JSON.parse(Buffer.concat(await answer.toArray()).toString());
}

function deferred() {
  let resolve, reject;
  const promise = new Promise((yes, no) => { resolve = yes; reject = no; });
  return { promise, resolve, reject };
}
