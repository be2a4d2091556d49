from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_models import CLASSES, SIDE, Write, tiny_cnn

from edgebench.converters.onnx import reference
from edgebench.converters.onnx.file import file_sha256
from edgebench.converters.onnx.full_precision import in_float32
from edgebench.converters.onnx.graph import read
from edgebench.converters.onnx.opset import in_todays_meaning
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


def test_the_example_of_a_shape_knows_the_batch_wherever_it_lies(write: Write) -> None:
    model = tiny_cnn(DYNAMIC)
    state = helper.make_tensor_value_info("state", TensorProto.FLOAT, (2, "N", 128))
    model.graph.input.append(state)
    with pytest.raises(UsageError) as caught:
        read(write(model))
    assert "--input-shape state=2,1,128" in caught.value.remedy


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


@pytest.mark.parametrize("opset", [6, 26])
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
        changed.graph.node[0].attribute.append(helper.make_attribute("dilations", [2, 2]))
        changed.graph.node[0].attribute[0].ints[:] = [2, 2, 2, 2]
        return changed

    monkeypatch.setattr(simplify, "_isolated", wrong)
    graph = read(write())
    assert "does not compute the same" in graph.notes[0]
    assert "Relu" in ops(graph.model)


def test_a_simplifier_introduces_no_operator_that_some_target_lacks(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgebench.converters.onnx import simplify

    def fancy(model: onnx.ModelProto) -> onnx.ModelProto:
        changed = onnx.ModelProto.FromString(model.SerializeToString())
        changed.graph.node[2].op_type = "Mish"
        return changed

    monkeypatch.setattr(simplify, "_isolated", fancy)
    graph = read(write())
    assert "it introduced Mish" in graph.notes[0]
    assert "Mish" not in ops(graph.model)


def test_what_a_simplifier_may_introduce_every_target_carries() -> None:
    from edgebench.converters.coreml.ops.all_ops import OPS as coreml
    from edgebench.converters.onnx.simplify import MAY_INTRODUCE
    from edgebench.converters.tflite.ops.all_ops import OPS as tflite

    folded = {"Constant"}
    assert MAY_INTRODUCE - folded <= set(coreml) & set(tflite)


def test_an_embedding_divided_by_its_norm_stays_in_operators_that_all_targets_have(
    write: Write,
) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["e"]),
        helper.make_node("ReduceL2", ["e", "axes"], ["norm"]),
        helper.make_node("Div", ["e", "norm"], ["y"]),
    ]
    model = small(nodes, {"x": [2, 5]}, weights={"axes": np.array([-1])}, opset=20)
    assert ops(read(write(model)).model) == ["Relu", "ReduceL2", "Div"]


