// A whole network of its own, on free ports and with data of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { dist, zwiebel, zwiebelTap } from './env.mjs';
import { SECOND } from './wait.mjs';

export async function freePort(host = '127.0.0.1') {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

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
      '--listen', `127.0.0.1:${await freePort()}`, '--seed-listen', `127.0.0.1:${await freePort()}`, ...args,
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

function deferred() {
  let resolve, reject;
  const promise = new Promise((yes, no) => { resolve = yes; reject = no; });
  return { promise, resolve, reject };
}
