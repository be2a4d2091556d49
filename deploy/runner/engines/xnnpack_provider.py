"""ONNX Runtime's XNNPACK provider: convolutions and a few other operators run in XNNPACK's kernels.

https://onnxruntime.ai/docs/execution-providers/Xnnpack-ExecutionProvider.html
"""

from __future__ import annotations

from typing import Any

from ..messages import Json, RunnerError
from .qnn_provider import RECORDED

PROVIDER = "XnnpackExecutionProvider"


def session(runtime: Any, path: str, options: Any, threads: int) -> Any:
    """A session in which XNNPACK comes first. Raises `RunnerError` if this build lacks it.

    XNNPACK has threads of its own; the session's would take the cores from them.
    """
    have = runtime.get_available_providers()
    if PROVIDER not in have:
        raise RunnerError(
            f"this onnxruntime has no XNNPACK provider (it has {', '.join(have)}), and no wheel on "
            "PyPI has it: build ONNX Runtime with --use_xnnpack --build_wheel, or measure in the "
            "Android app, whose package onnxruntime-android has it; --delegate xnnpack means ONNX "
            "Runtime's own kernels"
        )
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(RECORDED, "1")
    own = {"intra_op_num_threads": str(threads)}
    providers = [(PROVIDER, own), "CPUExecutionProvider"]
    return runtime.InferenceSession(path, options, providers=providers)


def delegation(opened: Any) -> Json:
    """The parts that XNNPACK runs, and the operators that are left to ONNX Runtime's kernels."""
    parts = list(opened.get_provider_graph_assignment_info())
    left = [
        str(node.op_type) for one in parts if one.ep_name != PROVIDER for node in one.get_nodes()
    ]
    taken = [len(list(one.get_nodes())) for one in parts if one.ep_name == PROVIDER]
    return {
        "partitions": len(taken),
        "leftover_ops": left,
        "layer_types": None,
        "operators": {PROVIDER: sum(taken), "cpu": len(left)},
    }
