"""QDQ files of other tools: read as the float model that they stand for, with their ranges."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from edgebench.cli import main
from edgebench.content import read_content
from edgebench.converters.artifact import Manifest
from edgebench.converters.backend import Instructions
from edgebench.converters.onnx.graph import OnnxGraph, read
from edgebench.converters.precision import MixedPrecision
from edgebench.converters.ranges import named
from edgebench.converters.targets import FORMATS
from edgebench.documents import load, save
from edgebench.errors import UnsupportedModelError
from edgebench.progress import silent
from edgebench.snr import decibels

SHAPE = (1, 3, 16, 16)


def network(path: Path) -> Path:
    """conv, relu, conv, residual sum, mean, fully connected: (1, 3, 16, 16) to (1, 5)."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    constants = {
        "w1": weights(8, 3, 3, 3),
        "b1": weights(8, 1).ravel(),
        "w2": weights(8, 8, 3, 3),
        "w3": weights(5, 8),
    }
    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["c1"], "conv1", pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "conv2", pads=[1] * 4),
        helper.make_node("Add", ["c2", "r1"], ["s"], "sum"),
        helper.make_node("GlobalAveragePool", ["s"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flat"),
        helper.make_node("Gemm", ["f", "w3"], ["logits"], "gemm", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, 5))],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


def images(count: int, seed: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [{"image": rng.standard_normal(SHAPE).astype(np.float32)} for _ in range(count)]


class Images(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self) -> None:
        self.left = iter(images(16, 1))

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.left, None)


@pytest.fixture(scope="module")
def quantised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ONNX Runtime's quantiser makes of the network: it leaves the ReLU out."""
    folder = tmp_path_factory.mktemp("quantised")
    path = folder / "qdq.onnx"
    quantize_static(
        network(folder / "float.onnx"),
        path,
        Images(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    assert "Relu" not in {node.op_type for node in onnx.load(path).graph.node}
    return path


def computed(path: Path, samples: Sequence[dict[str, np.ndarray]]) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options)
    return np.concatenate([session.run(None, sample)[0] for sample in samples])


def snr_db(wanted: np.ndarray, found: np.ndarray) -> float:
    return decibels(float(np.square(wanted).sum()), float(np.square(wanted - found).sum()))


def test_a_quantised_file_is_read_as_its_float_model(quantised: Path, tmp_path: Path) -> None:
    graph = read(quantised)
    operators = [node.op_type for node in graph.model.graph.node]
    assert not {"QuantizeLinear", "DequantizeLinear"} & {*operators}
    assert operators[:2] == ["Conv", "Relu"], "what the integers cut off is a ReLU again"
    assert graph.float_nodes == frozenset()
    assert "is quantised (QDQ)" in graph.notes[0]
    onnx.save(graph.model, tmp_path / "read.onnx")
    samples = images(8, 2)
    wanted = computed(quantised.with_name("float.onnx"), samples)
    assert snr_db(wanted, computed(tmp_path / "read.onnx", samples)) > 30, "weights stay rounded"


def test_its_ranges_are_those_of_its_integers(quantised: Path) -> None:
    model, graph = onnx.load(quantised), read(quantised)
    constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    quantisers = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    spans = {
        tuple(float((end - zero) * scale) for end in (0, 255))
        for node in quantisers
        for scale, zero in [[constants[name].astype(np.float64) for name in node.input[1:]]]
    }
    assert len(graph.ranges) >= 5
    for span in graph.ranges.values():
        assert any(np.allclose(span, one, rtol=1e-6) for one in spans), span


@pytest.mark.parametrize("form", ["onnx", "tflite", "openvino", "coreml"])
def test_every_format_makes_int8_of_its_ranges(quantised: Path, form: str) -> None:
    """The int8 file is nearer to the QDQ file than one with ranges of the wrong size could be."""
    graph, backend = read(quantised), FORMATS[form].load()
    precision = "w8a8" if form == "coreml" else "int8"
    loud = [{name: 5 * array for name, array in sample.items()} for sample in images(4, 3)]
    names = [named(precision, "own"), precision]
    files = backend.convert(graph, names, loud, Instructions(), silent)
    samples = images(8, 2)
    wanted = computed(quantised, samples)
    own, measured = (
        snr_db(
            wanted,
            np.concatenate(
                [one[0] for one in backend.open_converted(graph, files[name]).run_all(samples)]
            ),
        )
        for name in names
    )
    # Core ML's steps are symmetric, so that the sum has half as many.
    assert own > (22 if form == "coreml" else 28)
    assert own > measured + 6, "five times the range is two bits less"


def test_onnx_runtime_gets_the_very_steps(quantised: Path) -> None:
    graph = read(quantised)
    backend = FORMATS["onnx"].load()
    made = backend.convert(graph, [named("int8", "own")], images(2, 3), Instructions(), silent)
    again = onnx.ModelProto.FromString(made[named("int8", "own")])
    assert scales(again) == pytest.approx(scales(onnx.load(quantised)), rel=1e-6)


def scales(model: onnx.ModelProto) -> list[float]:
    constants = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    return sorted({round(float(constants[node.input[1]]), 9) for node in nodes})


def simple(tmp_path: Path, nodes: list[onnx.NodeProto], kind: int = TensorProto.FLOAT) -> Path:
    """A file of these nodes from x (1, 4) to y (1, 4), with a scale, zero points and weights."""
    constants = [
        numpy_helper.from_array(np.float32(0.1), "step"),
        numpy_helper.from_array(np.uint8(128), "middle"),
        numpy_helper.from_array(np.uint8(0), "zero"),
        numpy_helper.from_array(np.int8([[3, -127], [127, 5], [0, 1], [9, 9]]).repeat(2, 1), "w8"),
        numpy_helper.from_array(np.full(4, 0.01, np.float32), "steps"),
        numpy_helper.from_array(np.zeros(4, np.int8), "zeros"),
    ]
    ports = [helper.make_tensor_value_info(name, kind, (1, 4)) for name in "xy"]
    graph = helper.make_graph(nodes, "simple", ports[:1], ports[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "simple.onnx")
    return tmp_path / "simple.onnx"


def node(kind: str, inputs: str, output: str, **settings: object) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], output, **settings)


