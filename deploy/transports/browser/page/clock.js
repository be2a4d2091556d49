// The browser's clock, whose steps are coarse: 5 us in an isolated page, 100 us or 1 ms elsewhere.
//
// `start` waits for a step of the clock. `stop` counts how often the clock can be read until its
// next step, which says how long before that step the inference ended. What is left is an error of
// a part of a step, as often too long as too short, so that medians are not pulled to whole steps.
"use strict";

class Clock {
  constructor() {
    this.step_ms = 0;
    this.reads = 1; // In one step.
    this.calibrate(40, 60);
  }

  // Measure the step, over at most so many steps and milliseconds.
  calibrate(steps, longest_ms) {
    const began = performance.now();
    const lengths = [];
    let last = this.start();
    let reads = 0;
    while (lengths.length < steps && last - began < longest_ms) {
      let now;
      do {
        now = performance.now();
        reads += 1;
      } while (now === last);
      lengths.push(now - last);
      last = now;
    }
    if (lengths.length === 0) return; // Its steps are longer than that.
    this.step_ms = Math.min(...lengths.map((one) => Math.round(one * 1e6) / 1e6));
    const mean_ms = lengths.reduce((sum, one) => sum + one, 0) / lengths.length;
    this.reads = Math.max((reads / lengths.length) * (this.step_ms / mean_ms), 1);
  }

  start() {
    const now = performance.now();
    let next;
    do next = performance.now();
    while (next === now);
    return next;
  }

  stop() {
    const now = performance.now();
    let reads = 0;
    let next;
    do {
      next = performance.now();
      reads += 1;
    } while (next === now);
    return next - (reads / this.reads) * this.step_ms;
  }
}
