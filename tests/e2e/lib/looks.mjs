// What a screen looks like: pictures for people to look at, and what can be checked without eyes.
import assert from 'node:assert/strict';

export const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 }, small: { width: 320, height: 568 } };

// What a screen must hold: no horizontal scrolling, and a name for everything that can be pressed or filled.
async function check(person, screen) {
  const { overflow, nameless } = await person.page.evaluate(() => {
    const visible = (element) => element.checkVisibility({ checkOpacity: false, checkVisibilityCSS: true });
    const named = (element) => [
      element.getAttribute('aria-label'), element.textContent, element.getAttribute('title'),
      ...(element.labels ? [...element.labels].map((label) => label.textContent) : []),
      document.getElementById(element.getAttribute('aria-labelledby') ?? '')?.textContent,
    ].some((text) => text?.trim());
    const controls = [...document.querySelectorAll('button, a[href], input:not([type=file]), textarea, select, [role=switch], [tabindex="0"]')];
    return {
      overflow: document.documentElement.scrollWidth - window.innerWidth,
      nameless: controls.filter((element) => visible(element) && !named(element)).map((element) => element.outerHTML.slice(0, 120)),
    };
  });
  assert.ok(overflow <= 0, `${screen}: ${overflow} px too wide`);
  assert.deepEqual(nameless, [], `${screen}: controls without a name`);
}

// A screen as it is, in light and dark.
export async function look(person, screen) {
  await check(person, screen);
  for (const colorScheme of ['light', 'dark']) {
    await person.page.emulateMedia({ colorScheme });
    await person.picture(`${screen}-${colorScheme}`);
  }
}

// The same in all sizes, one after the other.
export async function lookInAllSizes(person, screen) {
  const before = person.page.viewportSize();
  await person.page.emulateMedia({ reducedMotion: 'reduce' }); // nothing is on its way to its place
  for (const [size, viewport] of Object.entries(SIZES)) {
    await person.page.setViewportSize(viewport);
    await look(person, `${screen}-${size}`);
  }
  await person.page.setViewportSize(before);
}
