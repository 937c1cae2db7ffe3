// What a spec file stands on: one network, one browser, and people in browser contexts of their own.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { chromium, chromiumPath, screenshots } from './env.mjs';
import { Network } from './network.mjs';
import { OwnNetwork } from './own_network.mjs';
import { Person } from '../pages/person.mjs';

export const LAUNCH = {
  executablePath: chromiumPath,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
};

export class World {
  network;
  browser;
  #people = [];

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

  // People with accounts.
  async people(...names) {
    return Promise.all(names.map(async (name) => {
      const person = await this.person(name);
      await person.createAccount();
      return person;
    }));
  }

  // Ends a test: nobody's console may have said anything bad.
  async leave() {
    const people = this.#people.splice(0);
    const complaints = people.flatMap((person) => [...new Set(person.complaints())].map((text) => `${person.name}: ${text}`));
    await Promise.all(people.map((person) => person.context.close().catch(() => {})));
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
    const people = [];
    const cast = {
      person: async (...args) => { const person = await it.person(...args); people.push(person); return person; },
      people: async (...names) => { const all = await it.people(...names); people.push(...all); return all; },
    };
    try {
      await work(cast);
    } catch (error) {
      for (const person of people) await person.picture(`failed-${name}`).catch(() => {});
      const complaints = people.flatMap((person) => [...new Set(person.complaints())].map((text) => `${person.name}: ${text}`));
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
