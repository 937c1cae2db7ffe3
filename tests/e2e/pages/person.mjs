// A person at a browser: everything is found the way they (or their screen reader) would find it.
import { strict as assert } from 'node:assert';
import { eventually } from '../lib/wait.mjs';
import { picturePath } from '../lib/world.mjs';
import { Conversation } from './conversation.mjs';

export class Person {
  #complaints = [];
  #expected = [];
  page;
  id;

  constructor(name, context, url) {
    this.name = name;
    this.context = context;
    this.url = url;
    context.on('weberror', (error) => this.#complaints.push(`not caught: ${error.error().message}`));
    context.on('console', (message) => {
      // Quick builds of the app give hints to its developers; what is served has none.
      if (/outside a reactive tracking context/.test(message.text())) return;
      if (message.type() === 'error' || message.type() === 'warning') this.#complaints.push(`${message.type()}: ${message.text()}`);
    });
  }

  // Console errors that belong to what a test does (a cut network).
  expect(pattern) {
    this.#expected.push(pattern);
  }

  complaints() {
    return this.#complaints.filter((text) => !this.#expected.some((pattern) => pattern.test(text)));
  }

  // A new tab; it becomes the one this person looks at.
  async openTab(fragment = '') {
    this.page = await this.context.newPage();
    await this.page.goto(this.url + fragment);
    return this.page;
  }

  button(name, options = {}) {
    return this.page.getByRole('button', { name, exact: typeof name === 'string', ...options });
  }

  textbox(name) {
    return this.page.getByRole('textbox', { name, exact: true });
  }

  dialog() {
    return this.page.getByRole('dialog');
  }

  // A question: a dialog that reads out what it asks.
  question(name) {
    return this.page.getByRole('alertdialog', { name });
  }

  async go(fragment) {
    await this.page.evaluate((hash) => { location.hash = hash; }, fragment);
  }

  async createAccount(name = this.name) {
    await this.button('Create account').click();
    await this.textbox('Display name').fill(name);
    await this.button('Continue').click();
    await this.atHome();
    this.id = await this.readId();
    return this.id;
  }

  async atHome() {
    await this.button('Account menu').waitFor();
  }

  async readId() {
    await this.go('#/account');
    const text = await this.page.getByTestId('account-id').textContent();
    const id = text.replace(/\s/g, '');
    assert.match(id, /^05[0-9a-f]{64}$/);
    await this.go('#/');
    await this.dialog().waitFor({ state: 'detached' });
    return id;
  }

  async readPhrase() {
    await this.go('#/phrase');
    await this.dialog().getByRole('button', { name: 'Show the words' }).click();
    const words = await this.page.getByTestId('phrase').getByRole('listitem').allTextContents();
    await this.go('#/');
    return words.map((word) => word.replace(/[^a-z]/gi, '')).join(' ');
  }

  // Brings an account back on this device, until its conversations can be seen.
  async restore(phrase) {
    await this.button('Restore account').click();
    await this.page.getByRole('combobox', { name: 'Word 1', exact: true }).fill(phrase);
    await this.button('Restore').click();
    // The progress may be over before anybody sees it.
    await this.atHome();
    this.id = await this.readId();
  }

  // The devices of the account, as its list shows them.
  async openDevices() {
    await this.go('#/devices');
    const sheet = this.page.getByRole('dialog', { name: 'Devices' });
    await sheet.waitFor();
    return sheet;
  }

  // The seven pictures of a device, as text.
  async deviceCode() {
    const code = this.page.getByTestId('device-code').last();
    await code.waitFor();
    return (await code.getByRole('listitem').allTextContents()).join(' ');
  }

  // Confirms a device of the same account that has just joined, and gives it the messages of the last days, or none.
  async confirmDevice(other, { history = true } = {}) {
    await this.page.getByTestId('devices-bar').getByRole('button', { name: 'Details' }).click();
    await this.button(/^Is it mine\?/).click();
    const here = await this.deviceCode();
    await this.picture('confirm-device');
    await other.openDevices();
    assert.equal(await other.deviceCode(), here, 'both show the same pictures');
    await other.picture('devices-unconfirmed');
    await other.go('#/');
    if (!history) await this.page.getByRole('radio', { name: 'Send it none' }).check();
    await this.button('Same symbols, it is mine').click();
    await this.page.getByTestId('devices-bar').waitFor({ state: 'detached' });
    await this.go('#/');
    await this.dialog().waitFor({ state: 'detached' });
  }

  // On a browser without an account: the code by which it is linked, as text.
  async linkCode() {
    await this.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await this.button('Restore account').click();
    await this.button('Link with another device').click();
    await this.page.getByRole('img', { name: 'Code of this device' }).waitFor();
    await this.button('Copy as text').click();
    await this.page.getByText('Code copied').first().waitFor();
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  // Gives the account to the device that shows this code.
  async addDevice(code) {
    await this.openDevices();
    await this.button('Add a device').click();
    const add = this.page.getByRole('dialog', { name: 'Add a device' });
    await add.getByRole('textbox').fill(code);
    await add.getByRole('button', { name: 'Continue' }).click();
    const cancel = this.button('Cancel');
    await eventually('the question has the focus', () => cancel.evaluate((button) => button === document.activeElement));
    await this.button('Link this device').click();
  }

  // Everything this device knows of the account is in the network.
  async synchronised(patience) {
    await this.go('#/settings');
    const sync = this.page.getByTestId('sync');
    await sync.getByText('Synchronised', { exact: true }).waitFor({ timeout: patience });
    await this.go('#/');
    await this.dialog().waitFor({ state: 'detached' });
  }

  // Opens what there is to know and to change about a contact, lets `work` do so, and closes it.
  async inContact(id, work) {
    await this.open(id);
    await this.page.getByRole('main').getByRole('button', { name: 'Details', exact: true }).click();
    const sheet = this.dialog();
    await sheet.waitFor();
    await work(sheet);
    if (await sheet.count()) await sheet.getByRole('button', { name: 'Close', exact: true }).click();
    await sheet.waitFor({ state: 'detached' });
  }

  async nickname(id, name) {
    await this.inContact(id, async (sheet) => {
      await sheet.getByRole('textbox', { name: 'Nickname' }).fill(name);
      await sheet.getByRole('button', { name: 'Save' }).click();
      await sheet.getByRole('heading', { name, level: 3 }).waitFor();
    });
  }

  // A button of the contact sheet that turns into another when it is done.
  async toggle(id, button, then) {
    await this.inContact(id, async (sheet) => {
      await sheet.getByRole('button', { name: button, exact: true }).click();
      await sheet.getByRole('button', { name: then, exact: true }).waitFor();
    });
  }

  async block(id) {
    await this.inContact(id, async (sheet) => {
      await sheet.getByRole('button', { name: 'Block', exact: true }).click();
      await this.question(/^Block/).getByRole('button', { name: 'Block', exact: true }).click();
      await sheet.getByRole('button', { name: 'Unblock', exact: true }).waitFor();
    });
  }

  async disappearing(id, mode, time) {
    await this.inContact(id, async (sheet) => {
      await sheet.getByRole('button', { name: 'Disappearing messages' }).click();
      const ask = this.page.getByRole('dialog', { name: 'Disappearing messages' });
      await ask.getByRole('radio', { name: mode }).check();
      if (time) await ask.getByRole('combobox', { name: 'Time' }).selectOption({ label: time });
      await ask.getByRole('button', { name: 'Save' }).click();
      await ask.waitFor({ state: 'detached' });
    });
  }

  // Online: the bar about the connection is gone.
  async online() {
    await eventually(`${this.name} is online`, async () =>
      (await this.page.getByText('No connection.').count()) + (await this.page.getByText('Connecting', { exact: true }).count()) === 0);
  }

  async open(id) {
    await this.go(`#/c/${id}`);
    const conversation = this.conversation();
    await conversation.timeline.waitFor({ state: 'attached' });
    return conversation;
  }

  conversation() {
    return new Conversation(this);
  }

  // The row of a conversation in the list.
  row(id) {
    return this.page.locator(`[data-testid=conversation][data-id="${id}"]`);
  }

  requestsBanner() {
    return this.button(/message request/);
  }

  // The requests banner, the request of this person, and its conversation.
  async openRequest(id) {
    await this.requestsBanner().click();
    await this.row(id).click();
    return this.conversation();
  }

  async setting(name, on) {
    await this.go('#/settings');
    const toggle = this.page.getByRole('switch', { name });
    await toggle.waitFor();
    if ((await toggle.isChecked()) !== on) await toggle.click();
    await eventually(`${name} is ${on}`, async () => (await toggle.isChecked()) === on);
    await this.go('#/');
  }

  async reload() {
    await this.page.reload();
    await this.atHomeOrInConversation();
  }

  async atHomeOrInConversation() {
    await this.button('Account menu').or(this.page.getByTestId('timeline')).first().waitFor({ state: 'attached' });
  }

  // The open conversation says that it is forward secret.
  async isSecret() {
    await this.button('Protection: Forward secret').waitFor();
  }

  async picture(name) {
    await this.page.screenshot({ path: await picturePath(`${name}-${this.name}`), animations: 'disabled' });
  }
}

// Two people who know each other: the first wrote, the second accepted.
export async function acquaint(first, second, hello = `Hello from ${first.name}`) {
  const mine = await first.open(second.id);
  await mine.send(hello);
  const theirs = await second.openRequest(first.id);
  await theirs.message(hello).waitFor();
  await second.button('Accept').click();
  await theirs.composer.waitFor();
  return [mine, theirs];
}

// Alice, whose account data is stored, a fresh browser for her second device, and Bob, who knows her.
export async function beforeSecondDevice({ person, people }) {
  const [one, bob] = await people('Alice', 'Bob');
  await acquaint(one, bob);
  await one.go('#/');
  await one.synchronised();
  return [one, await person('Alice-2'), bob];
}

// Alice with two devices, both confirmed, and Bob, who knows her.
export async function twoDevices(world) {
  const [one, two, bob] = await beforeSecondDevice(world);
  await two.restore(await one.readPhrase());
  await two.row(bob.id).waitFor();
  await one.confirmDevice(two);
  return [one, two, bob];
}

// Alice, whose browser can be killed, copied and started again, and Bob, both with their conversation open. They have
// said `FRIENDS_SAID`, and nobody owes an acknowledgement.
export async function keptFriends({ people, kept }) {
  const [[bob], browser] = await Promise.all([people('Bob'), kept('Alice')]);
  await browser.person.createAccount();
  const [mine, theirs] = await acquaint(browser.person, bob);
  await theirs.send('Hello from Bob');
  await mine.message('Hello from Bob').waitFor();
  await mine.send('So here we are');
  await theirs.message('So here we are').waitFor();
  await theirs.reaches('Hello from Bob', 'delivered');
  return { bob, browser, mine, theirs };
}

export const FRIENDS_SAID = ['Hello from Alice', 'Hello from Bob', 'So here we are'];
