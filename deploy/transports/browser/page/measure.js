// A block: models loaded and warmed up, then taking turns. See docs/app-contract.md, "Measure".
"use strict";

const TICKS = 25; // A sample is at least as many steps of the clock.

// One sample: the mean of `batch` inferences, or of a multiple where the clock needs it.
async function sample(model, clock, batch) {
  const start = clock.start();
  for (let i = 0; i < batch; i++) {
    const wait = model.invoke();
    if (wait) await wait;
  }
  return Math.max(((clock.stop() - start) * 1e6) / batch, 1);
}

// The smallest multiple of `batch` inferences that the clock can time.
async function enough(model, clock, batch) {
  let count = batch;
  for (;;) {
    const time_ms = ((await sample(model, clock, count)) * count) / 1e6;
    const ratio = (TICKS * clock.step_ms) / Math.max(time_ms, clock.step_ms);
    if (ratio <= 1) return count;
    count = Math.ceil((count * Math.min(ratio * 1.1, 16)) / batch) * batch;
  }
}

async function warmUp(model, clock, rule) {
  const batch = await enough(model, clock, 1);
  const times = await turn(model, clock, rule.window, batch);
  let steady = false;
  while (!steady && sum(times) * batch < rule.max_s * 1e9) {
    times.push(...(await turn(model, clock, rule.window, batch)));
    const [before, last] = [times.slice(-2 * rule.window, -rule.window), times.slice(-rule.window)];
    steady = Math.abs(median(last) / median(before) - 1) <= rule.tolerance;
  }
  return { steady, times_ns: times };
}

async function turn(model, clock, samples, batch) {
  const times = new Array(samples).fill(0);
  for (let i = 0; i < samples; i++) times[i] = Math.round(await sample(model, clock, batch));
  return times;
}

async function measured({ order, slots, length, warmup, step_ms }, { clock, runtime }, file) {
  clock.calibrate(40, 60);
  if (clock.step_ms > 1.5 * step_ms) {
    throw new Error(
      `the browser's clock has steps of ${clock.step_ms} ms now, and had ${step_ms} ms before`,
    );
  }
  const models = new Map();
  const warmups = [];
  const batches = new Map();
  for (const slot of new Set(order)) {
    const opened = await runtime.open(await file(slots[slot].model));
    opened.feed(slots[slot].feed.inputs, await file(slots[slot].feed.file));
    models.set(slot, opened);
  }
  for (const [slot, model] of models) {
    warmups.push({ slot, ...(await warmUp(model, clock, warmup)) });
    batches.set(slot, await enough(model, clock, length.batch));
  }
  const batch = Math.max(...batches.values());
  const before = readings(clock, step_ms);
  const turns = [];
  for (const slot of order) {
    const times = await turn(models.get(slot), clock, length.samples, batch);
    turns.push({
      slot,
      dropped_ns: times.slice(0, length.dropped),
      samples_ns: times.slice(length.dropped),
      cpu_ns: null,
      summary: null,
    });
  }
  const after = readings(clock, step_ms);
  for (const model of models.values()) model.close();
  await new Promise((resolve) => setTimeout(resolve, 20)); // Their threads go back to the pool.
  return { before, after, warmups, turns };
}

function readings(clock, step_ms) {
  return { unix_s: Date.now() / 1e3, probe_ns: probe(clock, step_ms) };
}

// The times of a fixed computation on 64 KiB, which tell how fast the core runs. The coarser the
// clock is, the more rounds of it are timed at once.
const PROBED = new Uint32Array(16384).map((_, i) => Math.imul(i, 2654435761));

function probe(clock, step_ms) {
  const rounds = 2 * Math.max(Math.ceil(step_ms / 0.005), 1);
  const times = [];
  for (let repeat = -4; repeat < 16; repeat++) {
    const start = clock.start();
    for (let round = 0; round < rounds; round++) PROBED[0] = mixed(PROBED);
    const time_ns = Math.max(Math.round((clock.stop() - start) * 1e6), 1);
    if (repeat >= 0) times.push(time_ns); // The first ones may wait for the browser's compiler.
  }
  return times;
}

function mixed(words) {
  let hash = 2166136261;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i], 16777619);
  return hash >>> 0;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function sum(values) {
  return values.reduce((total, one) => total + one, 0);
}
