"""ONNX Runtime's profile: a JSON trace that the session writes when it ends."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any, Callable  # noqa: UP035

from ..engines.onnx import NPU, XNNPACK, dtype_of, find_runtime, session_options
from ..messages import Json
from .inferences import Inference, repeat

# A kernel's event is named after its node with this ending.
KERNEL = "_kernel_time"
WHOLE = "model_run"


def profile(path: str, plan: Json, array: Callable[..., Any]) -> tuple[str, list[Inference]] | None:
    """None on an NPU, whose graph the profiler sees as one node, and for kernels of XNNPACK."""
    if plan["delegate"] in (*NPU, XNNPACK):
        return None
    onnxruntime = find_runtime()
    options = session_options(onnxruntime, plan)
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = os.path.join(folder, "profile")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        feed = {one.name: array(one.shape, dtype_of(one)) for one in session.get_inputs()}
        runs = sum(1 for _ in repeat(lambda: session.run(None, feed)))
        with open(session.end_profiling(), encoding="utf-8") as file:
            events = json.load(file)
    return "ONNX Runtime profile", inferences(events)[-runs:]


def inferences(events: list[Json]) -> list[Inference]:
    """Part the trace into inferences: the one that runs a kernel is the one that it lies in."""
    wholes = sorted(
        (one for one in events if one.get("name") == WHOLE), key=lambda one: float(one["ts"])
    )
    kernels = sorted(
        (one for one in events if one.get("cat") == "Node" and one["name"].endswith(KERNEL)),
        key=lambda one: float(one["ts"]),
    )
    found = []
    for whole in wholes:
        end = whole["ts"] + whole["dur"]
        rows = [
            (one["name"][: -len(KERNEL)], one["args"].get("op_name", ""), one["dur"] / 1e6)
            for one in kernels
            if whole["ts"] <= one["ts"] < end
        ]
        found.append((whole["dur"] / 1e6, rows))
    return found
