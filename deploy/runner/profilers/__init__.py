"""The runtimes' own profilers: one module a format, each with a function `profile`.

profile(path, plan, array) -> (name of the profiler, [inference, ...])

opens the file anew, with the plan's threads and delegate and with profiling on, fills each input
with `array(shape, dtype)`, and runs it. An inference is (whole_s, [(name, type, time_s), ...]): its
operations in the order they ran. Profiling slows a runtime down, so nothing is measured here, and
the process is one of its own: where a profiler crashes, only the profile is lost.
"""

from __future__ import annotations

from typing import Any, Sequence  # noqa: UP035

from ..messages import Json
from .inferences import Inference


def profile(path: str, planned: Json, plan: Json) -> Json | None:
    """Times by operation, averaged over inferences; None where the runtime cannot tell them."""
    if planned["format"] == "tflite":
        from .tflite import profile as profiled
    elif planned["format"] == "onnx":
        from .onnx import profile as profiled
    elif planned["format"] == "openvino":
        from .openvino import profile as profiled
    else:
        return None
    found = profiled(path, plan, _noise)
    if found is None:
        return None
    source, inferences = found
    return {"source": source, **summary(inferences)}


def summary(inferences: Sequence[Inference]) -> Json:
    """Mean times over the fastest quarter of the inferences, in the order of the longest of them.

    What interrupts an inference falls on one operation or another. Whole inferences are left out,
    so that the operations still add up to the whole. Means, for a median would be as coarse as the
    profiler's clock, whose unit is often a microsecond. An operation that an inference does not
    list took less than that in it.
    """
    ordered = sorted(inferences, key=lambda one: one[0])
    kept = ordered[: (len(ordered) + 3) // 4]
    longest = sorted((rows for _, rows in kept), key=len, reverse=True)
    times = dict.fromkeys((row[:2] for rows in longest for row in rows), 0.0)
    for _, rows in kept:
        for name, kind, time_s in rows:
            times[name, kind] += time_s / len(kept)
    return {
        "inferences": len(kept),
        "whole_s": sum(whole for whole, _ in kept) / len(kept),
        "operations": [
            {"name": name, "type": kind, "time_s": time_s} for (name, kind), time_s in times.items()
        ],
    }


def _noise(shape: Sequence[int], dtype: Any) -> Any:
    """Seeded input of a shape and type: zeros would run faster on some kernels."""
    import numpy

    dtype = numpy.dtype(dtype)
    scale = 1.0 if dtype.kind == "f" else 100.0
    values = numpy.random.RandomState(0).uniform(-scale, scale, tuple(shape))
    return (abs(values) if dtype.kind == "u" else values).astype(dtype)
