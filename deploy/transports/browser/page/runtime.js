// LiteRT.js by the functions of its WebAssembly module. Its own API refuses int8 inputs.
"use strict";

class Runtime {
  constructor(wasm, environment, how) {
    this.wasm = wasm;
    this.environment = environment;
    this.how = how;
  }

  // how: {build, threads, accelerator, pool}
  static async start(how) {
    // The module starts as many workers as there are cores, and waits for ever for one more. Each
    // model has threads of its own, so several models may need more than that.
    Object.defineProperty(self.navigator, "hardwareConcurrency", { value: how.pool });
    importScripts(`/litert/${how.build}.js`);
    const wasm = await self.ModuleFactory({
      locateFile: (name) => `/litert/${name}`,
      mainScriptUrlOrBlob: `/litert/${how.build}.js`,
      print: () => {},
      printErr: (text) => (Runtime.said = String(text)),
    });
    wasm.setupLogging();
    const device = how.accelerator === "webgpu" ? await gpuDevice() : null;
    const environment = wasm.LiteRtEnvironment.create(device);
    return new Runtime(wasm, { liteRtEnvironment: environment, webGpuDevice: device }, how);
  }

  async open(bytes) {
    // The place of a model in memory decides how it shares the caches: another one each time.
    const pad = this.wasm._malloc(64 * (1 + Math.floor(Math.random() * 4096)));
    const at = this.wasm._malloc(bytes.byteLength);
    this.wasm.HEAPU8.set(bytes, at);
    const { liteRtEnvironment: own } = this.environment;
    const model = this.wasm.loadModel(own, at, bytes.byteLength);
    const compiled = await this.wasm.compileModel(own, model, {
      environment: this.environment,
      accelerator: this.how.accelerator,
      cpuOptions: { numThreads: this.how.threads },
      gpuOptions: {},
      webNNOptions: {},
    });
    if (this.how.accelerator !== "wasm" && !onGpu(this.wasm, model, compiled)) {
      throw new Error("WebGPU does not take every operation of this model; leave out --delegate gpu");
    }
    const Kind = this.how.accelerator === "wasm" ? Model : GpuModel;
    return new Kind(this, model, compiled, [at, pad]);
  }
}

// A model on the CPU. Inputs and outputs are bytes, as the file's tensors hold them.
class Model {
  constructor(runtime, model, compiled, memory) {
    this.runtime = runtime;
    this.model = model;
    this.compiled = compiled;
    this.memory = memory;
    const signature = model.getSignature(0);
    this.inputNames = list(signature.inputNames());
    this.outputNames = list(signature.outputNames());
    signature.delete();
    this.inputs = this.inputNames.map((_, place) => this.makeInput(place));
  }

  makeInput(place) {
    const { wasm, environment } = this.runtime;
    const type = this.model.getInputTensorType(0, place);
    const memory = wasm.LiteRtTensorBufferType.HOST_MEMORY;
    const { liteRtEnvironment: own } = environment;
    const made = wasm.LiteRtTensorBuffer.createManaged(own, memory, type, type.bytes());
    type.delete();
    return made;
  }

  // named: [{name, index, bytes}], each input's bytes in one after the other.
  feed(named, content) {
    let start = 0;
    for (const one of named) {
      this.write(place(this.inputNames, one), content.subarray(start, start + one.bytes));
      start += one.bytes;
    }
  }

  write(place, bytes) {
    const { wasm } = this.runtime;
    const at = this.inputs[place].lock(wasm.LiteRtTensorBufferLockMode.WRITE);
    wasm.HEAPU8.set(bytes, at);
    this.inputs[place].unlock();
  }

  // One inference, for its time. Returns a promise where it has to be waited for.
  invoke() {
    for (const one of this.compiled.run(0, this.inputs)) one.delete();
  }

  // One inference and the bytes of those outputs, one after the other.
  async outputs(named) {
    const made = await this.compiled.run(0, this.inputs);
    const parts = [];
    for (const one of named) parts.push(await this.read(made[place(this.outputNames, one)]));
    for (const one of made) one.delete();
    return joined(parts);
  }

  async read(buffer) {
    const { wasm } = this.runtime;
    const at = buffer.lock(wasm.LiteRtTensorBufferLockMode.READ);
    const found = wasm.HEAPU8.slice(at, at + buffer.packedSize());
    buffer.unlock();
    return found;
  }

  close() {
    for (const one of this.inputs) one.delete();
    this.compiled.delete();
    this.model.delete();
    for (const one of this.memory) this.runtime.wasm._free(one);
  }
}

// By the name in the file's signature; files without one have theirs in the file's order.
function place(names, one) {
  const found = names.indexOf(one.name);
  return found >= 0 ? found : one.index;
}

function list(vector) {
  const found = [];
  for (let i = 0; i < vector.size(); i++) found.push(vector.get(i));
  vector.delete();
  return found;
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, one) => sum + one.byteLength, 0));
  let start = 0;
  for (const one of parts) {
    whole.set(one, start);
    start += one.byteLength;
  }
  return whole;
}
