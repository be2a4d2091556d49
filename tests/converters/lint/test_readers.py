"""Each format's reader on a real file, and the command line on what is no such file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from permissions import closed

from edgebench.cli import main
from edgebench.converters.lint.delegates import DELEGATES
from edgebench.converters.lint.graph import LintGraph
from edgebench.converters.lint.readers import onnx as onnx_reader
from edgebench.converters.lint.readers import openvino, tflite

Change = Callable[[Any], None]


def kinds(graph: LintGraph) -> Counter[str]:
    return Counter(op.kind for op in graph.ops)


def strips() -> onnx.ModelProto:
    """A convolution, a mean over the width, its transpose, and a product that broadcasts it."""
    chance = np.random.default_rng(0)
    weight = chance.normal(size=(4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1], name="conv"),
        helper.make_node("ReduceMean", ["c", "axes"], ["m"], keepdims=1, name="mean"),
        helper.make_node("Transpose", ["m"], ["t"], perm=[0, 1, 3, 2], name="turn"),
        helper.make_node("Mul", ["c", "t"], ["y"], name="gate"),
    ]
    graph = helper.make_graph(
        nodes,
        "strips",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 8, 8))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, 8, 8))],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.array([3]), "axes")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_a_tflite_file_is_read_with_its_scales_and_partitions(toys: Path) -> None:
    graph = tflite.read(toys / "int8.tflite", "int8", "int8")
    assert kinds(graph)["conv"] == 1 and kinds(graph)["sigmoid"] == 1
    (conv,) = graph.of_kind("conv")
    (image,) = graph.read(conv)
    assert image.dtype == "int8" and image.shape == (1, 16, 16, 3)
    assert image.quantised is not None and image.quantised.per_tensor
    filter_ = graph.tensors[conv.inputs[1]]
    assert filter_.constant and filter_.quantised is not None
    assert len(filter_.quantised.scales) == 8
    assert conv.attributes["strideH"] == 2 and conv.attributes["version"] == 3
    (mean, *_) = graph.of_kind("mean")
    assert graph.constants(mean)[0].values == (1, 2)
    assert graph.partitions == 1 and graph.outside == {} and graph.refused is None
    assert graph.inputs[0].endswith(":0") or graph.tensors[graph.inputs[0]].shape == (1, 16, 16, 3)


def test_an_onnx_file_is_read_with_inferred_shapes(tmp_path: Path) -> None:
    onnx.save(strips(), tmp_path / "strips.onnx")
    graph = onnx_reader.read(tmp_path / "strips.onnx", "strips", "fp32")
    assert kinds(graph) == {"conv": 1, "mean": 1, "transpose": 1, "mul": 1}
    (turn,) = graph.of_kind("transpose")
    assert turn.attributes["perm"] == (0, 1, 3, 2)
    assert graph.read(turn)[0].shape == (1, 4, 8, 1)
    assert graph.tensors["w"].constant and graph.tensors["axes"].values == (3,)
    assert graph.inputs == ("x",) and graph.outputs == ("y",)


def test_an_onnx_node_whose_first_input_is_left_out_is_read(tmp_path: Path) -> None:
    node = helper.make_node("OptionalHasElement", [""], ["y"])
    outputs = [helper.make_tensor_value_info("y", TensorProto.BOOL, ())]
    graph = helper.make_graph([node], "absent", [], outputs)
    onnx.save(helper.make_model(graph), tmp_path / "absent.onnx")
    (op,) = onnx_reader.read(tmp_path / "absent.onnx", "absent", "fp32").ops
    assert op.inputs == ("",)


def test_an_openvino_network_is_read_from_its_folder(tmp_path: Path) -> None:
    ov = pytest.importorskip("openvino")
    onnx.save(strips(), tmp_path / "strips.onnx")
    model = ov.convert_model(tmp_path / "strips.onnx")
    ov.save_model(model, tmp_path / "strips" / "model.xml", compress_to_fp16=True)
    graph = openvino.read(tmp_path / "strips", "strips", "fp16")
    assert {"conv", "mean", "mul"} <= kinds(graph).keys()
    assert "cast" not in kinds(graph), "weights that are stored in fp16 are constants"
    (mean,) = graph.of_kind("mean")
    assert graph.read(mean)[0].shape == (1, 4, 8, 8) and graph.constants(mean)[0].values == (3,)
    for transpose in graph.of_kind("transpose"):
        assert transpose.attributes["perm"] == (0, 1, 3, 2)


def test_a_core_ml_package_is_read(tmp_path: Path) -> None:
    pytest.importorskip("coremltools")
    from edgebench.converters.coreml.evaluator.tools import ct
    from edgebench.converters.lint.readers import coreml
    from edgebench.converters.quiet import quiet

    mb, types = ct.converters.mil.Builder, ct.converters.mil.mil.types

    @mb.program(
        input_specs=[mb.TensorSpec((1, 4, 8, 8), types.fp16)], opset_version=ct.target.iOS16
    )
    def program(x: Any) -> Any:
        strip = mb.reduce_mean(x=x, axes=[3], keep_dims=True)
        turned = mb.transpose(x=strip, perm=[0, 1, 3, 2])
        return mb.mul(x=x, y=turned)

    with quiet():
        model = ct.convert(
            program, minimum_deployment_target=ct.target.iOS16, compute_precision=None
        )
        model.save(str(tmp_path / "strips.mlpackage"))
    graph = coreml.read(tmp_path / "strips.mlpackage", "strips", "fp16")
    assert kinds(graph)["mean"] == 1 and kinds(graph)["mul"] == 1
    for transpose in graph.of_kind("transpose"):
        assert transpose.attributes["perm"] == (0, 1, 3, 2)
    assert graph.read(graph.of_kind("mean")[0])[0].shape == (1, 4, 8, 8)
    assert all(graph.tensors[op.inputs[0]].values is None for op in graph.ops)  # Data comes first.
    assert main(["lint", str(tmp_path / "strips.mlpackage")]) == 0


@pytest.fixture
def patched(toys: Path, tmp_path: Path) -> Callable[[Change], Path]:
    """A copy of the int8 toy with something in it changed."""

    def patch(change: Change) -> Path:
        import flatbuffers
        from ai_edge_litert import schema_py_generated as schema

        model = schema.ModelT.InitFromPackedBuf((toys / "int8.tflite").read_bytes(), 0)
        change(model)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path = tmp_path / "patched.tflite"
        path.write_bytes(bytes(builder.Output()))
        return path

    return patch


def lint(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["lint", *words, "--json"])
    (report,) = json.loads(capsys.readouterr().out)
    return code, {one["rule"]: one for one in report["findings"]}


def test_a_planted_scale_is_found_though_the_runtime_refuses_the_file(
    patched: Callable[[Change], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def widen_the_sigmoid(model: Any) -> None:
        from ai_edge_litert import schema_py_generated as schema

        graph = model.subgraphs[0]
        (sigmoid,) = (
            op
            for op in graph.operators
            if model.operatorCodes[op.opcodeIndex].builtinCode == schema.BuiltinOperator.LOGISTIC
        )
        graph.tensors[sigmoid.outputs[0]].quantization.scale = np.array([0.5], np.float32)

    code, findings = lint(capsys, str(patched(widen_the_sigmoid)))
    assert code == 4
    assert findings["wrong-fixed-scale"]["severity"] == "error"
    assert "scale 0.5" in findings["wrong-fixed-scale"]["spots"][0]["detail"]
    assert findings["refused"]["severity"] == "error"


def test_a_signature_without_a_fixed_batch_is_dynamic(
    patched: Callable[[Change], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def loosen(model: Any) -> None:
        graph = model.subgraphs[0]
        graph.tensors[graph.inputs[0]].shapeSignature = np.array([-1, 16, 16, 3], np.int32)

    _, findings = lint(capsys, str(patched(loosen)))
    assert findings["dynamic-dimension"]["spots"][0]["detail"] == "?x16x16x3"


def test_an_int8_file_is_held_against_its_baseline_and_the_exit_code_is_the_users_choice(
    toys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("lint", str(toys / "int8.tflite"), "--baseline", str(toys / "plain.tflite"))
    assert main([*words, "--delegate", "coreml,gpu"]) == 0
    out = capsys.readouterr().out
    assert "against plain.tflite" in out and "not measurement" in out
    assert "source: " in out and "-> " in out
    assert "warning coreml-delegate-int8" in out
    assert "MUL mul: 1x8x8x8 and 1x8" in out  # The toy's gate has lost its four dimensions.
    assert main([*words, "--delegate", "coreml", "--fail-on", "warning"]) == 4
    assert main([*words, "--delegate", "coreml", "--fail-on", "never"]) == 0
    plain = ("lint", str(toys / "plain.tflite"), "--delegate", "xnnpack")
    assert main([*plain, "--fail-on", "warning"]) == 0
    assert "takes all of it, as far as is known: xnnpack" in capsys.readouterr().out


def test_the_rules_are_listed_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--rules", "--delegate", "ane"]) == 0
    out = capsys.readouterr().out
    assert "ane-float32" in out and "source: " in out and "hexagon" not in out
    assert main(["lint", "--rules", "--json"]) == 0
    rules = json.loads(capsys.readouterr().out)
    assert {rule["delegate"] for rule in rules} == {None, *DELEGATES}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("{toys}/plain.tflite --delegate gpux", 2, "did you mean 'gpu'?"),
        ("--delegate gpu", 2, "no artifact is named"),
        ("{toys}/gone.tflite", 1, "there is nothing at"),
        ("{toys}/images.npz", 1, "of no format that the linter reads"),
        ("{toys}/foreign.tflite", 1, "is not a TFLite file"),
        ("{toys}/corrupt.tflite", 1, "is damaged"),
        ("{tmp}/junk.onnx", 1, "is not an ONNX file"),
        ("{tmp}/junk.xml", 1, "is not an OpenVINO network"),
        ("{tmp}/junk.mlpackage", 1, "is not an .mlpackage: it has no Manifest.json"),
        ("{tmp}/named.mlpackage", 1, "is not an .mlpackage: its Manifest.json names no model"),
        ("{tmp}/text.mlpackage", 1, "is not an .mlpackage: it is a file, not a folder"),
    ],
)
def test_what_is_no_artifact_is_said_in_a_sentence(
    toys: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: str,
    code: int,
    says: str,
) -> None:
    (tmp_path / "junk.onnx").write_bytes(b"no model at all")
    (tmp_path / "junk.xml").write_text("<html><body>")
    (tmp_path / "junk.mlpackage").mkdir()
    (tmp_path / "named.mlpackage").mkdir()
    (tmp_path / "named.mlpackage" / "Manifest.json").write_text("{}")
    (tmp_path / "text.mlpackage").write_text("no package")
    assert main(["lint", *words.format(toys=toys, tmp=tmp_path).split()]) == code
    out, err = capsys.readouterr()
    assert out == "" and says in err and "\n  -> " in err
    assert "Traceback" not in err and "[Errno" not in err


def test_a_file_that_may_not_be_read_is_not_called_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "strips.onnx"
    onnx.save(strips(), path)
    for shut in (path, tmp_path):
        with closed(shut):
            assert main(["lint", str(path)]) == 1
        said = capsys.readouterr().err
        assert f"{path}" in said and "Permission denied" in said
        assert "not an ONNX file" not in said