def test_integers_at_the_borders_become_real_numbers(tmp_path: Path) -> None:
    path = simple(
        tmp_path,
        [
            node("DequantizeLinear", "x step middle", "real"),
            node("DequantizeLinear", "w8 steps zeros", "w", axis=1),
            node("MatMul", "real w", "product"),
            node("QuantizeLinear", "product step middle", "y"),
        ],
        TensorProto.UINT8,
    )
    graph = read(path)
    (given,), (made,) = graph.inputs, graph.outputs
    assert given.dtype == np.float32 and made.dtype == np.float32
    assert graph.ranges["x"] == pytest.approx((-12.8, 12.7)) and "y" in graph.ranges
    x = np.float32([[1, 0, 0, 1]])
    session = onnxruntime.InferenceSession(graph.model.SerializeToString())
    assert session.run(None, {"x": x})[0][0] == pytest.approx([0.12, 0.12, -1.18, -1.18], abs=1e-6)


def test_nodes_without_quantisation_stay_in_float(tmp_path: Path) -> None:
    path = simple(
        tmp_path,
        [
            node("QuantizeLinear", "x step middle", "q"),
            node("DequantizeLinear", "q step middle", "real"),
            node("DequantizeLinear", "w8 steps zeros", "w", axis=1),
            node("MatMul", "real w", "product"),
            node("Softmax", "product", "y"),
        ],
    )
    graph: OnnxGraph = read(path)
    assert graph.float_nodes == {"y"}
    assert "leaves 1 of its nodes in float" in graph.notes[0]


def test_a_relu6_is_told_from_a_range_that_ends_at_six(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", "x w", "product"),
        node("QuantizeLinear", "product sixth zero", "q"),
        node("DequantizeLinear", "q sixth zero", "y"),
    ]
    path = simple(tmp_path, [node("DequantizeLinear", "w8 steps zeros", "w", axis=1), *nodes])
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(6 / 255), "sixth"))
    onnx.save(model, path)
    session = onnxruntime.InferenceSession(read(path).model.SerializeToString())
    x = np.float32([[0, 9, 0, 0]])
    assert session.run(None, {"x": x})[0][0] == pytest.approx([6, 6, 0.45, 0.45], abs=1e-5)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    integer = simple(tmp_path, [node("QuantizeLinear", "x step zero", "q")])
    model = onnx.load(integer)
    model.graph.node.append(node("MatMulInteger", "q w8", "y"))
    onnx.save(model, integer)
    with pytest.raises(UnsupportedModelError, match="MatMulInteger") as raised:
        read(integer)
    assert "QDQ" in raised.value.remedy
    running = simple(
        tmp_path,
        [
            node("ReduceMax", "x", "largest", keepdims=0),
            node("QuantizeLinear", "x largest zero", "q"),
            node("DequantizeLinear", "q largest zero", "y"),
        ],
    )
    with pytest.raises(UnsupportedModelError, match="computed as the model runs"):
        read(running)


