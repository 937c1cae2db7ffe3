// What a spec file stands on: one network, one browser, and people in browser contexts of their own.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { LAUNCH, chromium, screenshots } from './env.mjs';
import { Kept } from './kept.mjs';
import { Network } from './network.mjs';
import { OwnNetwork } from './own_network.mjs';
import { Person } from '../pages/person.mjs';

export class World {
  network;
  browser;
  #people = [];
  #kept = [];

  async start(options) {
    const network = options?.own ? OwnNetwork.start(options.own) : Network.start(options);
    // Nodes that pages use directly need certificates that browsers accept; these tests have none.
    const more = options?.own?.direct ? ['--ignore-certificate-errors'] : [];
    const browser = chromium.launch({ ...LAUNCH, args: [...LAUNCH.args, ...more] });
    [this.network, this.browser] = await Promise.all([network, browser]);
  }

  // A person with a browser profile of their own. Options are Playwright's for contexts.
  async person(name, options = {}) {
    const context = await this.browser.newContext({ locale: 'en-GB', viewport: { width: 1000, height: 740 }, ...options });
    context.setDefaultTimeout(30_000);
    const person = new Person(name, context, this.network.url);
    this.#people.push(person);
    await person.openTab();
    return person;
  }

  // A person whose browser can be killed and started again; every start gives a new `person`.
  async kept(name) {
    const kept = new Kept(name, this.network.url, (person) => this.#people.push(person));
    this.#kept.push(kept);
    await kept.start();
    return kept;
  }

  // People with accounts.
  async people(...names) {
    return Promise.all(names.map(async (name) => {
      const person = await this.person(name);
      await person.createAccount();
      return person;
    }));
  }

  // What everybody's page looks like goes into pictures; gives what their consoles complain about.
  async look(name) {
    for (const person of this.#people) await person.picture(name).catch(() => {});
    return this.#complaints();
  }

  #complaints() {
    return this.#people.flatMap((person) => [...new Set(person.complaints())].map((text) => `${person.name}: ${text}`));
  }

  // Ends a test: nobody's console may have said anything bad.
  async leave() {
    const complaints = this.#complaints();
    const [people, kept] = [this.#people.splice(0), this.#kept.splice(0)];
    await Promise.all(people.map((person) => person.context.close().catch(() => {})));
    await Promise.all(kept.map((one) => one.forget()));
    assert.deepEqual(complaints, [], 'the browser console has complaints');
  }

  async stop() {
    await this.browser?.close();
    await this.network?.stop();
  }
}

// Sets a world up for a spec file.
export function world(options) {
  const it = new World();
  before(() => it.start(options), { timeout: 90_000 });
  after(() => it.stop(), { timeout: 30_000 });
  return it;
}

// A test in this world. When it fails, a picture of everybody's page is kept.
export function scene(it, test, name, work, timeout = 120_000) {
  test(name, { timeout }, async () => {
    const cast = {
      person: (...args) => it.person(...args),
      people: (...names) => it.people(...names),
      kept: (...args) => it.kept(...args),
    };
    try {
      await work(cast);
    } catch (error) {
      const complaints = await it.look(`failed-${name}`);
      if (complaints.length > 0) error.stack = `${error.stack}\nconsole: ${complaints.join('\n')}`;
      await it.leave().catch(() => {});
      throw error;
    }
    await it.leave();
  });
}

export async function picturePath(name) {
  await mkdir(screenshots, { recursive: true });
  return join(screenshots, `${name.replace(/[^\p{L}\p{N}]+/gu, '-').toLowerCase()}.png`);
}
