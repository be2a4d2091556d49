"""ONNX Runtime's QNN provider: Qualcomm's NPU runs everything, or it is an error.

https://onnxruntime.ai/docs/execution-providers/QNN-ExecutionProvider.html
"""

from __future__ import annotations

import platform
from typing import Any

from ..messages import Json, RunnerError, first_line

PROVIDER = "QNNExecutionProvider"
ALONE = "session.disable_cpu_ep_fallback"
RECORDED = "session.record_ep_graph_assignment_info"

SHOWN = 5
"""So many of the operators that the NPU does not take are named."""


def require_npu() -> None:
    """Raises `RunnerError` where the provider would emulate the NPU, whose times mean nothing."""
    if platform.machine().lower() not in ("aarch64", "arm64"):
        raise RunnerError(
            f"this {platform.machine()} has no NPU of Qualcomm; its arithmetic without time is "
            "--device hexagon-emulator"
        )


def session(runtime: Any, path: str, number: int | None = None) -> Any:
    """A session in which the NPU runs everything. Raises `RunnerError` if it does not.

    `number` is QNN's number of the SoC, which the emulator asks for.
    """
    try:
        return _opened(runtime, path, number, alone=True)
    except RunnerError:
        raise
    except Exception as error:  # ONNX Runtime's own types of error.
        left = _left_over(runtime, path, number)
        if left:
            raise RunnerError(
                f"the NPU leaves {operators(len(left))} to the CPU: {listed(left)}"
            ) from None
        raise RunnerError(f"QNN does not take it: {first_line(error)}") from None


def delegation(opened: Any) -> Json:
    """The parts of a session's graph and their operators, all of which the NPU runs."""
    parts = list(opened.get_provider_graph_assignment_info())
    return {
        "partitions": len(parts),
        "leftover_ops": [],
        "layer_types": None,
        "operators": {PROVIDER: sum(len(list(one.get_nodes())) for one in parts), "cpu": 0},
    }


def operators(count: int) -> str:
    return f"{count} operator" + "s" * (count != 1)


def listed(types: list[str]) -> str:
    """The first of some types of operators, each once."""
    named = list(dict.fromkeys(types))
    more = f" and {len(named) - SHOWN} other types" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + more


def _opened(runtime: Any, path: str, number: int | None, alone: bool) -> Any:
    try:
        import onnxruntime_qnn
    except ImportError:
        raise RunnerError("ONNX Runtime has no QNN here; pip install onnxruntime-qnn") from None
    if not any(one.ep_name == PROVIDER for one in runtime.get_ep_devices()):
        library = onnxruntime_qnn.get_library_path()
        runtime.register_execution_provider_library(PROVIDER, library)
    devices = [one for one in runtime.get_ep_devices() if one.ep_name == PROVIDER]
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry(ALONE, "1" if alone else "0")
    options.add_session_config_entry(RECORDED, "1")
    backend = {"backend_path": onnxruntime_qnn.get_qnn_htp_path()}
    if number is not None:
        backend["soc_model"] = str(number)
    options.add_provider_for_devices(devices, backend)
    return runtime.InferenceSession(path, options)


def _left_over(runtime: Any, path: str, number: int | None) -> list[str]:
    """The types of the operators that would run on the CPU."""
    try:
        opened = _opened(runtime, path, number, alone=False)
    except Exception:  # Then it is not the placement that fails.
        return []
    return [
        str(node.op_type)
        for part in opened.get_provider_graph_assignment_info()
        if part.ep_name != PROVIDER
        for node in part.get_nodes()
    ]
