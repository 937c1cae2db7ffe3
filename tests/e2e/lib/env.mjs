// What `cargo xtask e2e` hands over.
import { createRequire } from 'node:module';
import { join } from 'node:path';

function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with \`cargo xtask e2e\``);
  return value;
}

export const zwiebel = need('ZWIEBEL_BIN');
export const zwiebelTap = process.env.ZWIEBEL_TAP_BIN;
export const dist = need('ZWIEBEL_DIST');
export const chromiumPath = need('CHROMIUM');
export const screenshots = need('SCREENSHOTS');
export const { chromium } = createRequire(join(need('PLAYWRIGHT_CORE'), 'package.json'))('playwright-core');

// How every browser is started.
export const LAUNCH = {
  executablePath: chromiumPath,
  args: [
    '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
};
