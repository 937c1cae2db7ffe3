// Somebody whose browser keeps its profile on disk: it can be closed, killed, copied, put back, and started again.
import { cp, mkdtemp, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Person } from '../pages/person.mjs';
import { LAUNCH, chromium } from './env.mjs';
import { eventually } from './wait.mjs';

export class Kept {
  #name;
  #url;
  #appeared;
  #folder;
  // The person at the browser that runs.
  person;

  // Every start tells `appeared` of the person.
  constructor(name, url, appeared) {
    [this.#name, this.#url, this.#appeared] = [name, url, appeared];
  }

  #path(name) {
    return join(this.#folder, name);
  }

  // Starts the browser, and gives the person, who has the account of the last time. `prepare` gets the context before
  // the app is opened.
  async start(fragment, prepare = () => {}) {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'zwiebel-profile-'));
    const options = { ...LAUNCH, locale: 'en-GB', viewport: { width: 1000, height: 740 } };
    const context = await chromium.launchPersistentContext(this.#path('profile'), options);
    context.setDefaultTimeout(30_000);
    const person = new Person(this.#name, context, this.#url);
    person.id = this.person?.id;
    this.person = person;
    this.#appeared(person);
    await prepare(context);
    await person.openTab(fragment);
    return person;
  }

  async close() {
    await this.person.context.close();
  }

  // Ends the whole browser at once; nobody gets to tidy anything up.
  async kill() {
    // The profile's lock names the process that holds it.
    const pid = Number((await readlink(this.#path('profile/SingletonLock'))).split('-').at(-1));
    const closed = this.person.context.waitForEvent('close');
    process.kill(pid, 'SIGKILL');
    await closed;
    await eventually('the browser is gone', () => !isRunning(pid));
  }

  async copy() {
    await cp(this.#path('profile'), this.#path('copy'), { recursive: true });
  }

  async putBack() {
    await rm(this.#path('profile'), { recursive: true });
    await cp(this.#path('copy'), this.#path('profile'), { recursive: true });
  }

  async forget() {
    await this.person?.context.close().catch(() => {});
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
