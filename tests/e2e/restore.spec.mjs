// The thirteen words: what can be wrong with them, and what they bring back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { acquaint } from './pages/person.mjs';

const it = world();

async function fillWords(person, words) {
  await person.button('Clear all').click({ trial: true, timeout: 500 }).then(() => person.button('Clear all').click()).catch(() => {});
  await person.page.getByRole('combobox', { name: 'Word 1', exact: true }).fill(words);
}

scene(it, test, 'the five ways a phrase can be wrong are told apart', async ({ person, people }) => {
  const [owner] = await people('Owner');
  const words = (await owner.readPhrase()).split(' ');
  assert.equal(words.length, 13);

  const restorer = await person('Restorer');
  await restorer.button('Restore account').click();
  const other = words.find((word) => word.slice(0, 3) !== words[12].slice(0, 3));
  for (const [phrase, answer] of [
    [words.slice(0, 12), 'One word is missing. A recovery phrase has 13.'],
    [words.slice(0, 5), '8 words are missing. A recovery phrase has 13.'],
    [[...words, words[0]], /These are 14 words/],
    [words.with(4, 'zwiebel'), /Word 5, “zwiebel”, is not in the list/],
    // The third of these stands right before the second in the list: no number is written that way.
    [['abbey', 'ability', 'abducts', ...words.slice(3)], /Words 1 to 3 cannot stand together/],
    [words.with(12, other), /All words exist, but they do not fit together/],
  ]) {
    await fillWords(restorer, phrase.join(' '));
    await restorer.button('Restore').click();
    await restorer.page.getByRole('alert').getByText(answer).waitFor();
  }
});

scene(it, test, 'words are completed while they are typed', async ({ person }) => {
  const typist = await person('Typist');
  await typist.button('Restore account').click();
  await typist.page.getByRole('combobox', { name: 'Word 1', exact: true }).pressSequentially('abb');
  await typist.page.getByRole('option', { name: 'abbey' }).waitFor();
  await typist.page.keyboard.press('Enter');
  const first = typist.page.getByRole('combobox', { name: 'Word 1', exact: true });
  assert.equal(await first.inputValue(), 'abbey');
  assert.ok(await typist.page.getByRole('combobox', { name: 'Word 2', exact: true }).evaluate((field) => field === document.activeElement));
});

scene(it, test, 'a restore brings back what was received and what was sent, in its conversations', async ({ person, people }) => {
  const [alice, bob] = await people('Alice', 'Bob');
  const [mine, theirs] = await acquaint(alice, bob, 'From Alice');
  await theirs.send('From Bob');
  await mine.message('From Bob').waitFor();
  await mine.send('Second from Alice');
  await mine.reaches('Second from Alice', 'sent');
  const self = await alice.open(alice.id);
  await self.send('A note');
  await self.reaches('A note', 'sent');
  const phrase = await alice.readPhrase();

  const again = await person('Alice-again');
  await again.button('Restore account').click();
  await fillWords(again, phrase);
  await again.button('Restore').click();
  // The progress may be over before anybody sees it.
  await again.atHome();
  assert.equal(await again.readId(), alice.id);
  await again.row(bob.id).waitFor();
  // What was said forward secretly is on the devices alone: one of them gives it to the new one.
  await alice.confirmDevice(again);
  const chat = await again.open(bob.id);
  await chat.message('Second from Alice').waitFor();
  await eventually('everything is back once', async () => {
    const texts = await chat.texts();
    return ['From Alice', 'From Bob', 'Second from Alice'].every((text, at) => texts[at] === text) && texts.length === 3;
  });
  const mineAgain = await chat.messages.evaluateAll((all) => all.map((message) => message.dataset.mine));
  assert.deepEqual(mineAgain, ['true', 'false', 'true']);
  assert.match(await again.row(bob.id).textContent(), /Bob/);
  const notes = await again.open(alice.id);
  await notes.message('A note').waitFor();

  // And it goes on from there.
  await theirs.send('Still there?');
  await (await again.open(bob.id)).message('Still there?').waitFor();
});
