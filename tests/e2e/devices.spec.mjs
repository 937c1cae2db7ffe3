// What somebody does to an account's devices elsewhere is told on those that were there, and can be undone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lookInAllSizes } from './lib/looks.mjs';
import { SECOND, eventually } from './lib/wait.mjs';
import { scene, world } from './lib/world.mjs';
import { beforeSecondDevice, twoDevices } from './pages/person.mjs';

const it = world();
const MINUTE = 60 * SECOND;

const bar = (person) => person.page.getByTestId('devices-bar');

// The list of devices, by way of the bar, which says this.
async function follow(person, words) {
  await bar(person).getByText(words).waitFor({ timeout: 2 * MINUTE });
  await bar(person).getByRole('button', { name: 'Details' }).click();
  const sheet = person.page.getByRole('dialog', { name: 'Devices' });
  await sheet.waitFor();
  return sheet;
}

// “This was not me”, all that it says, and back again by the keyboard alone.
async function readGuide(person, sheet) {
  const open = sheet.getByRole('button', { name: 'This was not me' });
  await open.press('Enter');
  const guide = person.page.getByRole('dialog', { name: 'If it was not you' });
  await guide.getByText(/has your recovery phrase, or one of your devices/).waitFor();
  await guide.getByText(/only a new account shuts them out/).waitFor();
  await lookInAllSizes(person, 'not-me');
  await person.page.keyboard.press('Escape');
  await guide.waitFor({ state: 'detached' });
  await sheet.waitFor();
  await eventually('the focus is back', () => open.evaluate((button) => button === document.activeElement));
}

// “Is it mine?”, then “Not mine”, and out of it: which device it is about is said, and the focus comes back.
async function thinkAgain(person, sheet) {
  const open = sheet.getByRole('button', { name: /^Is it mine\?/ });
  await open.press('Enter');
  await person.button('Not mine').press('Enter');
  const question = person.question(/^Remove .* \(2\)\?$/);
  await question.getByText(/^(Last seen|Added): /).waitFor();
  const cancel = question.getByRole('button', { name: 'Cancel' });
  await eventually('the question has the focus', () => cancel.evaluate((button) => button === document.activeElement));
  await lookInAllSizes(person, 'device-not-mine');
  await person.page.keyboard.press('Escape');
  await question.waitFor({ state: 'detached' });
  await eventually('the focus is back', () => open.evaluate((button) => button === document.activeElement));
}

async function remove(person, line, sheet, left) {
  await line.getByRole('button', { name: /^Remove / }).click();
  await person.question(/^Remove/).getByRole('button', { name: 'Remove', exact: true }).click();
  await eventually(`${left} left`, async () => (await sheet.getByTestId('device').count()) === left);
}

scene(it, test, 'a device that the words added is told on the one that was there, which can remove it', async (world) => {
  const [one, two] = await beforeSecondDevice(world);
  await two.restore(await one.readPhrase());

  await bar(one).getByText('A device was added to your account. Is it yours?').waitFor({ timeout: 2 * MINUTE });
  await lookInAllSizes(one, 'devices-bar');
  const sheet = await follow(one, 'A device was added to your account. Is it yours?');
  await sheet.getByTestId('notices').getByText('A device was added with your recovery phrase. No device of yours vouches for it.').waitFor();
  assert.equal(await sheet.getByTestId('device').count(), 2);
  await lookInAllSizes(one, 'devices-notices');
  await thinkAgain(one, sheet);
  await readGuide(one, sheet);
  await remove(one, sheet.getByTestId('device').filter({ has: one.page.getByText('No known device vouches for it.') }), sheet, 1);
  await bar(one).waitFor({ state: 'detached' });
  await bar(two).getByText(/removed this one/).waitFor({ timeout: 2 * MINUTE });
}, 240_000);

scene(it, test, 'a device that another one links and removes is told on the third, which can remove that one', async (cast) => {
  const [one, two] = await twoDevices(cast);
  const three = await cast.person('Alice-3');
  await one.addDevice(await three.linkCode());
  await three.atHome();

  let sheet = await follow(two, 'Something changed about your devices.');
  await sheet.getByTestId('notices').getByText('A device was added, and another one of yours vouches for it.').waitFor();
  await eventually('it is in the list', async () => (await sheet.getByTestId('device').count()) === 3);
  await lookInAllSizes(two, 'devices-linked');
  await readGuide(two, sheet);
  await sheet.getByRole('button', { name: 'Understood' }).click();
  await bar(two).waitFor({ state: 'detached' });
  await two.reload();
  await two.atHome();
  assert.equal(await bar(two).count(), 0, 'it is told once');

  // The last in the list is the newest.
  sheet = await one.openDevices();
  await eventually('three devices', async () => (await sheet.getByTestId('device').count()) === 3);
  await remove(one, sheet.getByTestId('device').last(), sheet, 2);
  await bar(three).getByText(/removed this one/).waitFor({ timeout: 2 * MINUTE });
  assert.equal(await bar(one).count(), 0, 'what a person does here is no news here');

  await two.go('#/');
  sheet = await follow(two, 'Something changed about your devices.');
  await sheet.getByTestId('notices').getByText('A device was removed by another one of yours.').waitFor();
  await readGuide(two, sheet);
  await remove(two, sheet.getByTestId('device').filter({ has: two.button(/^Remove /) }), sheet, 1);
  await bar(one).getByText(/removed this one/).waitFor({ timeout: 2 * MINUTE });
}, 300_000);
