// An open conversation.
import { eventually } from '../lib/wait.mjs';

// How far a message may be when it has come at least so far.
const AT_LEAST = { sent: ['sent', 'delivered', 'read'], delivered: ['delivered', 'read'] };

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

  // Waits until a message shows its writer that it came so far, or farther.
  async reaches(text, state, patience) {
    const wanted = AT_LEAST[state] ?? [state];
    await eventually(`“${text}” is ${wanted.join(' or ')}`, async () =>
      wanted.includes(await this.message(text).last().getAttribute('data-state')), patience);
  }

  async texts() {
    return this.messages.locator('.body').allTextContents();
  }

  // Opens the menu of a message: its button where there is a pointer, a long press (which is a context menu) elsewhere.
  async menuOf(bubble) {
    const button = bubble.getByRole('button', { name: 'Message actions' });
    await bubble.hover();
    if (await this.page.evaluate(() => matchMedia('(hover: hover)').matches)) await button.click();
    else await bubble.locator('.body').click({ button: 'right' });
    await this.page.getByRole('menu').waitFor();
  }

  // Takes an item of a message's menu.
  async act(text, item) {
    await this.menuOf(this.message(text).last());
    await this.page.getByRole('menuitem', { name: item, exact: true }).first().click();
  }

  async react(text, emoji) {
    await this.menuOf(this.message(text).last());
    await this.page.getByRole('menuitemcheckbox', { name: emoji, exact: true }).first().click();
  }

  reactions(text) {
    return this.message(text).last().getByTestId('reaction');
  }

  async countOf(text) {
    return this.message(text).count();
  }
}
