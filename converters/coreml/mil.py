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
    """Leave out coremltools' own check of a program after each of its many passes.

    That takes two fifths of a conversion; what the file computes is proved afterwards.
    """
    check = Program.validate
    Program.validate = lambda self, check_essential_scope=False: None
    try:
        yield
    finally:
        Program.validate = check
