// Joins style/*.css into the one style sheet of the app. Trunk calls it before each build.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'style');
const target = join(root, 'target', 'generated', 'app.css');

// These come first, in this order; anything else follows by name.
const order = ['tokens', 'reset', 'layout', 'components', 'screens', 'motion'];

const names = (existsSync(folder) ? readdirSync(folder) : []).filter((name) => name.endsWith('.css')).map((name) => name.slice(0, -4));
const rank = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
names.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));

const joined = names
  .map((name) => readFileSync(join(folder, `${name}.css`), 'utf8'))
  .join('\n')
  .replace(/\/\*[\s\S]*?\*\//g, '')
  .replace(/^[ \t]+/gm, '')
  .replace(/\n{2,}/g, '\n');

// Written only when it changed: Trunk watches the file.
mkdirSync(dirname(target), { recursive: true });
if (!existsSync(target) || readFileSync(target, 'utf8') !== joined) writeFileSync(target, joined);
