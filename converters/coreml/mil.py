"""The parts of coremltools that build a program: its builder, its functions and its types."""

from __future__ import annotations

from typing import Any

from edgebench.converters.coreml.evaluator.tools import ct

_mil: Any = ct.converters.mil.mil

mb: Any = _mil.Builder
Function: Any = _mil.Function
Program: Any = _mil.Program
types: Any = _mil.types

__all__ = ["Function", "Program", "ct", "mb", "types"]
