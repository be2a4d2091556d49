"""The signature of a TFLite file: its inputs and outputs by name.

TensorFlow's converter writes one only where it goes by a SavedModel on disk, which takes three
times as long as going by the graph itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

KEY = "serving_default"


def signed(file: bytes, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The same file with the signature `serving_default`.

    The names are those of the file's inputs and outputs in their sequence.
    """
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(file))
    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey = KEY
    signature.subgraphIndex = 0
    signature.inputs = _named(inputs, graph.inputs)
    signature.outputs = _named(outputs, graph.outputs)
    model.signatureDefs = [signature]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _named(names: Sequence[str], tensors: Sequence[int]) -> list[Any]:
    from tensorflow.lite.python import schema_py_generated as schema

    entries = []
    for name, tensor in zip(names, tensors, strict=True):
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = name, int(tensor)
        entries.append(entry)
    return entries
