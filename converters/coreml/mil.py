"""The parts of coremltools that build a program: its builder, its functions and its types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgebench.converters.coreml.evaluator.tools import ct

_mil: Any = ct.converters.mil.mil

mb: Any = _mil.Builder
Function: Any = _mil.Function
Program: Any = _mil.Program
types: Any = _mil.types

__all__ = ["Function", "Program", "ct", "mb", "types", "unchecked"]


@contextmanager
def unchecked() -> Iterator[None]:
    """Leave out what coremltools does beside its many passes.

    After each of them it checks the program and tells every value anew which compressed constants
    it comes from, and between them it writes all of it as text for a log that nobody reads. The
    file is the same without; what it computes is proved afterwards.
    """
    replaced = {
        (Program, "validate"): lambda self, check_essential_scope=False: None,
        (Program, "__str__"): lambda self: "a program",
        (_mil.Block, "__str__"): lambda self: "a block",
        (_mil.Block, "_propagate_nonreplaceable_vars"): _propagate,
    }
    originals = {(kind, name): getattr(kind, name) for kind, name in replaced}
    for (kind, name), ours in replaced.items():
        setattr(kind, name, ours)
    try:
        yield
    finally:
        for (kind, name), theirs in originals.items():
            setattr(kind, name, theirs)


def _propagate(block: Any) -> None:
    """What coremltools' own does, but for constants, which come from nothing."""
    for operation in block.operations:
        for inner in operation.blocks:
            _propagate(inner)
        if operation.op_type == "const":
            continue
        for value in operation.outputs or ():
            value._reset_nonreplaceable_vars_upstream()
            value._set_nonreplaceable_vars_upstream()
