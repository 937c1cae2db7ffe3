// The loader of the engine's worker: takes the compiled module from boot.js and starts it. Rust takes over in src/worker.rs.

// What the page says before Rust listens is kept for it.
const early = [];
globalThis.zwiebelPort = { port: globalThis, early };

globalThis.onmessage = ({ data }) => {
  // reportError makes the page see it as an error of its worker.
  if (data.module) start(data).catch(reportError);
  else early.push(data);
};

async function start({ js, module }) {
  const { default: init } = await import(js);
  await init({ module_or_path: module });
}
