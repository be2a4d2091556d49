"""An ONNX graph in fp16 and in int8, by ONNX Runtime's own tools.

Both keep float32 at the borders, so that an application feeds every precision alike.

**fp16** holds all values in half precision, which is what mobile GPUs and NPUs (the Core ML, QNN
and WebGPU execution providers) compute in. ONNX Runtime's CPU provider has half-precision kernels
on Arm only, and not for every op: around the others, and around nearly all on x86, it inserts casts
to float32. There fp16 halves the file and costs time. A value beyond 65504 becomes infinite; the
proof of the artifact finds that.

**int8** is QDQ, the form that every execution provider reads: weights int8, a scale for each output
channel; activations uint8, a scale for each tensor, their ranges the extremes over the calibration
data. On x86 uint8 activations are what the fast kernels take: with int8 ones MobileNetV2 took 1.6
times as long, with symmetric ones 2.2 times. Weights keep all eight bits. Kernels for x86
processors without VNNI add pairs of their products in 16 bits and saturate.

**int8r** is int8 with weights of seven bits, whose products cannot saturate. On an emulated Haswell
scenes_v2 has 5.7 dB in int8 and 26.9 dB in int8r, scenes_v2_ca 11.3 and 24.8 dB; where nothing
saturates the eighth bit is worth 0 to 1 dB.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.calibrate import TensorsData, save_tensors_data
from onnxruntime.transformers.float16 import convert_float_to_float16

from edgebench.converters.onnx.cut import Watched, made
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.quiet import quiet
from edgebench.converters.ranges import Observed, Range
from edgebench.errors import UnsupportedModelError

PER_CHANNEL_OPSET = 13


def to_fp16(graph: OnnxGraph) -> onnx.ModelProto:
    """The graph in half precision. Raises `UnsupportedModelError`."""
    try:
        with quiet():
            halved: onnx.ModelProto = convert_float_to_float16(_copy(graph), keep_io_types=True)
    except Exception as error:  # The tool's errors share no narrower base.
        raise _refused("fp16", error) from error
    _drop_repeated(halved.graph)
    return halved


def _drop_repeated(graph: onnx.GraphProto) -> None:
    """The tool casts a constant anew for each of its readers, under one and the same name."""
    made: set[str] = set()
    for node in list(graph.node):
        if made.issuperset(node.output):
            graph.node.remove(node)
        made.update(node.output)


def observe(graph: OnnxGraph, calibration: Sequence[Sample]) -> dict[str, Observed]:
    """What the floating inputs and values of the graph take over the samples, by name."""
    watched, names = Watched(graph.model), made(graph.model)
    observed: dict[str, Observed] = {}
    for sample in calibration:
        for name, array in {**sample, **watched.values(names, sample)}.items():
            if array.dtype == np.float32:
                observed.setdefault(name, Observed()).add(array)
    return observed


def to_int8(
    graph: OnnxGraph,
    calibration: Sequence[Sample],
    reduce_range: bool = False,
    ranges: Mapping[str, Range] | None = None,
) -> onnx.ModelProto:
    """The graph quantised, but for its `float_nodes`. Raises `UnsupportedModelError`.

    `ranges` are those of the values; without any they are the extremes over the samples.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="edgebench-") as folder, quiet():
            file, known = Path(folder, "int8.onnx"), Path(folder, "ranges.json")
            if ranges:
                _write_ranges(known, ranges)
            model = _named(_with_axes(_copy(graph)))
            odd = _with_flat_biases(model.graph)
            quantize_static(
                model,
                file,
                _Samples(calibration),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                reduce_range=reduce_range,
                calibration_cache_path=known if ranges else None,
                nodes_to_exclude=sorted(graph.float_nodes | odd),
                extra_options={"TensorQuantOverrides": _by_tensor(graph.model)},
            )
            quantised: onnx.ModelProto = onnx.load(file)
    except Exception as error:
        raise _refused("int8", error) from error
    return quantised


def _write_ranges(path: Path, ranges: Mapping[str, Range]) -> None:
    """Ranges in the tool's own file of them, which it takes instead of running the model."""
    pairs = {
        name: (np.array(low, np.float32), np.array(high, np.float32))
        for name, (low, high) in ranges.items()
        if np.isfinite([low, high]).all()
    }
    save_tensors_data(TensorsData(CalibrationMethod.MinMax, pairs), path)


def _named(model: onnx.ModelProto) -> onnx.ModelProto:
    """Name every node, as `float_nodes` do: the tool leaves nodes out by their names alone."""
    for node in model.graph.node:
        node.name = node.name or node.output[0]
    return model


def _with_flat_biases(graph: onnx.GraphProto) -> frozenset[str]:
    """Give each Gemm a bias of one axis, which is all that the tool knows.

    ONNX broadcasts it to (M, N). Gives the names of the nodes where it differs from row to row.
    """
    constants = {tensor.name: tensor for tensor in graph.initializer}
    odd = set()
    for node in graph.node:
        if node.op_type != "Gemm" or len(node.input) < 3 or node.input[1] not in constants:
            continue
        bias, weights = constants.get(node.input[2]), constants[node.input[1]]
        transposed = any(one.name == "transB" and one.i for one in node.attribute)
        columns = weights.dims[0 if transposed else 1]
        if bias is None or (len(bias.dims) == 2 and bias.dims[0] > 1):
            odd.add(node.name)
        elif list(bias.dims) != [columns]:
            flat = np.broadcast_to(numpy_helper.to_array(bias).reshape(-1), (columns,))
            name = f"{node.name}/bias"
            graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(flat), name))
            node.input[2] = name
    return frozenset(odd)


def _by_tensor(model: onnx.ModelProto) -> dict[str, list[dict[str, object]]]:
    """The weights that get one scale: those of grouped transposed convolutions.

    Their second axis counts the output channels of one group, the bias those of all. The tool
    would give each channel of a group a scale, and the bias too few.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    return {
        node.input[1]: [{"quant_type": QuantType.QInt8, "symmetric": True}]
        for node in model.graph.node
        if node.op_type == "ConvTranspose"
        and node.input[1] in weights
        and any(one.name == "group" and one.i > 1 for one in node.attribute)
    }


def _with_axes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Bring a model to the first opset whose QuantizeLinear has an axis, for a scale a channel."""
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    if opset >= PER_CHANNEL_OPSET:
        return model
    return onnx.version_converter.convert_version(model, PER_CHANNEL_OPSET)


class _Samples(CalibrationDataReader):  # type: ignore[misc]
    """Calibration samples as the quantiser asks for them: one a call, then None."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._left = iter(samples)

    def get_next(self) -> dict[str, Array] | None:
        sample = next(self._left, None)
        return None if sample is None else dict(sample)


def _copy(graph: OnnxGraph) -> onnx.ModelProto:
    """The tools write into what they are given."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph.model)
    return copy


def _refused(precision: str, error: Exception) -> UnsupportedModelError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UnsupportedModelError(
        f"ONNX Runtime's tools cannot make {precision} of the model: {reason}",
        "export it to onnx:fp32, or to another format",
    )
