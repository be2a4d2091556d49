"""The ONNX artifact in each precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from tiny_models import tiny_cnn

from edgebench.converters import layers
from edgebench.converters.artifact import Preprocessing
from edgebench.converters.backend import Instructions
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Sample, noise
from edgebench.converters.onnx.simplify import simplify
from edgebench.converters.onnxruntime import target
from edgebench.converters.rounding import ROUNDINGS
from edgebench.errors import UnsupportedModelError
from edgebench.progress import silent
from edgebench.snr import Errors

PRECISIONS = ("fp32", "fp16", "int8", "int8r")


@pytest.fixture(scope="module")
def graph() -> OnnxGraph:
    return OnnxGraph(simplify(tiny_cnn(), external=False)[0], "tiny", "file", "")


@pytest.fixture(scope="module")
def samples(graph: OnnxGraph) -> list[Sample]:
    return [noise(graph.model, seed) for seed in range(8)]


@pytest.fixture(scope="module")
def files(graph: OnnxGraph, samples: list[Sample]) -> Mapping[str, bytes]:
    return target.convert(graph, PRECISIONS, samples, Instructions(), silent)


def snr_db(graph: OnnxGraph, content: bytes, samples: list[Sample]) -> float:
    converted = target.open_converted(graph, content)
    wanted = np.array([row[0] for row in reference.run(graph.model, samples)], np.float64)
    found = np.array([converted.run(sample)[0] for sample in samples], np.float64)
    errors = Errors()
    errors.add(wanted, found)
    return errors.decibels


def test_each_precision_is_as_exact_as_its_bits(
    graph: OnnxGraph, files: Mapping[str, bytes], samples: list[Sample]
) -> None:
    found = {name: snr_db(graph, content, samples) for name, content in files.items()}
    assert found["fp32"] > 100
    assert 50 < found["fp16"] < 80
    assert 20 < found["int8"] < 50


def test_every_precision_takes_and_gives_float32(
    graph: OnnxGraph, files: Mapping[str, bytes]
) -> None:
    for content in files.values():
        model = onnx.ModelProto.FromString(content)
        for port in (*model.graph.input, *model.graph.output):
            assert port.type.tensor_type.elem_type == TensorProto.FLOAT


def test_fp16_holds_its_weights_in_half(files: Mapping[str, bytes]) -> None:
    model = onnx.ModelProto.FromString(files["fp16"])
    kinds = {tensor.data_type for tensor in model.graph.initializer}
    assert TensorProto.FLOAT not in kinds and TensorProto.FLOAT16 in kinds


def test_int8_has_a_scale_for_every_channel_of_a_convolution(files: Mapping[str, bytes]) -> None:
    model = onnx.ModelProto.FromString(files["int8"])
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made = {out: node for node in model.graph.node for out in node.output}
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    source = made[conv.input[1]]
    assert source.op_type == "DequantizeLinear"
    assert weights[source.input[0]].dtype == np.int8
    assert weights[source.input[1]].shape == (8,)


def test_nodes_that_stay_in_float_are_not_quantised(
    graph: OnnxGraph, samples: list[Sample]
) -> None:
    kept = dataclasses.replace(graph, float_nodes=frozenset({"the_conv"}))
    content = target.convert(kept, ["int8"], samples, Instructions(), silent)["int8"]
    model = onnx.ModelProto.FromString(content)
    conv = next(node for node in model.graph.node if node.name == "the_conv")
    weights = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert weights[conv.input[1]] == TensorProto.FLOAT
    assert any(node.op_type == "QuantizeLinear" for node in model.graph.node)


def test_conversion_leaves_the_graph_as_it_was(graph: OnnxGraph, samples: list[Sample]) -> None:
    before = graph.model.SerializeToString(deterministic=True)
    target.convert(graph, PRECISIONS, samples, Instructions(), silent)
    assert graph.model.SerializeToString(deterministic=True) == before


def test_metadata_is_in_the_files_properties(graph: OnnxGraph, files: Mapping[str, bytes]) -> None:
    normalised = Preprocessing((0.5, 0.4, 0.3), (0.25, 0.2, 0.3))
    content = target.describe(graph, files["int8"], normalised, ["a cat", "a dog"])
    found = {p.key: p.value for p in onnx.ModelProto.FromString(content).metadata_props}
    assert found["mean"] == "0.5,0.4,0.3"
    assert found["labels"] == "a cat\na dog"


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_first_layer_that_differs_is_named(
    graph: OnnxGraph, samples: list[Sample], precision: str
) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(graph.model)
    conv = next(node for node in other.graph.node if node.op_type == "Conv")
    for tensor in other.graph.initializer:
        if tensor.name == conv.input[1]:
            changed = numpy_helper.to_array(tensor) * np.float32(-1)
            tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
    faulty = dataclasses.replace(graph, model=other)
    content = target.convert(faulty, [precision], samples, Instructions(), silent)[precision]
    there = target.values(graph, content, samples[:2])
    found = layers.compare(graph.model, samples[:2], there, ROUNDINGS[precision])
    (wrong,) = (one for one in found if not one.right)
    assert wrong.node in ("the_conv", "the_relu")  # In int8 they have become one.


@pytest.mark.parametrize("precision", PRECISIONS)
def test_layers_are_off_by_what_their_rounding_does(
    graph: OnnxGraph, files: Mapping[str, bytes], samples: list[Sample], precision: str
) -> None:
    there = target.values(graph, files[precision], samples[:2])
    found = layers.compare(graph.model, samples[:2], there, ROUNDINGS[precision])
    assert found
    for one in found:
        assert one.own_db > min(60, one.rounding_db - 6), one


def test_what_the_quantiser_cannot_take_is_an_error_of_ours(graph: OnnxGraph) -> None:
    with pytest.raises(UnsupportedModelError, match="int8"):
        target.convert(graph, ["int8"], [], Instructions(), silent)


def test_the_tools_keep_quiet(
    graph: OnnxGraph, samples: list[Sample], capfd: pytest.CaptureFixture[str]
) -> None:
    target.convert(graph, PRECISIONS, samples, Instructions(), silent)
    assert capfd.readouterr() == ("", "")


def shared_scales(opset: int) -> OnnxGraph:
    """A convolution and two Resizes that read the same scales, out of a Constant node."""
    helper = onnx.helper
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32))
    nothing = numpy_helper.from_array(np.zeros(0, np.float32))
    weights = np.random.default_rng(0).normal(0, 0.5, (4, 4, 1, 1)).astype(np.float32)
    upscale = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
    nodes = [
        helper.make_node("Constant", [], ["scales"], name="scales", value=scales),
        helper.make_node("Constant", [], ["roi"], name="roi", value=nothing),
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv"),
        helper.make_node("Resize", ["a", "roi", "scales"], ["b"], name="one", **upscale),
        helper.make_node("Resize", ["b", "roi", "scales"], ["y"], name="two", **upscale),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 4, side, side))
        for name, side in (("x", 4), ("y", 16))
    ]
    made = helper.make_graph(
        nodes, "upscaled", ports[:1], ports[1:], [numpy_helper.from_array(weights, "w")]
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return OnnxGraph(onnx.shape_inference.infer_shapes(model), "upscaled", "file", "")


@pytest.mark.parametrize("opset", [11, 18])
@pytest.mark.parametrize(("precision", "least"), [("fp16", 50), ("int8", 20)])
def test_files_of_other_exporters_get_every_precision(
    opset: int, precision: str, least: float
) -> None:
    """Old opsets lack a scale a channel, and ONNX Runtime's tool repeats casts of constants."""
    graph = shared_scales(opset)
    samples = [noise(graph.model, seed) for seed in range(8)]
    made = target.convert(graph, [precision], samples, Instructions(), silent)
    assert snr_db(graph, made[precision], samples) > least


