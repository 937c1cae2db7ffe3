// The colours of style/tokens.css keep their contrast in both themes (WCAG 2 relative luminance):
// body text 7:1, other text 4.5:1, borders of controls and icons 3:1.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const css = readFileSync(new URL('../../style/tokens.css', import.meta.url), 'utf8');

/** The colour tokens in the first block after this selector. */
function tokens(selector) {
  const block = css.slice(css.indexOf(selector)).match(/\{([^}]*)\}/)[1];
  return Object.fromEntries([...block.matchAll(/--([a-z-]+):\s*(#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]));
}

const light = tokens('  :root {');
const dark = { ...light, ...tokens('  :root[data-theme="dark"] {\n    --surface') };

function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const PAIRS = [
  [7, ['text'], ['surface', 'raised', 'sunken', 'own', 'their', 'accent-soft']],
  [4.5, ['muted', 'accent', 'danger'], ['surface', 'raised']],
  [4.5, ['secret', 'warn'], ['surface', 'raised']],
  [4.5, ['muted'], ['sunken', 'their']],
  [4.5, ['own-muted', 'accent'], ['own']],
  [4.5, ['warn'], ['warn-soft']],
  [4.5, ['danger'], ['danger-soft']],
  [4.5, ['on-accent'], ['accent', 'accent-hover']],
  [4.5, ['on-danger'], ['danger']],
  [3, ['border'], ['surface', 'raised', 'sunken']],
];

for (const [name, theme] of Object.entries({ light, dark })) {
  test(`colours of the ${name} theme keep their contrast`, () => {
    for (const [least, fronts, backs] of PAIRS) {
      for (const front of fronts) {
        for (const back of backs) {
          assert.ok(theme[front] && theme[back], `${front} and ${back} are tokens`);
          const ratio = contrast(theme[front], theme[back]);
          assert.ok(ratio >= least, `${front} on ${back}: ${ratio.toFixed(2)}, needs ${least}`);
        }
      }
    }
  });
}

test('the dark theme is the same whether chosen here or by the system', () => {
  assert.deepEqual(tokens('    :root:not([data-theme="light"])'), tokens('  :root[data-theme="dark"] {\n    --surface'));
});
