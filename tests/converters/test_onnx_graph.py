from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tiny_models import CLASSES, SIDE, Write, tiny_cnn

from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import file_sha256, read
from edgebench.errors import InvalidFileError, UnsupportedModelError, UsageError

FIXED = (1, 3, SIDE, SIDE)
DYNAMIC = ("N", 3, "S", "S")


def ops(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_reading_folds_batch_norms_shape_chains_and_dropout(write: Write) -> None:
    graph = read(write())
    assert ops(graph.model) == ["Conv", "Relu", "GlobalAveragePool", "Reshape", "MatMul"]
    assert graph.notes == ()


def test_reading_keeps_what_the_model_computes(write: Write) -> None:
    sample = reference.noise(tiny_cnn(), seed=5)
    (before,) = reference.run(tiny_cnn(), [sample])
    (after,) = reference.run(read(write()).model, [sample])
    np.testing.assert_allclose(after[0], before[0], atol=1e-5)


@pytest.mark.parametrize("opset", [11, 13, 17, 21, 25])
def test_reading_keeps_opset_and_ir_version(write: Write, opset: int) -> None:
    graph = read(write(tiny_cnn(opset=opset)))
    assert graph.model.opset_import[0].version == opset
    assert graph.model.ir_version == 8


def test_input_shape_fixes_dynamic_dimensions_of_inputs_and_outputs(write: Write) -> None:
    graph = read(write(tiny_cnn(DYNAMIC)), (2, 3, 8, 8))
    assert graph.inputs[0].shape == (2, 3, 8, 8)
    assert graph.outputs[0].shape == (2, CLASSES)


def test_input_shape_may_be_given_by_name(write: Write) -> None:
    assert read(write(tiny_cnn(DYNAMIC)), {"x": FIXED}).inputs[0].shape == FIXED


def test_dynamic_inputs_are_listed_with_the_flag_that_fixes_them(write: Write) -> None:
    with pytest.raises(UsageError) as caught:
        read(write(tiny_cnn(DYNAMIC)))
    assert "'x' (N, 3, S, S)" in caught.value.message
    assert "--input-shape" in caught.value.remedy


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((1, 3, SIDE), id="other rank"),
        pytest.param((1, 4, SIDE, SIDE), id="contradicts a fixed dimension"),
        pytest.param((1, 3, SIDE, 2 * SIDE), id="one name, two sizes"),
        pytest.param((0, 3, SIDE, SIDE), id="not positive"),
        pytest.param({"image": FIXED}, id="no such input"),
    ],
)
def test_input_shapes_that_do_not_fit_are_refused(write: Write, shape: object) -> None:
    with pytest.raises(UsageError):
        read(write(tiny_cnn(DYNAMIC)), shape)  # type: ignore[arg-type]


def two_inputs() -> onnx.ModelProto:
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 4]) for n in ("a", "b")]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["y"])], "two", ports, [out])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_one_shape_for_several_inputs_asks_for_their_names(write: Write) -> None:
    with pytest.raises(UsageError, match="2 inputs: a, b"):
        read(write(two_inputs()), (1, 4))


def test_a_named_dimension_holds_for_all_inputs(write: Write) -> None:
    graph = read(write(two_inputs()), {"a": (3, 4)})
    assert [port.shape for port in graph.inputs] == [(3, 4), (3, 4)]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"PK\x03\x04 not a model at all", id="foreign"),
        pytest.param(tiny_cnn().SerializeToString()[:600], id="cut short"),
    ],
)
def test_files_that_are_no_models_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(InvalidFileError, match=r"bad\.onnx"):
        read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="No such file"):
        read(tmp_path / "absent.onnx")


def test_a_graph_that_breaks_the_rules_is_refused(write: Write) -> None:
    model = tiny_cnn()
    model.graph.node[2].input[0] = "nowhere"
    with pytest.raises(InvalidFileError, match="nowhere"):
        read(write(model))


def with_external_data(path: Path) -> Path:
    onnx.save_model(
        tiny_cnn(), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    return path


def test_external_data_is_read_and_hashed(tmp_path: Path) -> None:
    path = with_external_data(tmp_path / "split.onnx")
    before = file_sha256(path)
    assert read(path).sha256 == before
    weights = tmp_path / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    assert file_sha256(path) != before


def test_missing_external_data_is_named(tmp_path: Path) -> None:
    path = with_external_data(tmp_path / "split.onnx")
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(InvalidFileError, match=r"weights\.bin"):
        read(path)


@pytest.mark.parametrize("opset", [9, 26])
def test_opsets_outside_the_range_are_refused_with_the_range(write: Write, opset: int) -> None:
    model = tiny_cnn()
    model.opset_import[0].version = opset
    with pytest.raises((UnsupportedModelError, InvalidFileError), match=f"opset {opset}|Dropout"):
        read(write(model))


def test_sequence_inputs_are_refused(write: Write) -> None:
    port = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    out = helper.make_tensor_value_info("y", TensorProto.INT64, [])
    node = helper.make_node("SequenceLength", ["s"], ["y"])
    graph = helper.make_graph([node], "sequence", [port], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(UnsupportedModelError, match=r"'s' .* is a sequence"):
        read(write(model))


def test_outputs_whose_shape_depends_on_the_data_are_refused(write: Write) -> None:
    port = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])
    out = helper.make_tensor_value_info("y", TensorProto.INT64, [1, "found"])
    graph = helper.make_graph([helper.make_node("NonZero", ["x"], ["y"])], "g", [port], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(UnsupportedModelError, match="depends on the data"):
        read(write(model))


def test_a_failing_simplifier_is_replaced_and_named(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgebench.converters.onnx import simplify

    def crash(model: onnx.ModelProto) -> onnx.ModelProto:
        raise RuntimeError("exit status -11")

    monkeypatch.setattr(simplify, "_isolated", crash)
    graph = read(write())
    assert "Shape" not in ops(graph.model)
    assert "onnxsim failed (exit status -11)" in graph.notes[0]


def test_a_simplifier_that_changes_the_result_is_not_believed(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgebench.converters.onnx import simplify

    def wrong(model: onnx.ModelProto) -> onnx.ModelProto:
        changed = onnx.ModelProto.FromString(model.SerializeToString())
        changed.graph.node[2].op_type = "Sigmoid"
        return changed

    monkeypatch.setattr(simplify, "_isolated", wrong)
    graph = read(write())
    assert "does not compute the same" in graph.notes[0]
    assert "Relu" in ops(graph.model)
