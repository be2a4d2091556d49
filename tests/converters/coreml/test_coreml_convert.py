"""Packages of a small classifier: what they hold, and what they compute."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
import onnx
import pytest
import torch
from coreml_models import (
    CLASSES,
    LABELS,
    MEAN,
    SIDE,
    STD,
    classifier,
    graph,
    kinds,
    operations,
    samples,
    specification,
)
from onnx import helper
from torch import nn

from edgebench.content import Content, digest
from edgebench.converters import layers
from edgebench.converters.artifact import Preprocessing
from edgebench.converters.backend import Instructions
from edgebench.converters.coreml import target
from edgebench.converters.coreml.convert import convert_all
from edgebench.converters.coreml.evaluator import program
from edgebench.converters.coreml.package import on_disk
from edgebench.converters.coreml.precisions import PRECISIONS
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.torch_export import module_to_onnx
from edgebench.converters.rounding import ROUNDINGS
from edgebench.errors import UnknownNameError, UnsupportedModelError
from edgebench.models.attention import Triplet
from edgebench.snr import Errors

PREPROCESSING = Preprocessing(MEAN, STD)
INSTRUCTIONS = Instructions(PREPROCESSING, LABELS)


@pytest.fixture(scope="module")
def network() -> OnnxGraph:
    return classifier()


@pytest.fixture(scope="module")
def packages(network: OnnxGraph) -> Mapping[str, Content]:
    return convert_all(network, list(PRECISIONS), samples(network, 8), INSTRUCTIONS)


def snr_db(network: OnnxGraph, content: Content) -> float:
    """The worst over a few samples of the signal-to-noise ratio to ONNX Runtime."""
    converted = target.open_converted(network, content)
    given = samples(network)
    ratios = []
    for sample, wanted in zip(given, reference.run(network.model, given), strict=True):
        for want, found in zip(wanted, converted.run(sample), strict=True):
            assert (found.shape, found.dtype) == (want.shape, want.dtype)
            errors = Errors()
            errors.add(want, found)
            ratios.append(errors.decibels)
    return min(ratios)


@pytest.mark.parametrize(
    ("precision", "floor"),
    [
        ("fp32", 100),
        ("fp16", 50),
        ("int8w", 30),
        ("w8a8", 20),
        ("palettized4", 10),
        ("palettized6", 20),
    ],
)
def test_every_precision_computes_what_onnx_does(
    network: OnnxGraph, packages: Mapping[str, Content], precision: str, floor: float
) -> None:
    assert snr_db(network, packages[precision]) > floor


@pytest.mark.parametrize(
    ("precision", "op", "count"),
    [
        ("fp16", "constexpr_affine_dequantize", 0),
        # The depthwise weights are too few to gain from it.
        ("int8w", "constexpr_affine_dequantize", 2),
        ("palettized4", "constexpr_lut_to_dense", 2),
        ("palettized6", "constexpr_lut_to_dense", 2),
        ("w8a8", "constexpr_affine_dequantize", 2),
    ],
)
def test_weights_are_kept_as_the_precision_says(
    packages: Mapping[str, Content], precision: str, op: str, count: int
) -> None:
    assert kinds(packages[precision]).count(op) == count


def test_palettes_have_as_many_values_as_the_bits_tell(packages: Mapping[str, Content]) -> None:
    for precision, bits in (("palettized4", 4), ("palettized6", 6)):
        for operation in operations(packages[precision]):
            if operation.type == "constexpr_lut_to_dense":
                lut = operation.attributes["lut"].type.tensorType.dimensions
                assert [d.constant.size for d in lut] == [2**bits]


def test_only_w8a8_quantises_activations(packages: Mapping[str, Content]) -> None:
    having = {name for name, content in packages.items() if "quantize" in kinds(content)}
    assert having == {"w8a8"}


def test_half_precision_computes_in_float16_and_full_in_float32(
    packages: Mapping[str, Content],
) -> None:
    def width(content: Content) -> set[int]:
        convs = (o for o in operations(content) if o.type == "conv")
        return {o.outputs[0].type.tensorType.dataType for o in convs}

    assert width(packages["fp32"]) == {11}  # MIL's FLOAT32
    assert width(packages["fp16"]) == {10}  # and FLOAT16


def test_fewer_bits_make_smaller_files(packages: Mapping[str, Content]) -> None:
    def weights(name: str) -> int:
        content = packages[name]
        assert not isinstance(content, bytes)
        return len(content["Data/com.apple.CoreML/weights/weight.bin"])

    assert weights("palettized4") < weights("int8w") < weights("fp16") < weights("fp32")


def test_hard_swish_is_one_gate_and_one_product(packages: Mapping[str, Content]) -> None:
    found = kinds(packages["fp32"])
    assert found.count("sigmoid_hard") == 1
    assert "transpose" not in found and "pad" not in found and "clip" not in found


def test_the_image_is_normalised_inside(
    network: OnnxGraph, packages: Mapping[str, Content]
) -> None:
    (port,) = specification(packages["fp32"]).description.input
    assert (port.type.imageType.width, port.type.imageType.height) == (SIDE, SIDE)
    pixels = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    normalised = ((pixels / 255 - MEAN) / STD).astype(np.float32).transpose(2, 0, 1)[None]
    (wanted,) = reference.run(network.model, [{"image": normalised}])[0]
    with on_disk(packages["fp32"]) as path:
        made = program.load(path).run({"image": pixels})
    np.testing.assert_allclose(made["scores"], wanted, rtol=1e-4, atol=1e-5)


def test_a_classifier_names_the_class_and_gives_probabilities(
    network: OnnxGraph, packages: Mapping[str, Content]
) -> None:
    (sample,) = samples(network, 1)
    (wanted,) = reference.run(network.model, [sample])[0]
    converted = target.open_converted(network, packages["fp32"])
    with on_disk(packages["fp32"]) as path:
        opened = program.load(path)
    (made,) = converted.compute([{"image": converted.image.pixels(sample["image"])}])
    assert opened.labels == LABELS
    assert made["classLabel"].item() == LABELS[int(wanted.argmax())]
    powers = np.exp(wanted - wanted.max())
    found = made["classLabel_probs"].reshape(wanted.shape)
    np.testing.assert_allclose(found, powers / powers.sum(), rtol=1e-4)


def test_a_softmax_of_the_models_own_is_not_repeated(network: OnnxGraph) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(network.model)
    model.graph.node.append(helper.make_node("Softmax", ["scores"], ["shares"], name="shares"))
    del model.graph.output[:]
    model.graph.output.append(
        helper.make_tensor_value_info("shares", onnx.TensorProto.FLOAT, [1, CLASSES])
    )
    ending = OnnxGraph(model, "small", "file", "0" * 64)
    content = convert_all(ending, ["fp16"], samples(ending), Instructions(labels=LABELS))["fp16"]
    assert kinds(content).count("softmax") == 1
    assert snr_db(ending, content) > 40


def test_without_preprocessing_or_by_wish_the_input_is_an_array(network: OnnxGraph) -> None:
    plain = Instructions(PREPROCESSING, image_input=False)
    content = convert_all(network, ["fp32"], samples(network), plain)["fp32"]
    (port,) = specification(content).description.input
    assert list(port.type.multiArrayType.shape) == [1, 3, SIDE, SIDE]
    assert snr_db(network, content) > 100


def test_the_same_export_gives_the_same_bytes(
    network: OnnxGraph, packages: Mapping[str, Content]
) -> None:
    names = ["fp16", "palettized4"]
    again = convert_all(network, names, samples(network, 8), INSTRUCTIONS)
    assert {name: digest(again[name]) for name in names} == {
        name: digest(packages[name]) for name in names
    }


def test_xcode_shows_where_a_model_comes_from(packages: Mapping[str, Content]) -> None:
    described = specification(packages["w8a8"]).description
    metadata = described.metadata
    assert metadata.versionString.startswith("1 (000000000000")
    assert "int8 weights and activations" in metadata.shortDescription
    assert metadata.userDefined["com.edgebench.source_sha256"] == "0" * 64
    assert metadata.userDefined["com.edgebench.precision"] == "w8a8"
    assert metadata.author and metadata.license
    assert all(port.shortDescription for port in (*described.input, *described.output))


@pytest.mark.parametrize(("ios", "version"), [(15, 6), (16, 7), (18, 9)])
def test_a_file_is_for_the_ios_that_is_asked_for(
    network: OnnxGraph, ios: int, version: int
) -> None:
    content = convert_all(network, ["fp32"], (), Instructions(ios=ios))["fp32"]
    assert specification(content).specificationVersion == version


def test_each_precision_has_its_usual_ios(packages: Mapping[str, Content]) -> None:
    versions = {name: specification(c).specificationVersion for name, c in packages.items()}
    assert versions == dict.fromkeys(packages, 7) | {"w8a8": 8}


@pytest.mark.parametrize(("precision", "ios"), [("int8w", 15), ("palettized4", 15), ("w8a8", 16)])
def test_an_ios_that_lacks_a_precision_is_named(
    network: OnnxGraph, precision: str, ios: int
) -> None:
    with pytest.raises(UnsupportedModelError, match=f"asked for is iOS {ios}") as caught:
        convert_all(network, [precision], (), Instructions(ios=ios))
    assert f"--ios {ios + 1}" in caught.value.remedy


def test_an_unknown_precision_lists_those_there_are(network: OnnxGraph) -> None:
    with pytest.raises(UnknownNameError, match="coreml precision 'int4'"):
        convert_all(network, ["int4"])


def test_nothing_is_said_while_a_model_is_converted(
    network: OnnxGraph, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The streams of a terminal, which pytest has replaced by others.
    for number, name in ((1, "stdout"), (2, "stderr")):
        monkeypatch.setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115
    convert_all(network, ["int8w"])
    assert tuple(capfd.readouterr()) == ("", "")


def test_the_first_layer_that_differs_is_named(
    network: OnnxGraph, packages: Mapping[str, Content]
) -> None:
    other = onnx.ModelProto()
    other.CopyFrom(network.model)
    weights = {w.name: w for w in other.graph.initializer}
    changed = onnx.numpy_helper.to_array(weights["w2"]) * 1.5
    weights["w2"].CopyFrom(onnx.numpy_helper.from_array(changed, "w2"))
    differing = OnnxGraph(other, "small", "file", "0" * 64)
    inputs = samples(network, 2)
    for precision in ("fp32", "fp16", "w8a8"):
        there = target.values(differing, packages[precision], inputs)
        found = layers.compare(other, inputs, there, ROUNDINGS[precision])
        assert [one.node for one in found if not one.right] == ["wide"]
        assert layers.first_difference(found).startswith("the first layer that differs is wide (C")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_layers_are_off_by_what_their_rounding_does(
    network: OnnxGraph, packages: Mapping[str, Content], precision: str
) -> None:
    inputs = samples(network, 2)
    there = target.values(network, packages[precision], inputs)
    found = layers.compare(network.model, inputs, there, ROUNDINGS[precision])
    assert found
    for one in found:
        assert one.own_db > min(60, one.rounding_db - 6), one


class ReadBothWays(nn.Module):
    """A value that a convolution reads quantised and a mean as it is, after a division."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = (nn.Conv2d(n, 8, 3, 1, 1) for n in (3, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.first(x)
        divided = first * first * first / 0.7  # which its step of int8 resolves badly
        mean = divided.mean((2, 3), keepdim=True)
        return self.last(divided) * mean


