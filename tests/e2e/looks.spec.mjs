// Every screen in light and dark, wide and narrow: pictures for people to look at, and what can be checked without eyes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SIZES, look as lookAt } from './lib/looks.mjs';
import { eventually } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { acquaint } from './pages/person.mjs';

const it = world({ echo: true });

for (const [size, viewport] of Object.entries(SIZES)) {
  scene(it, test, `every screen fits and is named at ${viewport.width} pixels`, async ({ person, people }) => {
    const touch = size === 'wide' ? {} : { hasTouch: true, isMobile: true };
    const [bob] = await people('Bob');
    const ann = await person('Ann', { viewport, ...touch });
    const look = (screen) => lookAt(ann, `${screen}-${size}`);
    await look('welcome');
    await ann.button('Restore account').click();
    await ann.page.getByRole('combobox', { name: 'Word 1', exact: true }).waitFor();
    await look('restore');
    await ann.button('Link with another device').click();
    await ann.page.getByRole('img', { name: 'Code of this device' }).waitFor();
    await look('link-code');
    await ann.button('Back').click();
    await ann.button('Create account').click();
    await ann.textbox('Display name').waitFor();
    await look('name');
    await ann.button('Back').click();
    await ann.go(`#/c/${bob.id}`);
    await ann.button('Skip').waitFor();
    await look('landing');
    await ann.go('#/');
    await ann.createAccount();
    await ann.page.getByTestId('echo-suggestion').waitFor();
    await look('home-empty');

    await acquaint(bob, ann, 'Have you seen the onions this year? 🧅');
    const chat = await ann.open(bob.id);
    await chat.send('They are enormous.\nI put three of them into the soup, and it was still too much for the five of us.');
    await chat.send('https://example.org/a/very/long/address/that/does/not/break/anywhere/by/itself?so=it&must=be&broken=by&the=style');
    await chat.react('Have you seen the onions this year? 🧅', '❤️');
    const theirs = await bob.open(ann.id);
    await theirs.act('Have you seen the onions this year? 🧅', 'Reply');
    await theirs.send('An answer to myself, then.');
    await chat.message('An answer to myself, then.').waitFor();
    await look('conversation');
    await ann.page.getByRole('button', { name: 'Protection: Forward secret' }).click();
    await look('protection');
    await ann.button('Compare the safety number').click();
    await ann.page.getByTestId('safety-number').waitFor();
    await look('safety-number');
    await ann.page.getByRole('dialog', { name: 'Safety number' }).getByRole('button', { name: 'Close' }).last().click();
    await ann.page.getByRole('dialog', { name: 'Forward secret' }).getByRole('button', { name: 'Close' }).last().click();
    await ann.dialog().waitFor({ state: 'detached' });
    await chat.menuOf(chat.messages.last());
    await look('message-menu');
    await ann.page.keyboard.press('Escape');
    await ann.button('Details').first().click();
    await look('contact');
    await ann.button('Disappearing messages').click();
    const expiry = ann.page.getByRole('dialog', { name: 'Disappearing messages' });
    await expiry.getByRole('radio', { name: 'After reading' }).check();
    await look('expiry');
    await expiry.getByRole('button', { name: 'Save' }).click();
    await expiry.waitFor({ state: 'detached' });
    if (size !== 'wide') await ann.page.keyboard.press('Escape');
    await chat.send('This one goes away.');
    await look('disappearing');

    const carol = await person('Carol');
    await carol.createAccount();
    await (await carol.open(ann.id)).send('Do you remember me?');
    await ann.go('#/');
    await ann.requestsBanner().waitFor();
    await eventually('the row of the conversation that was left has the focus', () =>
      ann.row(bob.id).getByRole('link').evaluate((link) => link === document.activeElement));
    await look('home');
    await ann.requestsBanner().click();
    await ann.row(carol.id).waitFor();
    await look('requests');
    await ann.row(carol.id).click();
    await ann.button('Accept').waitFor();
    await look('request');
    await ann.button('Block').click();
    await ann.question().getByRole('button', { name: 'Block' }).click();
    await ann.question().waitFor({ state: 'detached' });
    for (const [fragment, screen] of [['#/new', 'new'], ['#/account', 'account'], ['#/settings', 'settings'], ['#/blocked', 'blocked'], ['#/devices', 'devices'], ['#/gateways', 'gateways'], ['#/path', 'path'], ['#/phrase', 'phrase']]) {
      await ann.go(fragment);
      await ann.dialog().waitFor();
      if (screen === 'path') await eventually('hops are shown', async () => (await ann.page.getByTestId('hop').count()) === 3);
      if (screen === 'phrase') await ann.dialog().getByRole('button', { name: 'Show the words' }).click();
      await look(screen);
      if (screen !== 'settings') continue;
      await ann.page.getByTestId('sync').scrollIntoViewIfNeeded();
      await look('settings-sync');
    }
    const second = await ann.openTab();
    await second.getByRole('button', { name: 'Use here' }).waitFor();
    await look('other-tab');
  }, 240_000);
}

