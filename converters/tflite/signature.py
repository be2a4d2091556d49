"""The sequence of a TFLite file's inputs and outputs, made ONNX's.

The converter shuffles them. The flatbuffer keeps them as vectors of tensor numbers, which can be
put in sequence where they are, without writing the file anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def in_sequence(file: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The same file with its inputs and outputs in the sequence of these signature keys."""
    from tensorflow.lite.python import schema_py_generated as schema

    buffer = bytearray(file)
    model = schema.Model.GetRootAs(buffer, 0)
    entry, main = model.SignatureDefs(0), model.Subgraphs(0)
    tensors = {
        entry.Inputs(i).Name().decode(): entry.Inputs(i).TensorIndex()
        for i in range(entry.InputsLength())
    }
    _write(main.InputsAsNumpy(), [tensors[key] for key in inputs if key in tensors])
    tensors = {
        entry.Outputs(i).Name().decode(): entry.Outputs(i).TensorIndex()
        for i in range(entry.OutputsLength())
    }
    _write(main.OutputsAsNumpy(), [tensors[key] for key in outputs])
    return bytes(buffer)


def _write(vector: Any, numbers: Sequence[int]) -> None:
    if sorted(vector.tolist()) == sorted(numbers):
        vector[:] = numbers
