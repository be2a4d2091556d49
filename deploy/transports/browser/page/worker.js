// One fresh worker a job, as elsewhere a fresh process: it has a runtime and memory of its own.
//
// It answers one request after the other: {id, do, ...} with {id, ok} or {id, error}, and bytes
// that begin with the id with bytes that begin with it.
"use strict";

importScripts("clock.js", "runtime.js", "gpu.js", "measure.js");

const state = { clock: new Clock(), runtime: null, opened: null, files: new Map(), token: "" };

const jobs = {
  async start({ how, token }) {
    state.token = token;
    state.runtime = await Runtime.start(how);
    return { step_ms: state.clock.step_ms };
  },

  // Load one model and run it twice. What comes after it are its inputs, in bytes.
  async evaluate({ model, feed, keep }) {
    const [bytes, input] = [await file(model), await file(feed.file)];
    const clock = state.clock;
    const began = clock.start();
    const opened = await state.runtime.open(bytes);
    const loaded = clock.stop();
    opened.feed(feed.inputs, input);
    const fed = clock.start();
    await opened.invoke();
    const first = clock.stop();
    state.opened = { model: opened, inputs: feed.inputs, keep };
    return { load_s: (loaded - began) / 1e3, first_inference_s: Math.max(first - fed, 0) / 1e3 };
  },

  async block(job) {
    for (const one of Object.values(job.slots)) {
      await file(one.model);
      await file(one.feed.file);
    }
    return measured(job, state, file);
  },
};

// A file of the plan, by its hash.
async function file(name) {
  if (!state.files.has(name)) {
    const answer = await fetch(`/files/${name}`, {
      headers: { Authorization: `Bearer ${state.token}` },
    });
    if (!answer.ok) throw new Error(`${name} could not be loaded: status ${answer.status}`);
    state.files.set(name, new Uint8Array(await answer.arrayBuffer()));
  }
  return state.files.get(name);
}

// The outputs of one set of inputs.
async function evaluated(request) {
  const { model, inputs, keep } = state.opened;
  model.feed(inputs, new Uint8Array(request, 4));
  const found = await model.outputs(keep);
  const answer = new Uint8Array(4 + found.byteLength);
  answer.set(new Uint8Array(request, 0, 4));
  answer.set(found, 4);
  return answer.buffer;
}

self.onmessage = async ({ data }) => {
  if (data instanceof ArrayBuffer) {
    const id = new DataView(data).getUint32(0, true);
    try {
      const answer = await evaluated(data);
      self.postMessage(answer, [answer]);
    } catch (error) {
      self.postMessage({ id, error: sentence(error) });
    }
    return;
  }
  try {
    self.postMessage({ id: data.id, ok: await jobs[data.do](data) });
  } catch (error) {
    self.postMessage({ id: data.id, error: sentence(error) });
  }
};

function sentence(error) {
  const text = error instanceof Error ? error.message : String(error);
  const said = Runtime.said && !text.includes(Runtime.said) ? ` (${Runtime.said})` : "";
  return (text + said).slice(0, 1000);
}