@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize("biased", [True, False])
def test_int8_of_a_transposed_convolution_in_groups(group: int, biased: bool) -> None:
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(0, 0.3, (8, 12 // group, 3, 3)).astype(np.float32)}
    if biased:
        weights["b"] = rng.normal(0, 0.3, 12).astype(np.float32)
    node = onnx.helper.make_node(
        "ConvTranspose",
        ["x", *weights],
        ["y"],
        group=group,
        strides=[2, 3],
        pads=[1, 0, 2, 1],
        output_padding=[1, 2],
        dilations=[1, 2],
    )
    made = onnx.helper.make_graph(
        [node],
        "grouped",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 8, 5, 7])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 12, 9, 26])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = onnx.helper.make_model(
        made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    graph = OnnxGraph(onnx.shape_inference.infer_shapes(model), "grouped", "file", "")
    samples = [{"x": rng.normal(0, 1, (1, 8, 5, 7)).astype(np.float32)} for _ in range(8)]
    file = target.convert(graph, ["int8"], samples, Instructions(), silent)["int8"]
    (found,) = target.open_converted(graph, file).run(samples[0])
    ((wanted,),) = reference.run(model, samples[:1])
    error = np.square(found - wanted).sum() / np.square(wanted).sum()
    assert 10 * np.log10(1 / error) > 30
