// Stops an engine for good at a named moment, from outside: the app is the one that is shipped.

const SPRUNG = 'the engine stands still';

// The moments at which a crash leaves something half done.
export const CRASH_POINTS = [
  'before commit (send)', 'after commit, before store', 'after store, before its result is committed',
  'before commit (receive)', 'after commit (receive), before UI and ack', 'during bundle publication',
];

// Sets a trap in the engine of a page. What comes back has `sprung()`: waits until the engine went into it.
export async function setTrap(page, point) {
  const sprung = page.waitForEvent('console', { predicate: (message) => message.text() === SPRUNG, timeout: 60_000 });
  sprung.catch(() => {}); // asked for later
  await page.workers()[0].evaluate(wait, { point, word: SPRUNG });
  return { sprung: () => sprung };
}

// Runs in the engine's worker and knows only what the browser knows: names of stores, keys, sizes; and that something is
// fetched.
async function wait({ point, word }) {
  const hex = (key) => Array.from(new Uint8Array(key.buffer ?? key), (byte) => byte.toString(16)).join('.');
  const answer = (request) => new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  const database = await answer(indexedDB.open('zwiebel'));
  const known = new Set((await answer(database.transaction('message').objectStore('message').getAllKeys())).map(hex));
  database.close();

  const stop = () => {
    console.log(word);
    const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    Atomics.wait(new Int32Array(buffer), 0, 0);
  };
  const reached = (name) => { if (name === point) stop(); };

  // What the transactions are about. A bundle is 1,428 bytes, an envelope 2,048 at least, everything else far less.
  const about = new WeakMap();
  const sent = new Set();
  let ready; // committed, and nothing has left since
  const { put, delete: remove } = IDBObjectStore.prototype;
  const { fetch } = globalThis;
  IDBObjectStore.prototype.put = function (value, key) {
    if (!about.has(this.transaction)) {
      about.set(this.transaction, {});
      // On its way from the database down to the transaction: the app hears of it later.
      this.transaction.db.addEventListener('complete', committed, { capture: true });
    }
    const batch = about.get(this.transaction);
    if (this.name === 'message' && !known.has(hex(key))) batch.message = true;
    if (this.name === 'outbox') {
      batch.out = true;
      if (batch.message) sent.add(hex(key));
      if (value.byteLength > 1428 && value.byteLength < 2048) batch.bundle = true;
    }
    if (batch.message) reached(batch.out ? 'before commit (send)' : 'before commit (receive)');
    return put.call(this, value, key);
  };
  IDBObjectStore.prototype.delete = function (key) {
    if (this.name === 'outbox' && sent.has(hex(key))) reached('after store, before its result is committed');
    return remove.call(this, key);
  };
  function committed({ target }) {
    const batch = about.get(target);
    if (!batch) return;
    if (batch.message && batch.out) ready = 'after commit, before store';
    if (batch.message && !batch.out) reached('after commit (receive), before UI and ack');
    if (batch.bundle) ready = 'during bundle publication';
  }
  globalThis.fetch = (request) => {
    reached(ready);
    ready = undefined;
    return fetch(request);
  };
}