def small(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int]],
    weights: Mapping[str, np.ndarray] | None = None,
    opset: int = 17,
    kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A model of one output `y`, of whose shape nothing is said."""
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_value_info("y", helper.make_tensor_type_proto(kind, None))],
        [numpy_helper.from_array(np.asarray(w), name) for name, w in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def test_an_output_without_a_shape_gets_the_one_that_follows(write: Write) -> None:
    model = small([helper.make_node("Flatten", ["x"], ["y"])], {"x": [2, 3, 4]})
    assert read(write(model)).outputs[0].shape == (2, 12)


def test_an_input_without_a_shape_asks_for_it(write: Write) -> None:
    model = small([helper.make_node("Relu", ["x"], ["y"])], {"x": []})
    model.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(UsageError) as caught:
        read(write(model))
    assert "--input-shape" in caught.value.remedy
    assert read(write(model), (2, 3)).outputs[0].shape == (2, 3)


def in_numpy(kind: str, x: np.ndarray, axis: int) -> np.ndarray:
    """Softmax and its kin before opset 13: all axes from `axis` on are one."""
    rows = x.reshape(int(np.prod(x.shape[:axis])), -1)
    if kind == "Hardmax":
        return np.eye(rows.shape[1])[rows.argmax(1)].reshape(x.shape)
    powers = np.exp(rows - rows.max(1, keepdims=True))
    shares = (powers / powers.sum(1, keepdims=True)).reshape(x.shape)
    return np.log(shares) if kind == "LogSoftmax" else shares


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "Hardmax"])
@pytest.mark.parametrize("axis", [None, 0, 2, 3])
@pytest.mark.parametrize("opset", [9, 11])
def test_an_old_softmax_is_rewritten_into_what_it_means(
    kind: str, axis: int | None, opset: int
) -> None:
    attributes = {} if axis is None else {"axis": axis}
    model = small([helper.make_node(kind, ["x"], ["y"], **attributes)], {"x": [2, 3, 4, 5]})
    model.opset_import[0].version = opset
    rewritten = in_todays_meaning("it", model)
    # The newest opset that has the same forms, in which the old meaning is gone.
    rewritten.opset_import[0].version = 13
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
    (y,) = reference.session(rewritten).run(None, {"x": x})
    np.testing.assert_allclose(y, in_numpy(kind, x, 1 if axis is None else axis), atol=1e-6)


def test_a_softmax_over_the_last_axis_stays_one_node() -> None:
    model = small([helper.make_node("Softmax", ["x"], ["y"])], {"x": [1, 10]}, opset=11)
    assert ops(in_todays_meaning("it", model)) == ["Softmax"]


@pytest.mark.parametrize(
    ("op", "opset", "scales"),
    [
        ("Upsample", 7, [1.0, 1.0, 2.0, 2.0]),
        ("Upsample", 9, [1.0, 1.0, 2.0, 3.0]),
        ("Resize", 10, [1.0, 1.0, 1.5, 2.0]),
        ("Resize", 10, [1.0, 1.0, 0.5, 0.4]),
    ],
)
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_an_old_resize_keeps_its_coordinates(
    op: str, opset: int, scales: list[float], mode: str
) -> None:
    as_attribute = {"scales": scales} if opset < 9 else {}
    names = ["x"] if as_attribute else ["x", "scales"]
    node = helper.make_node(op, names, ["y"], mode=mode, **as_attribute)
    weights = {} if as_attribute else {"scales": np.array(scales, np.float32)}
    model = small([node], {"x": [1, 2, 6, 5]}, weights, opset)
    x = np.random.default_rng(0).normal(size=(1, 2, 6, 5)).astype(np.float32)
    made = in_todays_meaning("it", model)
    assert (ops(made)[-1], made.opset_import[0].version) == ("Resize", 13)
    (wanted,), (found,) = (reference.session(m).run(None, {"x": x}) for m in (model, made))
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_an_old_model_is_converted_for_the_user(write: Write) -> None:
    model = tiny_cnn(opset=9)
    model.graph.node[2].CopyFrom(helper.make_node("Clip", ["bn"], ["relu"], min=0.0, max=6.0))
    graph = read(write(model))
    sample = reference.noise(model, seed=5)
    (before,), (after,) = (reference.run(m, [sample]) for m in (model, graph.model))
    np.testing.assert_allclose(after[0], before[0], atol=1e-5)
    assert graph.model.opset_import[0].version == 13


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE])
def test_other_precisions_are_read_as_float32(kind: int) -> None:
    weight = helper.make_tensor("w", kind, [3], [0.5, -2.0, 1.25])
    inner = helper.make_tensor("half", kind, [], [0.5])
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["a"]),
        helper.make_node("Constant", [], ["k"], value=inner),
        helper.make_node("Mul", ["a", "k"], ["b"]),
        helper.make_node("Cast", ["b"], ["c"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["c"], ["y"], to=kind),
    ]
    model = small(nodes, {"x": [3]}, kind=kind)
    model.graph.initializer.append(weight)
    made, precision = in_float32(onnx.shape_inference.infer_shapes(model))
    assert "precision" in precision
    (y,) = reference.session(made).run(None, {"x": np.array([1, 2, 4], np.float32)})
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, [0.25, -2.0, 2.5])
    assert in_float32(made) == (made, "")


def test_constants_are_initialisers(write: Write) -> None:
    """Precisions that round weights round these too, and the proof has to know of them."""
    anchors = np.random.default_rng(0).random((1, CLASSES)).astype(np.float32)
    model = tiny_cnn()
    model.graph.output[0].name = "boxes"
    model.graph.node.extend(
        [
            helper.make_node("Constant", [], ["anchors"], value=numpy_helper.from_array(anchors)),
            helper.make_node("Sub", ["anchors", "y"], ["boxes"]),
        ]
    )
    graph = read(write(model))
    assert "Constant" not in {node.op_type for node in graph.model.graph.node}
    feed = reference.noise(model, 0)
    (found,), (wanted,) = (reference.run(one, [feed])[0] for one in (graph.model, model))
    np.testing.assert_allclose(found, wanted, atol=1e-5)
