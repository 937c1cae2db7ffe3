// Two people write to each other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, stays } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { acquaint } from './pages/person.mjs';

const it = world();

scene(it, test, 'the first message is a request; accepting it makes both write freely', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const mine = await alice.open(bob.id);
  await mine.send('May I?');
  await mine.reaches('May I?', 'sent');

  assert.equal(await bob.row(alice.id).count(), 0, 'a stranger is not among the conversations');
  await bob.requestsBanner().waitFor();
  const theirs = await bob.openRequest(alice.id);
  await theirs.message('May I?').waitFor();
  assert.match(await bob.page.getByRole('main').textContent(), /Alice/, 'the name came with the message');
  assert.equal(await theirs.composer.count(), 0, 'nothing can be written before the answer');
  await bob.button('Accept').click();
  await theirs.send('Yes.');
  await mine.message('Yes.').waitFor();
  await eventually('Alice sees Bob’s name', async () => /Bob/.test(await alice.row(bob.id).textContent()));
});

scene(it, test, 'declined requests go away and may come again; blocked ones do not', async ({ people }) => {
  const [bob, nora] = await people('Bob', 'Nora');
  const hers = await nora.open(bob.id);
  await hers.send('Buy this');
  await bob.openRequest(nora.id);
  await bob.button('Decline').click();
  await bob.question().getByRole('button', { name: 'Decline' }).click();
  await eventually('the request is gone', async () => (await bob.row(nora.id).count()) === 0);

  await hers.send('Buy that');
  await bob.go('#/');
  const again = await bob.openRequest(nora.id);
  await again.message('Buy that').waitFor();
  assert.equal(await again.countOf('Buy this'), 0);
  await bob.button('Block').click();
  await bob.question().getByRole('button', { name: 'Block' }).click();
  await hers.send('Buy anything');
  await hers.reaches('Buy anything', 'sent');
  await stays('the blocked person is not heard', async () => (await bob.page.getByText('Buy anything').count()) === 0, 5_000);
});

scene(it, test, 'emoji, line breaks and several scripts arrive as they were written', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  for (const text of ['👩‍👩‍👧‍👦🏳️‍🌈 1️⃣', 'one\ntwo\n\nfour', 'שלום עולם', 'naïve café', '   inside   spaces   stay ', '日本語テキスト']) {
    await mine.composer.fill(text);
    await mine.sendButton.click();
    await eventually(`${JSON.stringify(text)} arrived`, async () => (await theirs.texts()).includes(text.trim()));
  }
  await theirs.composer.click();
  await bob.page.keyboard.type('first');
  await bob.page.keyboard.press('Shift+Enter');
  await bob.page.keyboard.type('second');
  await bob.page.keyboard.press('Enter');
  await eventually('the line break arrived', async () => (await mine.texts()).includes('first\nsecond'));
});

scene(it, test, 'the limit of 2,000 characters is counted down and kept', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  await mine.composer.fill('x'.repeat(1799));
  assert.equal(await alice.page.getByText(/characters left/).count(), 0);
  await mine.composer.fill('🧅'.repeat(1990));
  await alice.page.getByText('10 characters left').waitFor({ state: 'attached' });
  await mine.composer.fill('y'.repeat(2003));
  await alice.page.getByText('3 characters too many').waitFor({ state: 'attached' });
  assert.ok(await mine.sendButton.isDisabled());
  await mine.composer.fill('z'.repeat(2000));
  await mine.sendButton.click();
  await eventually('2,000 characters arrived', async () => (await theirs.texts()).some((text) => text === 'z'.repeat(2000)));
});

scene(it, test, 'replies show what they answer', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob, 'What time?');
  await theirs.act('What time?', 'Reply');
  await theirs.send('At eight');
  await mine.message('At eight').locator('.quote').getByText('What time?').waitFor();
  await theirs.message('At eight').locator('.quote').getByText('What time?').waitFor();
});

scene(it, test, 'reactions appear, count and are taken back', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob, 'Good news');
  await theirs.react('Good news', '🎉');
  await mine.reactions('Good news').filter({ hasText: '🎉' }).waitFor();
  await mine.reactions('Good news').filter({ hasText: '🎉' }).click();
  await theirs.reactions('Good news').filter({ hasText: '2' }).waitFor();
  await theirs.reactions('Good news').click();
  await eventually('one is left', async () => !/2/.test(await mine.reactions('Good news').textContent()));
  await mine.reactions('Good news').click();
  await eventually('none is left', async () => (await theirs.reactions('Good news').count()) === 0);
});

