"""The engines: one module a format, each with one class, imported when it is used.

the class(path, plan)  open the file, with the plan's threads and delegate
runtime()           name and version of the runtime, a static method; raises `RunnerError`
inputs              what `feed` takes, the image input first
fill(image)         set every input: the image where there is one, else seeded noise
feed(input, values) set one input from real values
invoke()            one inference and nothing else
output_names()      the outputs, as the file names them, in its order
place(kept)         which of them a plan means by what it keeps
output(place)       one of them, as real values: floats in float32, integers as they are
delegation()        how much of the graph the delegate took, and in which types layers run
np                  NumPy
"""

from __future__ import annotations

from typing import Any

from ..messages import RunnerError

FORMATS = ("tflite", "onnx", "openvino")
"""Those that run wherever their runtimes do."""

COREML = "coreml"
"""Runs on a Mac only."""


def engine(format_name: str) -> Any:
    """The engine of a format. Raises `RunnerError`."""
    if format_name == "tflite":
        from .tflite import TFLiteEngine

        return TFLiteEngine
    if format_name == "onnx":
        from .onnx import OnnxEngine

        return OnnxEngine
    if format_name == "openvino":
        from .openvino import OpenVinoEngine

        return OpenVinoEngine
    if format_name == COREML:
        from .coreml import CoreMLEngine

        return CoreMLEngine
    raise RunnerError(f"this runner cannot run {format_name} files")