def test_the_manifest_says_whose_ranges_they_are(
    quantised: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "samples"
    folder.mkdir()
    for number, sample in enumerate(images(12, 4)):
        np.savez(folder / f"{number:02}.npz", **sample)
    words = ["export", str(quantised), "--to", "onnx:int8", "--calibration", str(folder)]
    assert main([*words, "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    manifest = load(tmp_path / "out" / "qdq.int8.onnx.json", Manifest)
    assert manifest.calibration is not None and manifest.calibration.ranges == "own"
    assert "is quantised (QDQ)" in capsys.readouterr().err
    plain = network(tmp_path / "plain.onnx")
    words[1] = str(plain)
    assert main([*words, "--out", str(tmp_path / "out"), "--jobs", "1", "--ranges", "own"]) == 2
    assert "has no ranges of its own" in capsys.readouterr().err


@pytest.mark.parametrize("to", ["onnx:int8", "tflite:int8", "openvino:int8", "coreml:w8a8"])
def test_a_file_with_all_ranges_needs_no_data(quantised: Path, tmp_path: Path, to: str) -> None:
    assert main(["export", str(quantised), "--to", to, "--out", str(tmp_path), "--jobs", "1"]) == 0
    (path,) = (one for one in tmp_path.glob("*.json") if "int8" in one.name or "w8a8" in one.name)
    manifest = load(path, Manifest)
    assert manifest.calibration is not None
    assert (manifest.calibration.source, manifest.calibration.ranges) == (
        "the file's own ranges",
        "own",
    )
    # What it is on the images that the ranges were made of, which this export never saw.
    format_name = to.partition(":")[0]
    graph = read(quantised)
    made = FORMATS[format_name].load()
    file = tmp_path / manifest.file
    expected = [one[0] for one in outputs_of(quantised, images(8, 1))]
    opened = made.open_converted(graph, read_content(file), True)
    found = [one[0] for one in opened.run_all(images(8, 1))]
    assert _snr(expected, found) > 20


def _snr(expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> float:
    signal = sum(float(np.square(a).sum()) for a in expected)
    noise = sum(float(np.square(a - b).sum()) for a, b in zip(expected, found, strict=True))
    return decibels(signal, noise)


def outputs_of(path: Path, samples: Sequence[dict[str, np.ndarray]]) -> list[list[np.ndarray]]:
    opened = onnxruntime.InferenceSession(path)
    return [opened.run(None, one) for one in samples]


def test_the_values_without_a_range_are_named(
    quantised: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(quantised)
    (gone,) = (n for n in model.graph.node if n.op_type == "QuantizeLinear" and n.input[0] == "c2")
    (after,) = (n for n in model.graph.node if n.input and n.input[0] == gone.output[0])
    for node in model.graph.node:
        node.input[:] = ["c2" if name == after.output[0] else name for name in node.input]
    model.graph.node.remove(gone)
    model.graph.node.remove(after)
    onnx.save(model, tmp_path / "partly.onnx")
    words = ["export", str(tmp_path / "partly.onnx"), "--to", "tflite:int8", "--jobs", "1"]
    assert main([*words, "--out", str(tmp_path)]) != 0
    said = capsys.readouterr().err
    assert (
        "partly gives no range for 1 of the values that tflite:int8 quantises: 'c2' (Conv)" in said
    )
    assert "--calibration" in said
    # Other ways to choose ranges need data, whatever the file has.
    assert main([*words[:1], str(quantised), *words[2:], "--ranges", "extremes"]) != 0
    assert "no calibration data for tflite:int8" in capsys.readouterr().err


def test_own_ranges_and_adjustments(
    quantised: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights and biases may be adjusted; equalised channels no longer fit the ranges."""
    samples = tmp_path / "samples"
    samples.mkdir()
    for number, one in enumerate(images(16, 1)):
        np.savez(samples / f"{number}.npz", **one)

    def export(*adjustments: str, data: bool = True) -> int:
        mix = MixedPrecision("adjusted", "int8", (), adjustments=adjustments)  # type: ignore[arg-type]
        save(tmp_path / "adjusted.json", mix)
        words = ["export", str(quantised), "--to", f"onnx:{tmp_path / 'adjusted.json'}"]
        words += ["--calibration", str(samples)] if data else []
        return main([*words, "--out", str(tmp_path), "--jobs", "1"])

    assert export("rounded", "corrected") == 0
    made = load(tmp_path / "qdq.adjusted.onnx.json", Manifest)
    assert made.calibration is not None and made.calibration.ranges == "own"
    held = images(16, 5)
    expected = [one[0] for one in outputs_of(quantised.with_name("float.onnx"), held)]
    plain, adjusted = (
        _snr(expected, [one[0] for one in outputs_of(path, held)])
        for path in (quantised, tmp_path / "qdq.adjusted.onnx")
    )
    assert adjusted > plain - 1.0
    capsys.readouterr()
    assert export("equalised") != 0
    assert "ranges of its own, which equalised channels would no longer fit" in (
        capsys.readouterr().err
    )
    assert export("rounded", data=False) != 0
    assert "adjusted by what layers make of calibration data" in capsys.readouterr().err
