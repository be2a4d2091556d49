"""Dynamic-range int8, but for depthwise weights, which go back to float32.

XNNPACK has int8 kernels with float activations for full convolutions and linear layers only. Each
depthwise layer with int8 weights would leave its partition for a slow built-in kernel. Depthwise
weights are a hundredth of a network's size.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def with_float_depthwise(file: bytes) -> bytes:
    """The same file with the weights of depthwise layers on float inputs in float32."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(file))
    changed = False
    for graph in model.subgraphs:
        for op in graph.operators:
            code = model.operatorCodes[op.opcodeIndex].builtinCode
            if code != schema.BuiltinOperator.DEPTHWISE_CONV_2D:
                continue
            source, weights = (graph.tensors[i] for i in op.inputs[:2])
            kinds = (source.type, weights.type)
            if kinds == (schema.TensorType.FLOAT32, schema.TensorType.INT8):
                _restore(model, weights)
                weights.type = schema.TensorType.FLOAT32
                changed = True
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model)) if changed else file


def _restore(model: Any, weights: Any) -> None:
    """Put float32 in the place of int8 weights (1, H, W, C), quantised per channel C."""
    stored = np.asarray(model.buffers[weights.buffer].data, np.uint8).view(np.int8)
    real = stored.reshape(weights.shape) * np.asarray(weights.quantization.scale, np.float32)
    # A buffer of its own: the converter may have let equal weights share one.
    weights.buffer = len(model.buffers)
    model.buffers.append(_buffer(real.astype(np.float32)))
    weights.quantization = None


def _buffer(array: np.ndarray[Any, Any]) -> Any:
    from tensorflow.lite.python import schema_py_generated as schema

    made = schema.BufferT()
    made.data = np.frombuffer(array.tobytes(), np.uint8)
    return made
