// Bad input stays what it is: text, or an error that says what is wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { acquaint } from './pages/person.mjs';

const it = world();

scene(it, test, 'script tags in names and messages stay text', async ({ person, people }) => {
  const [bob] = await people('Bob');
  const mallory = await person('Mallory');
  const name = '<script>window.pwned=1</script><b>M</b>';
  await mallory.createAccount(name);
  const nasty = [
    '<script>window.pwned=1</script>',
    '<img src=x onerror="window.pwned=1">',
    'javascript:window.pwned=1',
    '"><svg onload=window.pwned=1>',
    '{{constructor.constructor("window.pwned=1")()}}',
  ];
  const [hers, his] = await acquaint(mallory, bob, nasty[0]);
  for (const text of nasty.slice(1)) await hers.send(text);
  await eventually('all arrived as text', async () => JSON.stringify(await his.texts()) === JSON.stringify(nasty));
  assert.match(await bob.row(mallory.id).textContent(), /<script>window\.pwned=1<\/script>/);
  await his.act(nasty[0], 'Reply');
  await his.send('quoted');
  await hers.message('quoted').waitFor();
  for (const person of [bob, mallory]) {
    assert.equal(await person.page.evaluate(() => window.pwned), undefined);
    assert.equal(await person.page.locator('[data-testid=timeline] :is(script, img, b)').count(), 0);
    assert.equal(await person.page.locator('a[href^="javascript:" i]').count(), 0);
  }
});

scene(it, test, 'links can be opened and give nothing away', async ({ people }) => {
  const [alice] = await people('Alice');
  const self = await alice.open(alice.id);
  await self.send('see https://example.org/a?b=c, ok');
  const link = self.messages.last().getByRole('link');
  assert.equal(await link.getAttribute('href'), 'https://example.org/a?b=c');
  assert.match(await link.getAttribute('rel'), /noopener.*noreferrer/);
});

scene(it, test, 'a megabyte pasted anywhere is cut, and the app lives on', async ({ person, people }) => {
  const [alice] = await people('Alice');
  await alice.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await alice.page.evaluate(() => navigator.clipboard.writeText('x'.repeat(1024 * 1024)));
  const paste = async (field) => {
    const started = Date.now();
    await field.click();
    await alice.page.keyboard.press('Control+V');
    await eventually('it is in', async () => (await field.inputValue()).length > 0);
    assert.ok((await field.inputValue()).length < 100_000, 'it was cut');
    assert.ok(Date.now() - started < 5_000, `pasting took ${Date.now() - started} ms`);
  };
  const self = await alice.open(alice.id);
  await paste(self.composer);
  assert.ok(await self.sendButton.isDisabled());
  await self.composer.fill('still works');
  await self.sendButton.click();
  await self.message('still works').waitFor();
  await alice.go('#/new');
  await paste(alice.textbox('Account ID'));
  await alice.button('Start conversation').click();
  await alice.dialog().getByText(/66 characters/).waitFor();

  const restorer = await person('Restorer');
  await restorer.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await restorer.page.evaluate(() => navigator.clipboard.writeText('abbey '.repeat(170_000)));
  await restorer.button('Restore account').click();
  await restorer.page.getByRole('combobox', { name: 'Word 1', exact: true }).click();
  await restorer.page.keyboard.press('Control+V');
  await restorer.button('Restore').click();
  await restorer.page.getByRole('alert').getByText(/These are \d+ words|do not fit|cannot stand/).waitFor();
});

scene(it, test, 'invisible and very long names do not break the list', async ({ person, people }) => {
  const [bob] = await people('Bob');
  const odd = await person('Odd');
  await odd.createAccount('\u202Eevil\u202C' + 'W'.repeat(80));
  const [, his] = await acquaint(odd, bob, 'hi');
  await his.send('hello');
  assert.ok(await bob.page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
  const answers = [];
  for (const text of ['   ', '\n\n', '\u200B']) {
    await his.composer.fill(text);
    answers.push(await his.sendButton.isDisabled());
  }
  assert.deepEqual(answers.slice(0, 2), [true, true], 'nothing but white space cannot be sent');
});

scene(it, test, 'garbage from the network is survived', async ({ people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob);
  alice.expect(/Failed to load resource/);
  let turn = 0;
  const garbage = [
    { status: 200, body: Buffer.alloc(0) },
    { status: 200, body: Buffer.alloc(70_000, 0x41) },
    { status: 200, body: Buffer.from('{"t":1e999,"messages":[{}]}') },
    { status: 502, body: 'Next node not found: ' + '0'.repeat(64) },
    { status: 406, body: 'clock' },
    { status: 500, body: '<html>' },
  ];
  await alice.context.route('**/gw/v1/onion/**', (route) => route.fulfill(garbage[turn++ % garbage.length]));
  await mine.send('Through the noise');
  await eventually('all kinds were answered', () => turn >= garbage.length, 60_000);
  await alice.context.unroute('**/gw/v1/onion/**');
  await mine.reaches('Through the noise', 'sent', 60_000);
  await theirs.message('Through the noise').waitFor();
  assert.equal(await theirs.countOf('Through the noise'), 1);
});
