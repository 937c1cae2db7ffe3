// How long the page's own thread is busy at a stretch.

// Does `work`, and gives the longest tasks of the page's thread during it, longest first, in ms: time on the processor
// (what the page is to blame for) and time by the clock (with what else this machine does).
export async function longestTasks(browser, page, work) {
  await browser.startTracing(page, { categories: ['__metadata', 'disabled-by-default-devtools.timeline'] });
  let trace;
  try {
    await work();
  } finally {
    trace = await browser.stopTracing();
  }
  const { traceEvents } = JSON.parse(trace.toString());
  const threads = new Set(traceEvents
    .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(({ pid, tid }) => `${pid}/${tid}`));
  const tasks = traceEvents.filter(({ name, pid, tid }) => name === 'RunTask' && threads.has(`${pid}/${tid}`));
  const longest = (field) => tasks.map((task) => Math.round(task[field] / 1000)).sort((a, b) => b - a).slice(0, 5);
  return { tasks: tasks.length, cpu: longest('tdur'), clock: longest('dur') };
}