def w8a8_layers(module: nn.Module) -> list[layers.Layer]:
    torch.manual_seed(0)
    for weights in module.parameters():
        nn.init.normal_(weights, std=0.3)
    made = module_to_onnx(module, "small", ["x"], [(1, 3, 12, 10)])
    inputs = samples(made, 8)
    there = target.values(made, convert_all(made, ["w8a8"], inputs)["w8a8"], inputs[:2])
    return layers.compare(made.model, inputs[:2], there, ROUNDINGS["w8a8"])


def test_layers_behind_moved_transposes_are_right_in_w8a8() -> None:
    """coremltools moves those of triplet attention behind the pools that read them."""
    convolutions = [nn.Conv2d(n, 8, 3, 1, 1) for n in (3, 8)]
    found = w8a8_layers(nn.Sequential(convolutions[0], Triplet(8, None), convolutions[1]))
    assert len([one for one in found if one.op_type == "Conv"]) == 5
    assert layers.first_wrong(found) is None, layers.first_difference(found)


def test_a_value_is_known_as_each_of_its_readers_gets_it_in_w8a8() -> None:
    found = {one.op_type: one for one in w8a8_layers(ReadBothWays())}
    assert {"Div", "ReduceMean", "Conv"} <= found.keys()
    assert layers.first_wrong(found.values()) is None
    assert found["ReduceMean"].own_db > 60  # of what is not quantised for it


