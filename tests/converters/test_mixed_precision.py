"""Precisions with exceptions by node: read, honoured by every format, and measured."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from in_process import EXPORT
from onnx import numpy_helper

from edgebench.cli import main
from edgebench.converters import targets
from edgebench.converters.artifact import Manifest
from edgebench.converters.coreml.evaluator import program
from edgebench.converters.openvino import execution
from edgebench.converters.openvino.session import from_folder, on_cpu
from edgebench.converters.precision import MixedPrecision, read
from edgebench.converters.tflite import inspect
from edgebench.documents import load
from edgebench.errors import EdgeBenchError

KEPT = "second"
BASES = {"tflite": "int8", "onnx": "int8", "openvino": "int8", "coreml": "w8a8"}


def network() -> onnx.ModelProto:
    """Three convolutions in a row, the second without a name, whose value is `second`."""
    chance = np.random.default_rng(0)
    nodes, weights, value = [], [], "image"
    for name, made in (("first", "first_out"), ("", KEPT), ("third", "third_out")):
        channels = 3 if value == "image" else 16
        weight = chance.normal(0, 0.2, (16, channels, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(weight, f"w_{made}"))
        nodes.append(
            onnx.helper.make_node(
                "Conv", [value, f"w_{made}"], [made], name=name, pads=[1, 1, 1, 1]
            )
        )
        value = made
    graph = onnx.helper.make_graph(
        nodes,
        "three",
        [onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, 16, 16])],
        [onnx.helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, [1, 16, 16, 16])],
        weights,
    )
    return onnx.helper.make_model(
        graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)]
    )


def write(path: Path, **changes: object) -> Path:
    body = {
        "schema": MixedPrecision.SCHEMA,
        "name": "mixed",
        "base": "int8",
        "exceptions": [{"nodes": KEPT, "precision": "fp32"}],
        **changes,
    }
    path.write_text(json.dumps(body))
    return path


def calibration(folder: Path) -> Path:
    made = folder / "calibration"
    made.mkdir()
    for number in range(8):
        image = np.random.default_rng(number).normal(size=(1, 3, 16, 16)).astype(np.float32)
        np.savez(made / f"{number}.npz", image=image)
    return made


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the three convolutions in a mixed precision of every format, and plain."""
    folder = tmp_path_factory.mktemp("mixed")
    onnx.save(network(), folder / "three.onnx")
    words = [*EXPORT, str(folder / "three.onnx"), "--calibration", str(calibration(folder))]
    for form, base in BASES.items():
        mix = write(folder / f"{form}.json", base=base)
        words += ["--to", f"{form}:{mix}", "--to", f"{form}:{base}"]
    assert main([*words, "--out", str(folder / "out")]) == 0
    return folder / "out"


@pytest.mark.parametrize("form", BASES)
def test_the_file_has_the_name_and_the_manifest_says_what_it_is(exported: Path, form: str) -> None:
    extension = targets.FORMATS[form].extension
    manifest = load(exported / f"three.mixed.{extension}.json", Manifest)
    assert manifest.precision == "mixed" and manifest.mix is not None
    assert manifest.mix.base == BASES[form] and manifest.mix.exceptions[0].nodes == KEPT
    plain = load(exported / f"three.{BASES[form]}.{extension}.json", Manifest)
    assert plain.mix is None


def test_tflite_keeps_the_layer_in_float(exported: Path) -> None:
    opened = inspect.interpreter(
        (exported / "three.mixed.tflite").read_bytes(), **inspect.without_delegates()
    )
    types = {d["index"]: d["dtype"].__name__ for d in opened.get_tensor_details()}
    convolutions = [one for one in inspect.nodes(opened) if one["op_name"] == "CONV_2D"]
    assert [types[int(one["outputs"][0])] for one in convolutions] == ["int8", "float32", "int8"]


def test_onnx_keeps_the_layer_in_float(exported: Path) -> None:
    made = onnx.load(exported / "three.mixed.onnx").graph
    makers = {output: node.op_type for node in made.node for output in node.output}
    weights = {
        node.output[0]: makers.get(node.input[1]) for node in made.node if node.op_type == "Conv"
    }
    assert Counter(weights.values()) == {"DequantizeLinear": 2, None: 1}


def test_openvino_keeps_the_layer_in_float(exported: Path) -> None:
    folder = exported / "three.mixed.openvino"
    found = on_cpu(from_folder({one.name: one.read_bytes() for one in folder.iterdir()}))
    layers = [one for one in execution.layers(found) if one.kind == "Convolution"]
    assert [one.precision in execution.INT8 for one in layers] == [True, False, True]


def test_core_ml_keeps_the_layer_in_float(exported: Path) -> None:
    opened = program.load(exported / "three.mixed.mlpackage")
    convolutions = [one for one in opened.operations if one.op_type == "conv"]
    # The first has too few weights to be compressed.
    quantised = [one.inputs["weight"][0].endswith("_quantized") for one in convolutions]
    assert quantised == [False, False, True]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"base": "fp16"}, "unknown base of a mixed tflite precision 'fp16'"),
        ({"name": "int8"}, "named int8, as a precision of tflite is"),
        ({"name": "a/b"}, "cannot be part of a file's name"),
        ({"exceptions": []}, "names no exceptions"),
        ({"exceptions": [{"nodes": "x", "precision": "int4"}]}, "int4"),
    ],
)
def test_a_file_that_cannot_be_a_precision_is_refused(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    path = write(tmp_path / "mix.json", **changes)
    with pytest.raises(EdgeBenchError, match=says):
        targets.parse(f"tflite:{path}")


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = read(write(tmp_path / "mix.json", recipe="by hand"))
    assert (found.name, found.base, found.recipe) == ("mixed", "int8", "by hand")


def test_a_node_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.save(network(), tmp_path / "three.onnx")
    mix = write(tmp_path / "mix.json", exceptions=[{"nodes": "secnd"}])
    words = [*EXPORT, str(tmp_path / "three.onnx"), "--calibration", str(calibration(tmp_path))]
    assert main([*words, "--to", f"onnx:{mix}", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "no node 'secnd'" in said and "its nodes are first, " in said
