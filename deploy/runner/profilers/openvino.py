"""OpenVINO's performance counters."""

from __future__ import annotations

import time
from typing import Any, Callable  # noqa: UP035

from ..engines.openvino import compile_model, find_runtime
from ..messages import Json
from . import Inference, repeat


def profile(path: str, plan: Json, array: Callable[..., Any]) -> tuple[str, list[Inference]]:
    openvino = find_runtime()
    compiled = compile_model(openvino, path, plan, PERF_COUNT=True)
    request = compiled.create_infer_request()
    for number, port in enumerate(compiled.inputs):
        values = array(tuple(port.shape), port.element_type.to_dtype())
        request.set_input_tensor(number, openvino.Tensor(values))

    def inference() -> Inference:
        start = time.perf_counter_ns()
        request.infer()
        whole_s = (time.perf_counter_ns() - start) / 1e9
        rows = [
            (one.node_name, one.node_type, one.real_time.total_seconds())
            for one in request.get_profiling_info()
            if one.status == openvino.ProfilingInfo.Status.EXECUTED
        ]
        return whole_s, rows

    return "OpenVINO counters", list(repeat(inference))
