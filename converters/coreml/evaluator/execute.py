"""One operation, computed and rounded as the program declares it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edgebench.converters.coreml.evaluator.operation import (
    Block,
    Call,
    CannotEvaluate,
    Declared,
    Operation,
    Value,
)
from edgebench.converters.coreml.evaluator.ops.all_ops import OPS
from edgebench.converters.coreml.evaluator.tensors import rounded
from edgebench.errors import UnsupportedModelError


def results(
    operation: Operation, values: Mapping[str, Value], opset: int
) -> Iterator[tuple[Declared, Value]]:
    """Each output with its value. Raises `UnsupportedModelError`, which names the operation."""
    entry = OPS[operation.op_type]

    def run_block(block: Block, inputs: Sequence[Value]) -> list[Value]:
        local = dict(values) | dict(zip((port.name for port in block.inputs), inputs, strict=True))
        for inner in block.operations:
            local |= {out.name: value for out, value in results(inner, local, opset)}
        return [local[name] for name in block.outputs]

    try:
        result = entry.evaluate(Call(operation, values, opset, run_block))
    except (CannotEvaluate, RuntimeError, IndexError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise UnsupportedModelError(
            f"the MIL evaluator cannot compute '{operation.name}' ({operation.op_type}): {reason}",
            "it can't be checked on this machine; on a Mac, Core ML itself can run it",
        ) from error
    found = result if isinstance(result, tuple) else (result,)
    for declared, value in zip(operation.outputs, found, strict=True):
        yield declared, rounded(value, declared.dtype, entry.exact)
