"""Single operations, called as a program would call them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgebench.converters.coreml.evaluator.operation import Block, Call, Declared, Operation
from edgebench.converters.coreml.evaluator.ops.all_ops import OPS
from edgebench.converters.coreml.evaluator.tensors import rounded


def evaluate(op_type: str, opset: int = 16, dtype: str = "float32", **arguments: Any) -> Any:
    """The op's result, rounded to `dtype`. Arrays and tensors are operands, the rest parameters."""
    values: dict[str, Any] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    parameters: dict[str, Any] = {}
    for name, argument in arguments.items():
        several = argument if name in ("values", "loop_vars") else [argument]
        keys = tuple(f"{name}{i}" for i in range(len(several)))
        inputs[name] = keys
        for key, one in zip(keys, several, strict=True):
            held = isinstance(one, Tensor | np.ndarray)
            values[key] = torch.as_tensor(one) if held else one
            if not held:
                parameters[name] = one
    operation = Operation(op_type, "op", inputs, (Declared("y", dtype, ()),), (), parameters)
    result = OPS[op_type].evaluate(Call(operation, values, opset, _no_blocks))
    if isinstance(result, tuple):
        return tuple(rounded(one, dtype, OPS[op_type].exact) for one in result)
    return rounded(result, dtype, OPS[op_type].exact)


def _no_blocks(block: Block, inputs: Any) -> list[Any]:
    raise NotImplementedError


def tensor(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