scene(it, test, 'deleting for me keeps theirs, deleting for everyone does not', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  await mine.send('Only here');
  await mine.send('Everywhere');
  await theirs.message('Everywhere').waitFor();
  await mine.act('Only here', 'Delete');
  await alice.button('Delete for me').click();
  await eventually('it is gone here', async () => (await mine.countOf('Only here')) === 0);
  await mine.act('Everywhere', 'Delete');
  await alice.button('Delete for everyone').click();
  await eventually('it is gone there', async () => (await theirs.countOf('Everywhere')) === 0);
  assert.equal(await theirs.countOf('Only here'), 1);
  await alice.reload();
  const after = await alice.open(bob.id);
  await after.message('Hello from Alice').waitFor();
  assert.equal(await after.countOf('Only here') + await after.countOf('Everywhere'), 0);
  // Nobody can delete what another wrote for everyone.
  await theirs.act('Hello from Alice', 'Delete');
  assert.equal(await bob.button('Delete for everyone').count(), 0);
});

scene(it, test, 'a message is copied as it is', async ({ people }) => {
  const [alice] = await people('Alice');
  await alice.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const self = await alice.open(alice.id);
  await self.send('copy\nme 🧅');
  const bubble = self.messages.last();
  await bubble.hover();
  await bubble.getByRole('button', { name: 'Message actions' }).click();
  await alice.page.getByRole('menuitem', { name: 'Copy', exact: true }).click();
  await eventually('it is in the clipboard', async () => (await alice.page.evaluate(() => navigator.clipboard.readText())) === 'copy\nme 🧅');
});

scene(it, test, 'read receipts and typing show only where both want them', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  await theirs.send('Plain');
  await mine.message('Plain').waitFor();
  await mine.composer.pressSequentially('typ');
  await stays('nothing is given away', async () =>
    (await theirs.message('Plain').getAttribute('data-state')) !== 'read' && (await bob.page.getByText(/is typing/).count()) === 0, 5_000);
  await mine.composer.fill('');

  for (const person of [alice, bob]) {
    await person.setting('Read receipts', true);
    await person.setting('Typing indicators', true);
  }
  const [a, b] = [await alice.open(bob.id), await bob.open(alice.id)];
  await b.send('With receipt');
  await a.message('With receipt').waitFor();
  await b.reaches('With receipt', 'read');
  await a.composer.pressSequentially('hm');
  await bob.page.getByText('Alice is typing').first().waitFor({ state: 'attached' });
});

scene(it, test, 'unread messages are counted until they are looked at', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine] = await acquaint(alice, bob);
  await bob.go('#/');
  for (const text of ['one', 'two', 'three']) await mine.send(text);
  await bob.row(alice.id).getByText('3 unread messages').waitFor({ state: 'attached' });
  const theirs = await bob.open(alice.id);
  await theirs.message('three').waitFor();
  await eventually('nothing is unread', async () => (await bob.row(alice.id).getByText(/unread/).count()) === 0);
});

scene(it, test, 'a draft survives reloading', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine] = await acquaint(alice, bob);
  await mine.composer.fill('Not yet\nfinished');
  await alice.go('#/');
  await alice.row(bob.id).getByText('Draft:').waitFor();
  await alice.reload();
  await alice.row(bob.id).getByText('Draft:').waitFor();
  const again = await alice.open(bob.id);
  await eventually('the draft is back', async () => (await again.composer.inputValue()) === 'Not yet\nfinished');
  await again.sendButton.click();
  await alice.go('#/');
  await eventually('the draft is gone', async () => (await alice.row(bob.id).getByText('Draft:').count()) === 0);
});

scene(it, test, 'QR code: an image of an invite link opens the conversation', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  await bob.go('#/account');
  await bob.button('Show QR code').click();
  const code = bob.dialog().getByRole('img', { name: 'My QR code' }).first();
  await code.waitFor();
  const image = await code.screenshot();
  await alice.go('#/new');
  await alice.dialog().locator('input[type=file]').setInputFiles({ name: 'code.png', mimeType: 'image/png', buffer: image });
  await alice.conversation().composer.waitFor();
  assert.match(alice.page.url(), new RegExp(`#/c/${bob.id}\\?[\\w-]{20,32}$`)); // with what the link says of forward secrecy
});
