// Getting in: a new account, a link, and what is wrong with links.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scene, world } from './lib/world.mjs';

const it = world();

// Published on a web page by a person who wants to be reached.
const PUBLISHED = '05b236f632b932488c399915928a55afa094d813d0df708364562ba588d6098d27';

scene(it, test, 'a new account takes a name and less than 30 seconds', async ({ person }) => {
  const started = Date.now();
  const alice = await person('Alice');
  await alice.button('Create account').click();
  await alice.textbox('Display name').fill('Alice');
  await alice.button('Continue').click();
  await alice.atHome();
  const id = await alice.readId();
  assert.ok(Date.now() - started < 30_000, `it took ${Date.now() - started} ms`);

  await alice.go('#/account');
  await alice.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await alice.button('Copy Account ID').click();
  await alice.page.getByText('Account ID copied').first().waitFor();
  assert.equal(await alice.page.evaluate(() => navigator.clipboard.readText()), id);
  await alice.button('Show QR code').click();
  await alice.page.getByRole('img', { name: 'My QR code' }).first().waitFor();
});

scene(it, test, 'a link leads from nothing to the first message in less than 10 seconds', async ({ person }) => {
  const visitor = await person('Visitor');
  await visitor.page.goto('about:blank');
  const started = Date.now();
  await visitor.page.goto(`${visitor.url}#/c/${PUBLISHED}`);
  await visitor.button('Skip').click();
  const chat = visitor.conversation();
  await chat.composer.waitFor();
  assert.ok(await chat.composer.evaluate((field) => field === document.activeElement), 'the cursor is in the message field');
  await visitor.page.keyboard.type('I found your address.');
  await visitor.page.keyboard.press('Enter');
  await chat.reaches('I found your address.', 'sent', 15_000);
  assert.ok(Date.now() - started < 10_000, `it took ${Date.now() - started} ms`);
  assert.ok(visitor.page.url().endsWith(`#/c/${PUBLISHED}`));
});

scene(it, test, 'a link with a name: the account has it, and the conversation is open', async ({ person }) => {
  const visitor = await person('Ben');
  await visitor.page.goto('about:blank');
  await visitor.page.goto(`${visitor.url}#/c/${PUBLISHED}`);
  await visitor.textbox('Display name').fill('Ben');
  await visitor.button('Continue').click();
  await visitor.conversation().composer.waitFor();
  await visitor.go('#/account');
  await visitor.dialog().getByText('Ben', { exact: true }).waitFor();
});

scene(it, test, 'a broken link says so and leads on', async ({ person }) => {
  const visitor = await person('Carl');
  for (const fragment of ['#/c/05b236', '#/c/zz', `#/c/15${PUBLISHED.slice(2)}`, `#/c/05${'0'.repeat(64)}`, '#/c/%3Cscript%3E']) {
    await visitor.page.goto('about:blank');
    await visitor.page.goto(visitor.url + fragment);
    await visitor.page.getByRole('heading', { name: 'This link does not work' }).waitFor();
  }
  await visitor.button('Go to Zwiebel').click();
  await visitor.button('Create account').waitFor();
});

scene(it, test, 'fragments that mean nothing are the first screen', async ({ person }) => {
  const visitor = await person('Dora');
  for (const fragment of ['#/nowhere', '#', '#///', '#/c', `#/${'x'.repeat(5000)}`]) {
    await visitor.page.goto('about:blank');
    await visitor.page.goto(visitor.url + fragment);
    await visitor.button('Create account').waitFor();
  }
});

scene(it, test, 'malformed Account IDs are told apart', async ({ people }) => {
  const [alice] = await people('Alice');
  await alice.go('#/new');
  const field = alice.textbox('Account ID');
  for (const [text, answer] of [
    ['05abc', 'An Account ID has 66 characters. This has 5.'],
    [`05${'g'.repeat(64)}`, /only the digits 0 to 9 and the letters a to f/],
    [`15${PUBLISHED.slice(2)}`, 'An Account ID starts with 05.'],
    [`05${'0'.repeat(64)}`, /Nobody can have this Account ID/],
    [`05${'0'.repeat(63)}1`.replace(/0{63}1$/, `01${'0'.repeat(62)}`), /Nobody can have this Account ID/],
  ]) {
    await field.fill(text);
    await alice.button('Start conversation').click();
    await alice.dialog().getByText(answer).waitFor();
  }
  await field.fill(`  ${PUBLISHED.toUpperCase()}\n`);
  await alice.button('Start conversation').click();
  await alice.conversation().composer.waitFor();
  assert.ok(alice.page.url().endsWith(`#/c/${PUBLISHED}`));
});

scene(it, test, 'the app speaks German when asked', async ({ person }) => {
  const greta = await person('Greta', { locale: 'de-DE' });
  await greta.page.getByRole('button', { name: 'Deutsch' }).click();
  await greta.page.getByRole('button', { name: /Konto/ }).first().waitFor();
  assert.equal(await greta.page.evaluate(() => document.documentElement.lang), 'de');
});
