"""OpenVINO's performance counters."""

from __future__ import annotations

import time
from typing import Any, Callable  # noqa: UP035

from ..engines.openvino import compile_model, find_runtime
from ..messages import Json
from .inferences import Inference, repeat


def profile(path: str, plan: Json, array: Callable[..., Any]) -> tuple[str, list[Inference]]:
    openvino = find_runtime()
    compiled = compile_model(openvino, path, plan, PERF_COUNT=True)
    request = compiled.create_infer_request()
    for number, port in enumerate(compiled.inputs):
        values = array(tuple(port.shape), port.element_type.to_dtype())
        request.set_input_tensor(number, openvino.Tensor(values))

    times_s: list[float] = []

    def infer() -> None:
        start = time.perf_counter_ns()
        request.infer()
        times_s.append((time.perf_counter_ns() - start) / 1e9)

    for _ in repeat(infer):
        pass
    rows = [
        (one.node_name, one.node_type, one.real_time.total_seconds())
        for one in request.get_profiling_info()
        if one.status == openvino.ProfilingInfo.Status.EXECUTED
    ]
    # Its counters are averages over every inference so far: one average inference is all there is.
    return "OpenVINO counters", [(sum(times_s) / len(times_s), rows)]
