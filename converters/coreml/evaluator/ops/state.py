"""What a stateful program reads and writes. Since iOS 18."""

from __future__ import annotations

from torch import Tensor

from edgebench.converters.coreml.evaluator.operation import Call, State, evaluates


@evaluates("read_state", exact=True)
def read_state(call: Call) -> Tensor:
    state: State = call.value("input")
    return state.tensor


@evaluates("write_state", exact=True)
def write_state(call: Call) -> tuple[()]:
    state: State = call.value("input")
    state.tensor = call.tensor("data")
    return ()