scene(it, test, 'the keyboard alone is enough, and shows where it is', async ({ person, people }) => {
  const [bob] = await people('Bob');
  const ann = await person('Ann');
  const press = (...keys) => keys.reduce((before, key) => before.then(() => ann.page.keyboard.press(key)), Promise.resolve());
  const focused = () => ann.page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim() ?? '');
  const tabTo = async (name) => {
    for (let step = 0; step < 40; step += 1) {
      if ((await focused()) === name) return;
      await press('Tab');
    }
    throw new Error(`Tab never reaches “${name}”`);
  };
  await tabTo('Create account');
  const outline = await ann.page.evaluate(() => { const style = getComputedStyle(document.activeElement); return `${style.outlineStyle} ${style.outlineWidth} ${style.boxShadow}`; });
  assert.doesNotMatch(outline, /^none 0px none$/, 'focus is visible');
  await press('Enter');
  await ann.textbox('Display name').waitFor();
  await eventually('the name field has the focus', () => ann.page.evaluate(() => document.activeElement?.tagName === 'INPUT'));
  await ann.page.keyboard.type('Ann');
  await press('Enter');
  await ann.atHome();
  await tabTo('New conversation');
  await press('Enter');
  await eventually('the field has the focus', () => ann.page.evaluate(() => document.activeElement?.id === 'recipient'));
  await ann.page.keyboard.type(bob.id);
  await press('Enter');
  const chat = ann.conversation();
  await chat.composer.waitFor();
  await eventually('the composer has the focus', () => chat.composer.evaluate((field) => field === document.activeElement));
  await ann.page.keyboard.type('a first one');
  await press('Enter');
  await chat.message('a first one').waitFor();
  await ann.page.keyboard.type('typed only');
  // Enter that ends what a writing aid composed, as Safari tells of it.
  await chat.composer.evaluate((field) =>
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true })));
  assert.equal(await chat.composer.inputValue(), 'typed only');
  await press('Enter');
  await chat.message('typed only').waitFor();
  assert.equal(await chat.messages.locator('button[tabindex="0"]').count(), 1, 'the messages are one stop of the Tab key');
  await press('ArrowUp');
  await press('Enter');
  await ann.page.getByRole('menu').waitFor();
  await press('Escape');
  await eventually('the menu is closed', async () => (await ann.page.getByRole('menu').count()) === 0);

  // One dialog after the other, and back to where it began.
  const leads = ann.page.getByTestId('phrase-bar').getByRole('button', { name: 'Show the words' });
  await leads.press('Enter');
  const phrase = ann.page.getByRole('dialog', { name: 'Recovery phrase' });
  await phrase.getByRole('button', { name: 'Back' }).press('Enter');
  const account = ann.page.getByRole('dialog', { name: 'Account', exact: true });
  await account.getByRole('button', { name: 'Copy Account ID' }).press('Enter');
  await account.getByText('Account ID copied').or(account.getByText(/did not allow copying/)).waitFor();
  await account.getByRole('button', { name: 'Settings' }).press('Enter');
  const settings = ann.page.getByRole('dialog', { name: 'Settings' });
  await settings.waitFor();
  await eventually('it begins at its top, with the focus inside', () => settings.evaluate((dialog) =>
    dialog.querySelector('.dialog-body').scrollTop === 0 && dialog.querySelector('h2') === document.activeElement));
  await press('Escape');
  await settings.waitFor({ state: 'detached' });
  await eventually('the focus is back', () => leads.evaluate((button) => button === document.activeElement));
  await press('Enter');
  await phrase.getByRole('button', { name: 'Show the words' }).press('Enter');
  await phrase.getByTestId('phrase').waitFor();
  await press('Escape');
  await phrase.waitFor({ state: 'detached' });
  assert.equal(await leads.count(), 0, 'whoever has seen the words is not reminded');
  await ann.reload();
  await chat.message('typed only').waitFor();
  assert.equal(await leads.count(), 0);
});
