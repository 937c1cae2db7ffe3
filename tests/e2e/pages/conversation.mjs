// An open conversation.
import { eventually } from '../lib/wait.mjs';

export class Conversation {
  constructor(person) {
    this.person = person;
    this.page = person.page;
    this.timeline = this.page.getByTestId('timeline');
    this.messages = this.timeline.getByTestId('message');
    this.composer = this.page.getByRole('textbox', { name: 'Message', exact: true });
    this.sendButton = this.page.getByRole('button', { name: 'Send', exact: true });
  }

  // The message with this text in its bubble (not one that only quotes it).
  message(text) {
    return this.messages.filter({ has: this.page.locator('.body').getByText(text, { exact: true }) });
  }

  // Writes and sends; gives the bubble.
  async send(text) {
    await this.composer.fill(text);
    await this.sendButton.click();
    const bubble = this.message(text).last();
    await bubble.waitFor();
    return bubble;
  }

  // The state a message shows to its writer.
  async reaches(text, states, patience) {
    const wanted = [].concat(states);
    await eventually(`“${text}” is ${wanted.join(' or ')}`, async () =>
      wanted.includes(await this.message(text).last().getAttribute('data-state')), patience);
  }

  async texts() {
    return this.messages.locator('.body').allTextContents();
  }

  // Opens the menu of a message and takes one of its items.
  async act(text, item) {
    const bubble = this.message(text).last();
    await bubble.hover();
    await bubble.getByRole('button', { name: 'Message actions' }).click();
    await this.page.getByRole('menuitem', { name: item, exact: true }).first().click();
  }

  async react(text, emoji) {
    const bubble = this.message(text).last();
    await bubble.hover();
    await bubble.getByRole('button', { name: 'Message actions' }).click();
    await this.page.getByRole('menuitem', { name: emoji, exact: true }).first().click();
  }

  reactions(text) {
    return this.message(text).last().getByTestId('reaction');
  }

  async countOf(text) {
    return this.message(text).count();
  }
}
