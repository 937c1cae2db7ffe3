// Finishes what Trunk built, before it becomes dist/: tells the service worker its files and version, and writes
// compressed siblings for the gateway to send. Trunk calls it after each build.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const stage = process.env.TRUNK_STAGING_DIR;
if (!stage) throw new Error('TRUNK_STAGING_DIR is not set: this script is called by Trunk');
const release = process.env.TRUNK_PROFILE === 'release';

function* filesOf(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesOf(path);
    else if (!/^\.|\.(br|gz)$/.test(entry.name)) yield path;
  }
}

const files = [...filesOf(stage)].sort();
const addressOf = (path) => '/' + relative(stage, path).split(sep).join('/');

// The shell: everything but the service worker itself. The version is a hash over names and contents.
const shell = files.filter((path) => addressOf(path) !== '/sw.js');
const hash = createHash('sha256');
for (const path of shell) hash.update(addressOf(path)).update('\0').update(readFileSync(path)).update('\0');
const version = hash.digest('hex').slice(0, 16);
const addresses = shell.map(addressOf).map((address) => (address === '/index.html' ? '/' : address));

const worker = join(stage, 'sw.js');
const filled = readFileSync(worker, 'utf8')
  .replace("'__VERSION__'", JSON.stringify(version))
  .replace("['__FILES__']", JSON.stringify(addresses));
if (filled.includes('__VERSION__') || filled.includes('__FILES__')) throw new Error('sw.js: the marks to fill in are gone');
writeFileSync(worker, filled);

// Text and wasm shrink; PNG does not. Quick builds are served from this machine and need none of it.
const quality = release ? constants.BROTLI_MAX_QUALITY : 4;
for (const path of files) {
  if (!/\.(html|js|css|wasm|json|webmanifest|svg|txt)$/.test(path) || statSync(path).size < 512) continue;
  const content = readFileSync(path);
  writeFileSync(`${path}.br`, brotliCompressSync(content, {
    params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_LGWIN]: 22, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
  }));
  writeFileSync(`${path}.gz`, gzipSync(content, { level: release ? 9 : 4 }));
}
