// A model on the GPU, by WebGPU: its inputs lie in buffers of the GPU, and so do its outputs.
"use strict";

const WANTED = ["shader-f16", "subgroups"];
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxTextureDimension2D",
];

async function gpuDevice() {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("this browser has no WebGPU here; leave out --delegate gpu");
  return adapter.requestDevice({
    requiredFeatures: WANTED.filter((one) => adapter.features.has(one)),
    requiredLimits: Object.fromEntries(LIMITS.map((one) => [one, adapter.limits[one]])),
  });
}

// Whether the GPU runs all of a model and takes its inputs. LiteRT.js says the first of int8 too.
function onGpu(wasm, model, compiled) {
  const signature = model.getSignature(0);
  const count = list(signature.inputNames()).length;
  signature.delete();
  const packed = wasm.LiteRtTensorBufferType.WEB_GPU_BUFFER_PACKED.value;
  for (let place = 0; place < count; place++) {
    const needs = compiled.getInputBufferRequirements(0, place);
    const types = list(needs.supportedTypes()).map((one) => one.value);
    needs.delete();
    if (!types.includes(packed)) return false;
  }
  return compiled.isFullyAccelerated();
}

class GpuModel extends Model {
  makeInput(place) {
    const { wasm, environment } = this.runtime;
    const type = this.model.getInputTensorType(0, place);
    const size = Math.ceil(type.bytes() / 4) * 4;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = environment.webGpuDevice.createBuffer({ size, usage });
    const made = wasm.LiteRtTensorBuffer.createFromWebGpuBuffer(
      environment.liteRtEnvironment,
      type,
      wasm.LiteRtTensorBufferType.WEB_GPU_BUFFER_PACKED,
      wasm.WebGPU.importJsBuffer(buffer),
      size,
    );
    type.delete();
    this.buffers = [...(this.buffers ?? []), buffer];
    return made;
  }

  write(place, bytes) {
    this.runtime.environment.webGpuDevice.queue.writeBuffer(this.buffers[place], 0, bytes);
  }

  // Until the GPU has done it, which is when an app has an answer.
  async invoke() {
    for (const one of await this.compiled.run(0, this.inputs)) one.delete();
    await this.runtime.environment.webGpuDevice.queue.onSubmittedWorkDone();
  }

  async read(output) {
    const { wasm, environment } = this.runtime;
    const device = environment.webGpuDevice;
    const source = wasm.WebGPU.getJsObject(output.getWebGpuBuffer());
    const [size, start] = [output.packedSize(), output.offset()];
    const copied = Math.ceil(size / 4) * 4;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const target = device.createBuffer({ size: copied, usage });
    const commands = device.createCommandEncoder();
    commands.copyBufferToBuffer(source, start, target, 0, copied);
    device.queue.submit([commands.finish()]);
    await target.mapAsync(GPUMapMode.READ);
    const found = new Uint8Array(target.getMappedRange()).slice(0, size);
    target.destroy();
    return found;
  }

  close() {
    super.close();
    for (const one of this.buffers) one.destroy();
  }
}
