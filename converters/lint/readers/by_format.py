"""The readers by format, each imported when a file of its format is read.

They are imported by functions, so that import-linter sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgebench.converters.lint.graph import LintGraph

Read = Callable[[Path, str, str], LintGraph]
"""Reads the file or folder at a path, by the name and the precision that the graph is to have."""


def _coreml() -> Read:
    from edgebench.converters.lint.readers import coreml

    return coreml.read


def _onnx() -> Read:
    from edgebench.converters.lint.readers import onnx

    return onnx.read


def _openvino() -> Read:
    from edgebench.converters.lint.readers import openvino

    return openvino.read


def _tflite() -> Read:
    from edgebench.converters.lint.readers import tflite

    return tflite.read


READERS: dict[str, Callable[[], Read]] = {
    "coreml": _coreml,
    "onnx": _onnx,
    "openvino": _openvino,
    "tflite": _tflite,
}
