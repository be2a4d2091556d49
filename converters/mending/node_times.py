"""How long each node of a graph takes in float32 on this machine, by ONNX Runtime's profiler."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from edgebench.converters.onnx.newer_ops import with_newer_ops
from edgebench.converters.onnx.reference import Sample

RUNS = 8
_ENDING = "_kernel_time"


def node_times(model: onnx.ModelProto, sample: Sample) -> dict[str, float]:
    """The median time of each node in seconds, by its name; on one thread."""
    with tempfile.TemporaryDirectory(prefix="edgebench-") as folder:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        opened = onnxruntime.InferenceSession(
            with_newer_ops(_named(model)).SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
        )
        for _ in range(RUNS):
            opened.run(None, dict(sample))
        events = json.loads(Path(opened.end_profiling()).read_text())
    times: dict[str, list[float]] = defaultdict(list)
    for event in events:
        name = event.get("name", "")
        if name.endswith(_ENDING):
            times[name.removesuffix(_ENDING)].append(event["dur"] * 1e-6)
    return {name: float(np.median(found)) for name, found in times.items()}


def _named(model: onnx.ModelProto) -> onnx.ModelProto:
    """With a name for each node, that of its first value where it has none."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for node in copy.graph.node:
        node.name = node.name or node.output[0]
    return copy