def test_scalars_are_vectors_of_one_at_the_border() -> None:
    doubled = graph([helper.make_node("Add", ["x", "x"], ["y"])], {"x": ()}, ["y"])
    content = convert_all(doubled, ["fp32"])["fp32"]
    converted = target.open_converted(doubled, content)
    assert converted.inputs[0].shape == converted.outputs[0].shape == (1,)
    (found,) = converted.run({"x": np.asarray(1.5, np.float32)})
    assert found.shape == () and found == 3.0


def test_a_gelu_in_five_ops_becomes_one() -> None:
    nodes = [
        helper.make_node("Div", ["x", "root"], ["a"]),
        helper.make_node("Erf", ["a"], ["b"]),
        helper.make_node("Add", ["b", "one"], ["c"]),
        helper.make_node("Mul", ["x", "c"], ["d"]),
        helper.make_node("Mul", ["d", "half"], ["y"]),
    ]
    weights = {
        name: np.asarray(number, np.float32)
        for name, number in (("root", 2**0.5), ("one", 1), ("half", 0.5))
    }
    content = convert_all(graph(nodes, {"x": (1, 8)}, ["y"], weights), ["fp32"])["fp32"]
    assert kinds(content) == ["gelu"]


def test_parts_of_a_split_are_known_as_their_readers_get_them() -> None:
    chance = np.random.default_rng(0)
    weights = {
        name: chance.normal(0, 0.3, shape).astype(np.float32)
        for name, shape in (("w0", (32, 3, 3, 3)), ("w1", (32, 16, 3, 3)), ("w2", (32, 16, 3, 3)))
    }
    pads = {"pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["whole"], **pads),
        helper.make_node("Split", ["whole"], ["left", "right"], axis=1, num_outputs=2),
        helper.make_node("Conv", ["left", "w1"], ["a"], **pads),
        helper.make_node("Conv", ["right", "w2"], ["b"], **pads),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    parted = graph(nodes, {"x": (1, 3, 8, 8)}, ["y"], weights)
    plain = Instructions(image_input=False)
    content = convert_all(parted, ["w8a8"], samples(parted, 8), plain)["w8a8"]
    (found,) = target.values(parted, content, samples(parted, 1))
    for name in ("left", "right"):
        assert float(np.max(found[name].step)) > 0.01  # A step of int8, not of float16.


def test_an_unbiased_variance_of_a_large_map_stays_one() -> None:
    """coremltools' passes take a sum over 1023 for a mean of 1024; see `convert._passes`."""
    side = 32
    made = graph(
        [
            helper.make_node("Mul", ["x", "x"], ["squares"]),
            helper.make_node("ReduceSum", ["squares", "axes"], ["sum"], keepdims=1),
            helper.make_node("Div", ["sum", "count"], ["y"]),
        ],
        {"x": (1, 3, side, side)},
        ["y"],
        {"axes": np.array([2, 3]), "count": np.array(side * side - 1, np.float32)},
    )
    sample = reference.noise(made.model, 0)
    package = convert_all(made, ["fp32"], [sample])["fp32"]
    (found,) = target.open_converted(made, package).run(sample)
    wanted = np.square(sample["x"]).sum((2, 3), keepdims=True) / (side * side - 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
