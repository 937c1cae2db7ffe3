// The service worker: keeps the app's own files, so that it opens without network. It never sees a message:
// everything under /gw/ goes past it. The build fills in the two constants (build/dist.mjs).
const VERSION = '__VERSION__';
const FILES = ['__FILES__'];

const CACHE = `zwiebel-shell-${VERSION}`;

self.addEventListener('install', (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    // A name with a hash in it always has the same content; for the others the server is asked again.
    const mode = (file) => (/-[0-9a-f]{16}[._]/.test(file) ? 'default' : 'no-cache');
    await cache.addAll(FILES.map((file) => new Request(file, { cache: mode(file), credentials: 'omit' })));
  })());
});

self.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith('zwiebel-shell-') && name !== CACHE).map((name) => caches.delete(name)));
  })());
});

// An update waits until the person agrees (or every tab is closed).
self.addEventListener('message', (event) => {
  if (event.data === 'SKIP_WAITING') self.skipWaiting();
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  const path = url.pathname === '/index.html' ? '/' : url.pathname;
  if (!FILES.includes(path)) return;
  // Stored responses keep their headers, so the content security policy holds offline too.
  event.respondWith((async () => {
    const cache = await caches.open(CACHE);
    const stored = await cache.match(path);
    if (!stored) return fetch(request);
    if (path === '/' || path === '/worker.js') event.waitUntil(renewPolicy(cache, path, stored.clone()));
    return stored;
  })());
});

// The policy names the gateways that the app may use, and these may change while the app does not. So page and worker are asked
// for once more, for their headers: what they say stays as it was installed.
async function renewPolicy(cache, path, stored) {
  const fresh = await fetch(path, { cache: 'no-cache', credentials: 'omit' }).catch(() => null);
  if (fresh?.ok && (await fresh.clone().text()) === (await stored.text())) await cache.put(path, fresh);
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
    if (pages.length > 0) await pages[0].focus();
    else await self.clients.openWindow('/');
  })());
});
