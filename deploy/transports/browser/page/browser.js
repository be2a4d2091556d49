// What the browser tells of itself. What it does not tell is null.

// A module of one function: i8x16.relaxed_swizzle of two splats.
const RELAXED_SIMD = new Uint8Array([
  ...[0, 97, 115, 109, 1, 0, 0, 0], // A module, version 1.
  ...[1, 5, 1, 96, 0, 1, 123], // One type: nothing to v128.
  ...[3, 2, 1, 0], // One function of it.
  ...[10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11],
]);

export async function about() {
  const hints = navigator.userAgentData;
  const told = await hints
    ?.getHighEntropyValues(["architecture", "bitness", "model", "platformVersion", "fullVersionList"])
    .catch(() => null);
  return {
    agent: navigator.userAgent,
    brands: told?.fullVersionList ?? hints?.brands ?? null,
    platform: hints?.platform || null,
    platform_version: told?.platformVersion || null,
    model: told?.model || null,
    architecture: told?.architecture || null,
    bitness: told?.bitness || null,
    cores: navigator.hardwareConcurrency ?? null,
    isolated: self.crossOriginIsolated === true,
    secure: self.isSecureContext,
    relaxed_simd: WebAssembly.validate(RELAXED_SIMD),
    webgpu: Boolean(navigator.gpu),
    low_power: await lowPower(),
    ...(await battery()),
  };
}

async function battery() {
  try {
    const found = await navigator.getBattery();
    return { battery_percent: Math.round(found.level * 100), charging: found.charging };
  } catch {
    return { battery_percent: null, charging: null };
  }
}

const FRAMES = 20;
const SLOW_FRAME_MS = 28;

// In a mode that saves power, browsers draw 30 frames a second, and never one sooner. A busy
// machine draws late too, but not every frame. Null where no frames are drawn.
async function lowPower() {
  const times = [];
  const drawn = new Promise((resolve) => {
    const frame = (time) => {
      times.push(time);
      if (times.length <= FRAMES) requestAnimationFrame(frame);
      else resolve();
    };
    requestAnimationFrame(frame);
  });
  const waited = new Promise((resolve) => setTimeout(resolve, 1500));
  await Promise.race([drawn, waited]);
  const gaps = times.slice(1).map((time, i) => time - times[i]);
  return gaps.length < 8 ? null : Math.min(...gaps) > SLOW_FRAME_MS;
}
