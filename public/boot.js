// The loader of the page: one Trusted Types policy, the engine's worker, the app. Rust takes over in src/boot.rs.

// Leptos writes elements that never change through innerHTML. Only plain tags with double-quoted, harmless attributes pass;
// whatever could run or load something stops the app instead. Script addresses: our two workers and nothing else.
const TAG = /<\/?([a-zA-Z][a-zA-Z0-9-]*)((?:\s+[a-zA-Z][a-zA-Z0-9:_-]*(?:="[^"<>]*")?)*)\s*\/?>|<!--[^<>]*-->|<!>/g;
const BAD_TAG = /^(script|style|iframe|frame|object|embed|base|link|meta|form|template|foreignobject|set|animate.*)$/i;
const BAD_ATTRIBUTE = /\s(on[a-z]*|style|srcdoc|srcset|action|formaction|ping)(=|\s|$)|href="(?!"|#|\/(?!\/)|https:\/\/)|src="(?!\/(?!\/))/i;
export function plainHtml(text) {
  const rest = text.replace(TAG, (_, tag, attributes) =>
    (tag && BAD_TAG.test(tag)) || (attributes && BAD_ATTRIBUTE.test(attributes)) ? '<' : '');
  if (/[<>]/.test(rest)) throw new TypeError('not plain HTML');
  return text;
}
export function ownScript(address, origin = location.origin) {
  const url = new URL(address, origin);
  if (url.href !== `${origin}/worker.js` && url.href !== `${origin}/sw.js`) throw new TypeError('not our script');
  return url.href;
}

function showBroken() {
  const dialog = document.getElementById('broken');
  if (dialog && !dialog.open) dialog.showModal();
}

async function start({ js, wasm }) {
  globalThis.trustedTypes?.createPolicy('default', { createHTML: plainHtml, createScriptURL: (address) => ownScript(address) });
  const worker = new Worker('/worker.js', { type: 'module', name: 'zwiebel-engine' });
  // What the worker says before Rust listens is kept for it.
  const early = [];
  worker.onmessage = ({ data }) => early.push(data);
  worker.onerror = showBroken;
  globalThis.zwiebelPort = { port: worker, early };
  // Fetched and compiled once; page and worker make their own instance of it.
  const [glue, module] = await Promise.all([import(js), WebAssembly.compileStreaming(fetch(wasm))]);
  worker.postMessage({ js, module });
  await glue.default({ module_or_path: module });
}

// In a test there is no page.
if (globalThis.document) {
  // Escape does not bring the broken app back.
  document.getElementById('broken').onclose = showBroken;
  start(document.getElementById('boot').dataset).catch((error) => { showBroken(); throw error; });
}
