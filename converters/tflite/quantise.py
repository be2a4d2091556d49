"""Full integers: measure ranges of the float file, keep them within what XNNPACK takes, quantise.

TensorFlow's converter would convert the model anew for each of these steps and each precision; its
parts are called here by themselves. Its calibrator is not among them: it runs four times as long as
LiteRT's own kernels, and it looks at what an op read after the op has run. A sum is written over
its first input, so the branch of a residual gets the range of the sum, and int8 resolves it half as
finely as it could.

A layer that never moved during calibration, such as a squeeze whose ReLU is dead, gets a range of
nearly nothing. The ratio of its accumulator's scale to its output's is then beyond what XNNPACK
accepts (below 2^8), and the delegate, with it the whole file, fails to load; a sum in which one
side is that small (below 2^-10 of the result) is left out of the partition. Such ranges are
widened: that costs nothing, for there is nothing in them to resolve.

A maximum, a slice and their like have one scale for what they read and what they make. The
quantiser gives what they read the narrower range of what they make, and whoever else reads it gets
it clipped (the feature map in triplet attention lost all below the least of its maxima). So they
are given the range of what they read.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from edgebench.converters.precision import DEFAULT, RangeMethod
from edgebench.converters.ranges import Observed, Range, of_all
from edgebench.converters.tflite import inspect
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Array
from edgebench.errors import UnsupportedModelError

# XNNPACK's bounds are 2^8 and 2^-10; per-channel scales and rounding want some room.
LARGEST_RATIO = 128
SMALLEST_RATIO = 1 / 512
STEPS = 255

# Ops whose second input holds weights: int8 weights step by max|w| / 127.
WEIGHED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
# Ops that rescale their inputs as they are.
SUMS = ("ADD", "SUB")
PLAIN = (*SUMS, "MEAN")
# The step of a product's accumulator is that of one input times that of the other.
PRODUCTS = ("MUL",)
# Ops whose inputs and outputs share one scale, and that may make less of a range than they read.
SAME_SCALE = (
    *("CONCATENATION", "EXPAND_DIMS", "GATHER", "GATHER_ND", "MAX_POOL_2D", "PACK", "PAD"),
    *("REDUCE_MAX", "REDUCE_MIN", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"),
    *("SLICE", "SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TILE", "TRANSPOSE", "UNPACK"),
)


def calibrated(
    float_file: bytes,
    observed: Mapping[int, Observed],
    method: RangeMethod = DEFAULT,
    own: Mapping[int, Range] = MappingProxyType({}),
) -> bytes:
    """The float file with a range for each tensor that was observed; `own` are the model's.

    Raises `UnsupportedModelError` where a tensor takes values that are not finite.
    """
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(float_file))
    (graph,) = model.subgraphs
    spans = of_all(observed, method, own)
    for number, one in observed.items():
        tensor = graph.tensors[number]
        if not one.finite:
            name = tensor.name.decode().partition(";")[0]
            raise UnsupportedModelError(
                f"'{name}' becomes infinite or not a number on the calibration data, so that it "
                "has no range",
                "calibrate with what the model is made for, or export it to a float precision",
            )
        low, high = spans[number]
        tensor.quantization = tensor.quantization or schema.QuantizationParametersT()
        tensor.quantization.min, tensor.quantization.max = [low], [high]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def observe(float_file: bytes, samples: Iterable[Sequence[Array]]) -> dict[int, Observed]:
    """All that is fed to the ops or made by them, by the tensor's number.

    Samples are arrays in the sequence of the inputs.
    """
    made = inspect.interpreter(
        float_file, **inspect.without_delegates(), experimental_preserve_all_tensors=True
    )
    inputs = [detail["index"] for detail in made.get_input_details()]
    outputs = [int(number) for node in inspect.nodes(made) for number in node["outputs"]]
    floating = {d["index"] for d in made.get_tensor_details() if d["dtype"] == np.float32}
    watched = [number for number in dict.fromkeys((*inputs, *outputs)) if number in floating]
    observed = {number: Observed() for number in watched}
    for sample in samples:
        for number, array in zip(inputs, sample, strict=True):
            made.set_tensor(number, array)
        inspect.invoke(made)
        for number in watched:
            # No name keeps the array: LiteRT runs no further while its memory is looked at.
            observed[number].add(made.tensor(number)())
    return observed


def quantised(
    calibrated_file: bytes, read: str, made: str, in_float: Collection[str] = ()
) -> bytes:
    """The int8 file, whose float inputs become `read` and outputs `made` (int8 or float32).

    The layers of `in_float`, by the names of the tensors that they make, stay in float32.
    """
    from tensorflow.lite.python.convert import mlir_quantize

    file: bytes = mlir_quantize(
        _widened(calibrated_file),
        input_data_type=tf.dtypes.as_dtype(read),
        output_data_type=tf.dtypes.as_dtype(made),
        denylisted_nodes={*in_float} or None,
    )
    return file


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
    operators = map(graph.Operators, range(graph.OperatorsLength()))
    readers = Counter(int(number) for op in operators for number in {*op.InputsAsNumpy().tolist()})
    tied: set[int] = set()
    for i in range(graph.OperatorsLength()):
        op = graph.Operators(i)
        kind = kinds.get(model.OperatorCodes(op.OpcodeIndex()).BuiltinCode())
        if kind in SAME_SCALE:
            _keep_whole(graph, op, readers, tied)
        if kind in PRODUCTS:
            spans = [_range(graph.Tensors(op.Inputs(j))) for j in range(op.InputsLength())]
            steps = [(high - low) / STEPS for low, high in filter(None, spans)]
            if len(steps) == 2:
                _widen(graph.Tensors(op.Outputs(0)), STEPS * math.prod(steps) / LARGEST_RATIO)
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


def _keep_whole(graph: Any, op: Any, readers: Counter[int], tied: set[int]) -> None:
    """Widen the output of an op of one scale to the range of the inputs that others read too."""
    inputs, outputs = op.InputsAsNumpy().tolist(), op.OutputsAsNumpy().tolist()
    if not any(readers[number] > 1 or number in tied for number in inputs):
        return
    spans = [span for number in inputs if (span := _range(graph.Tensors(number)))]
    for number in outputs:
        tensor = graph.Tensors(number)
        if (own := _range(tensor)) and spans:
            lows, highs = zip(own, *spans, strict=True)
            tensor.Quantization().MinAsNumpy()[0] = min(lows)
            tensor.Quantization().MaxAsNumpy()[0] = max(highs)
            tied.add(number)


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
