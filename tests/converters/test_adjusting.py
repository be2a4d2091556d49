"""Weights and biases that are adjusted: exact where they claim to be, and better where not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import planted_defects
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgebench.converters.adjusting import adjust
from edgebench.converters.adjusting.biases import with_corrected_biases
from edgebench.converters.adjusting.channels import bias_of, weighted
from edgebench.converters.adjusting.equalise import equalised, pairs, scales
from edgebench.converters.adjusting.rounding import (
    LEVELS,
    patches,
    rounded,
    with_rounded_weights,
)
from edgebench.converters.backend import Instructions
from edgebench.converters.export.batches import Batch, convert
from edgebench.converters.export.examples import ExampleSet
from edgebench.converters.file_value import Value
from edgebench.converters.onnx import graph, reference
from edgebench.converters.onnx.cut import Watched, made
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.passes.graph import Graph
from edgebench.converters.passes.pipelines import PLAIN
from edgebench.converters.precision import Adjustment, MixedPrecision
from edgebench.converters.targets import FORMATS, Target, parse
from edgebench.converters.tflite import inspect
from edgebench.progress import silent

SAMPLES = [planted_defects._image(seed) for seed in range(32)]


@pytest.mark.parametrize(
    "name", ["outliers", "shared_scale", "weights_one_scale", "fixed_scale", "overflow"]
)
def test_equalised_channels_leave_the_outputs_the_same_to_the_last_bit(name: str) -> None:
    model = planted_defects.PLANTED[name]()
    changed = equalised(model, SAMPLES[:4])
    for sample in SAMPLES[4:8]:
        (before,), (after,) = (
            next(iter(reference.stream(one, [dict(sample)]))) for one in (model, changed)
        )
        assert np.array_equal(before, after)
    assert changed is not model


def test_an_outlier_is_made_as_large_as_its_neighbours() -> None:
    model = planted_defects.outlier_channel(1024.0)
    changed = equalised(model, SAMPLES[:4])
    by_name = {layer.node.name: layer for layer in weighted(changed)}
    extents = np.abs(by_name["culprit"].matrix).max(axis=(0, 2))
    assert extents[5] < 8 * np.median(extents)


def test_nothing_is_scaled_through_relu6_or_where_two_read() -> None:
    net = planted_defects.Network()
    six = net.constant("six", np.array(6, np.float32))
    none = net.constant("none", np.array(0, np.float32))
    first = net.node("Clip", net.conv("image", "first", net.kernel(16, 3)), none, six)
    second = net.node("Relu", net.conv(first, "second", net.kernel(16, 16)))
    sides = [net.conv(second, name, net.kernel(16, 16)) for name in ("left", "right")]
    model = net.model(net.node("Add", *sides))
    assert pairs(model) == []
    assert equalised(model, SAMPLES[:2]) is model


def test_scales_are_powers_of_two_and_leave_what_never_moves() -> None:
    sizes = np.array([0.0, 1.0, 100.0, 3.0, 50.0], np.float32)
    weights = np.array([1.0, 1.0, 1.0, 0.0, 2.0], np.float32)
    found = scales(sizes, weights, depthwise=False)
    assert found[0] == 1
    assert np.array_equal(np.log2(found), np.round(np.log2(found)))
    after = sizes[1:] / found[1:]
    assert after.max() / after.min() < 100 / 2


def test_patches_are_what_a_convolution_multiplies() -> None:
    """Against ONNX Runtime, with a stride, a dilation, groups and uneven padding."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((6, 2, 3, 2)).astype(np.float32)
    node = helper.make_node(
        "Conv", ["x", "w"], ["y"], group=2, strides=[2, 1], dilations=[1, 2], pads=[1, 0, 0, 2]
    )
    x = rng.standard_normal((1, 4, 7, 8)).astype(np.float32)
    model = helper.make_model(
        helper.make_graph(
            [node],
            "one",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(weights, "w")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    ((wanted,),) = list(reference.stream(model, [{"x": x}]))
    (layer,) = weighted(model)
    rows = patches(layer, x)
    found = np.matmul(layer.matrix, rows.transpose(0, 2, 1)).reshape(wanted.shape)
    assert np.allclose(found, wanted, atol=1e-5)
    assert np.array_equal(layer.as_weights(layer.matrix), weights)


@pytest.mark.parametrize("size", [3, 9, 150])
def test_rounded_weights_lie_on_the_grid_and_lose_less(size: int) -> None:
    rng = np.random.default_rng(size)
    weights = rng.standard_normal((2, 5, size))
    mixed = rng.standard_normal((2, size, size)) + 3  # Inputs that go together.
    rows = np.matmul(rng.standard_normal((2, 4000, size)), mixed)
    products = np.matmul(rows.transpose(0, 2, 1), rows) / 4000
    step = np.abs(weights).max(axis=2, keepdims=True) / LEVELS
    found, nearest = rounded(weights, products), np.round(weights / step) * step
    assert np.allclose(found / step, np.round(found / step), atol=1e-9)
    assert np.allclose(np.abs(found).max(axis=2), np.abs(weights).max(axis=2))

    def error(one: np.ndarray) -> np.ndarray:
        off = np.matmul(one - weights, rows.transpose(0, 2, 1))
        return np.square(off).mean(axis=2)

    assert (error(found) <= error(nearest) * (1 + 1e-9)).all()
    assert error(found).sum() < 0.7 * error(nearest).sum()


def test_layers_that_stay_in_float_are_not_rounded() -> None:
    model = planted_defects.outlier_channel()
    changed = with_rounded_weights(model, SAMPLES[:4], {"culprit"})
    for before, after in zip(weighted(model), weighted(changed), strict=True):
        same = np.array_equal(before.weights, after.weights)
        assert same == (before.node.name == "culprit")


def _depthwise(folder: Path) -> OnnxGraph:
    """A network whose errors are its weights': a depthwise layer over smooth, positive images."""
    net = planted_defects.Network(3)
    value = net.node("Relu", net.conv("image", "stem", net.kernel(16, 3)), name="stem_relu")
    for number in range(2):
        weights = net.kernel(16, 1, 7)
        value = net.conv(value, f"depthwise_{number}", weights, group=16)
        value = net.node("Relu", value, name=f"relu_{number}")
        value = net.node("Relu", net.conv(value, f"point_{number}", net.kernel(16, 16, 1)))
    onnx.save(net.model(value), folder / "depthwise.onnx")
    return graph.read(folder / "depthwise.onnx")


# As pixels are, far from zero on average: so an error of a weight is the same everywhere.
BRIGHT = [{"image": sample["image"] + np.float32(4)} for sample in SAMPLES]


def _converted(source: OnnxGraph, text: str, *adjustments: Adjustment) -> tuple[Batch, Target]:
    mix = MixedPrecision("x", parse(text).base, (), ranges="extremes", adjustments=adjustments)
    target = Target(parse(text).format, "x", mix)
    data = ExampleSet(BRIGHT[:16], BRIGHT[16:], "made", "", True)
    batches, failed = convert(source, {target: PLAIN}, data, Instructions(), None, None, silent)
    assert not failed
    return batches[0], target


def _errors(source: OnnxGraph, converted: tuple[Batch, Target]) -> npt.NDArray[np.float32]:
    """What the outputs of a file are off by on other images, (images, classes)."""
    batch, target = converted
    opened = (
        FORMATS[target.format].load().open_converted(batch.form.graph, batch.contents[target], True)
    )
    wanted = reference.stream(source.model, BRIGHT[16:])
    found = opened.run_all(BRIGHT[16:])
    return np.concatenate([b[0] - a[0] for a, b in zip(wanted, found, strict=True)])


@pytest.mark.parametrize("text", ["tflite:int8", "onnx:int8", "openvino:int8"])
def test_each_adjustment_makes_a_network_of_coarse_weights_better(
    tmp_path: Path, text: str
) -> None:
    source = _depthwise(tmp_path)
    plain = float(np.square(_errors(source, _converted(source, text))).mean())
    for one in adjust.offered(parse(text), False):
        if one != "equalised":
            changed = float(np.square(_errors(source, _converted(source, text, one))).mean())
            assert changed < 0.8 * plain, one


def test_every_format_keeps_the_weights_that_were_rounded_for_it(tmp_path: Path) -> None:
    """Nothing is left to round: the file's weights are those of the adjusted graph."""
    source = _depthwise(tmp_path)
    model = with_rounded_weights(source.model, BRIGHT[:16], ())
    wanted = {layer.node.name: np.sort(layer.weights.ravel()) for layer in weighted(model)}
    for text, read in (("onnx:int8", _onnx_weights), ("tflite:int8", _tflite_weights)):
        batch, target = _converted(source, text, "rounded")
        found = read(batch.contents[target])
        for name, weights in wanted.items():
            near = (one for one in found if one.shape == weights.shape)
            assert any(np.allclose(one, weights, atol=1e-6) for one in near), name


def _onnx_weights(content: bytes) -> list[npt.NDArray[np.float32]]:
    model = onnx.ModelProto.FromString(content)
    constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    found = []
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            stored, scale = constants[node.input[0]], constants[node.input[1]]
            (axis,) = [one.i for one in node.attribute if one.name == "axis"] or [0]
            shape = [-1 if i == axis else 1 for i in range(stored.ndim)]
            real = stored.astype(np.float32) * (scale.reshape(shape) if scale.ndim else scale)
            found.append(np.sort(real.ravel()))
    return found


def _tflite_weights(content: bytes) -> list[npt.NDArray[np.float32]]:
    opened = inspect.interpreter(content, **inspect.without_delegates())
    found = []
    for detail in opened.get_tensor_details():
        scales_ = detail["quantization_parameters"]["scales"]
        if detail["dtype"] != np.int8 or not len(scales_):
            continue
        try:
            stored = opened.get_tensor(detail["index"])
        except ValueError:  # A value, not a constant.
            continue
        axis = detail["quantization_parameters"]["quantized_dimension"]
        shape = [-1 if i == axis else 1 for i in range(stored.ndim)]
        scale = scales_.reshape(shape) if len(scales_) > 1 else scales_[0]
        found.append(np.sort((stored.astype(np.float32) * scale).ravel()))
    return found


def test_a_bias_takes_off_what_its_channel_is_off_by() -> None:
    model = planted_defects.outlier_channel()
    shift = np.linspace(-1, 1, planted_defects.CHANNELS).astype(np.float32)
    watched, names = Watched(model), made(model)

    def values(sample: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, Value]:
        found = {name: Value(one) for name, one in watched.values(names, dict(sample)).items()}
        moved = found["before_out"].array + shift.reshape(1, -1, 1, 1)
        return {**found, "before_out": Value(moved)}

    changed = with_corrected_biases(model, model, SAMPLES[:4], map(values, SAMPLES[:4]))
    graph_, (layer,) = Graph(changed), [w for w in weighted(changed) if w.node.name == "before"]
    bias = bias_of(graph_, layer)
    assert bias is not None and np.allclose(bias, -shift, atol=1e-6)
    # The file's other layers do what the graph's do, but for the one that reads what is moved.
    (other,) = [w for w in weighted(changed) if w.node.name == "stem"]
    assert bias_of(graph_, other) == pytest.approx(0, abs=1e-6)


def test_what_can_make_no_difference_is_not_offered() -> None:
    assert adjust.offered(parse("onnx:int8"), False) == ("equalised", "rounded", "corrected")
    assert adjust.offered(parse("onnx:int8r"), False) == ("equalised", "corrected")  # seven bits
    assert adjust.offered(parse("openvino:int8"), False) == (
        "equalised",
        "rounded",
    )  # NNCF corrects
    assert adjust.offered(parse("coreml:int8w"), False) == ("rounded", "corrected")  # floats
    assert adjust.offered(parse("coreml:palettized4"), False) == ("corrected",)
    # Ranges of the model's own are those of its channels as they are.
    assert adjust.offered(parse("onnx:int8"), True) == ("rounded", "corrected")
