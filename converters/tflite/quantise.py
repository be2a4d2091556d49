"""Full integers: measure ranges of the float file, keep them within what XNNPACK takes, quantise.

TensorFlow's converter would convert the model anew for each of these steps and each precision; its
parts are called here by themselves, and make the same.

A layer that never moved during calibration, such as a squeeze whose ReLU is dead, gets a range of
nearly nothing. The ratio of its accumulator's scale to its output's is then beyond what XNNPACK
accepts (below 2^8), and the delegate, with it the whole file, fails to load; a sum in which one
side is that small (below 2^-10 of the result) is left out of the partition. Such ranges are
widened: that costs nothing, for there is nothing in them to resolve.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Array

# XNNPACK's bounds are 2^8 and 2^-10; per-channel scales and rounding want some room.
LARGEST_RATIO = 128
SMALLEST_RATIO = 1 / 512
STEPS = 255

# Ops whose second input holds weights: int8 weights step by max|w| / 127.
WEIGHED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# Ops that rescale their inputs as they are.
SUMS = ("ADD", "SUB")
PLAIN = (*SUMS, "MEAN")


def calibrated(float_file: bytes, samples: Sequence[list[Array]]) -> bytes:
    """The float file with each tensor's range over the samples, arrays in the inputs' sequence."""
    from tensorflow.lite.python.optimize.calibrator import Calibrator, add_intermediate_tensors

    made: bytes = Calibrator(add_intermediate_tensors(float_file)).calibrate(lambda: iter(samples))
    return made


def quantised(calibrated_file: bytes, io: str, in_float: Collection[str] = ()) -> bytes:
    """The int8 file, whose float inputs and outputs become `io` (int8 or float32).

    The layers of `in_float`, by the names of the tensors that they make, stay in float32.
    """
    from tensorflow.lite.python.convert import mlir_quantize

    kind = tf.dtypes.as_dtype(io)
    made: bytes = mlir_quantize(
        _widened(calibrated_file),
        input_data_type=kind,
        output_data_type=kind,
        denylisted_nodes={*in_float} or None,
    )
    return made


def in_sixteen_bits(calibrated_file: bytes) -> bytes:
    """The file with int16 activations and int8 weights, float inputs and outputs, int64 biases.

    Raises `RuntimeError` for operations that have no such kernel.
    """
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    # Given no samples, it goes by the ranges in the file.
    quantiser = Calibrator(calibrated_file)._calibrator
    io, activations, biases = (np.dtype(name).num for name in ("float32", "int16", "int64"))
    allow_float = disable_per_channel = per_channel_but_dense = False
    made: bytes = quantiser.QuantizeModel(
        io, io, allow_float, activations, biases, disable_per_channel, per_channel_but_dense
    )
    return made


def _widened(file: bytes) -> bytes:
    from tensorflow.lite.python import schema_py_generated as schema

    buffer = bytearray(file)
    model = schema.Model.GetRootAs(buffer, 0)
    graph = model.Subgraphs(0)
    kinds = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    for i in range(graph.OperatorsLength()):
        op = graph.Operators(i)
        kind = kinds.get(model.OperatorCodes(op.OpcodeIndex()).BuiltinCode())
        if kind not in WEIGHED + PLAIN:
            continue
        source, output = graph.Tensors(op.Inputs(0)), graph.Tensors(op.Outputs(0))
        span = _range(source)
        if span is None or _range(output) is None:
            continue
        step = (span[1] - span[0]) / STEPS
        if kind in WEIGHED:
            step *= _largest(model, graph.Tensors(op.Inputs(1))) / 127
        _widen(output, STEPS * step / LARGEST_RATIO)
        if kind in SUMS:
            low, high = _range(output) or (0.0, 0.0)
            for j in range(op.InputsLength()):
                _widen(graph.Tensors(op.Inputs(j)), (high - low) * SMALLEST_RATIO)
    return bytes(buffer)


def _range(tensor: Any) -> tuple[float, float] | None:
    """The calibrated range, with zero in it, as the quantiser takes it."""
    quantization = tensor.Quantization()
    if quantization is None or quantization.MinLength() != 1:
        return None
    return min(quantization.Min(0), 0.0), max(quantization.Max(0), 0.0)


def _widen(tensor: Any, least: float) -> None:
    span = _range(tensor)
    if span is not None and span[1] - span[0] < least and math.isfinite(least):
        tensor.Quantization().MaxAsNumpy()[0] = span[0] + least


def _largest(model: Any, tensor: Any) -> float:
    """The largest magnitude among float32 weights; 0 where they are no constant."""
    data = model.Buffers(tensor.Buffer()).DataAsNumpy()
    if isinstance(data, int):
        return 0.0
    return float(np.abs(data.view(np.float32)).max(initial=0.0))
