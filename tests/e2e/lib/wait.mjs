// Waiting for conditions, never for time.
import { setTimeout as pause } from 'node:timers/promises';

export const SECOND = 1000;
// What a person would call broken. Two cores run two browsers and ten nodes, so it is generous.
export const PATIENCE = 30 * SECOND;

// Asks `probe` until it gives something true, and gives that.
export async function eventually(what, probe, patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`after ${patience} ms still not: ${what} (last: ${last?.message ?? JSON.stringify(last)})`);
    await pause(40);
  }
}

// Holds that `probe` stays true for a while: for things that must not happen.
export async function stays(what, probe, time) {
  const end = Date.now() + time;
  while (Date.now() < end) {
    if (!(await probe())) throw new Error(`not any more: ${what}`);
    await pause(100);
  }
}
