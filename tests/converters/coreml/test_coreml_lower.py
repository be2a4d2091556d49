"""The lowering itself: names, refusals, and forms."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from coreml_models import graph
from onnx import TensorProto, helper

from edgebench.converters.coreml.lower import layer_of, lower
from edgebench.errors import UnsupportedModelError

IMAGE = {"x": (1, 4, 6, 6)}


def ops(lowering: object) -> list[tuple[str, str]]:
    """The operations of the program before any pass, by kind and layer."""
    main = lowering.program.functions["main"]  # type: ignore[attr-defined]
    return [(op.op_type, layer_of(op.name)) for op in main.operations if op.op_type != "const"]


def test_all_that_cannot_be_carried_is_named_at_once() -> None:
    nodes = [
        helper.make_node("Det", ["x"], ["a"], name="first_bad"),
        helper.make_node("Unsqueeze", ["x", "axes"], ["deep"], name="deep"),
        helper.make_node("Pad", ["deep", "pads"], ["padded"], name="too_deep"),
        helper.make_node("Squeeze", ["padded", "axes"], ["b"], name="shallow"),
        helper.make_node("Relu", ["x"], ["c"], name="fine"),
        helper.make_node("Resize", ["x", "", "scales"], ["d"], name="second_bad", mode="cubic"),
    ]
    weights = {
        "axes": np.array([0, 1]),
        "pads": np.array([0] * 11 + [1]),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    made = graph(nodes, IMAGE, ["a", "b", "c", "d"], weights)
    with pytest.raises(UnsupportedModelError) as caught:
        lower(made.model, 16)
    message = caught.value.message
    assert message.startswith("3 node(s) cannot be carried to Core ML")
    assert "first_bad (ai.onnx::Det, opset 18): there is no lowering for this op" in message
    assert "too_deep" in message and "it works on more than 5 axes" in message
    assert "second_bad" in message and "'cubic'" in message
    assert "fine" not in message and caught.value.remedy


def test_numbers_beyond_32_bits_are_refused_where_they_are_used() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Add", ["whole", "large"], ["y"], name="sum"),
    ]
    made = graph(nodes, {"x": (3,)}, ["y"], {"large": np.array([2**40])})
    with pytest.raises(UnsupportedModelError, match=r"sum .*beyond 32 bits"):
        lower(made.model, 16)


def test_the_end_of_an_axis_may_be_a_number_of_64_bits() -> None:
    node = helper.make_node("Slice", ["x", "starts", "ends", "axes"], ["y"])
    weights = {
        "starts": np.array([1]),
        "ends": np.array([np.iinfo(np.int64).max]),
        "axes": np.array([1]),
    }
    lowering = lower(graph([node], IMAGE, ["y"], weights).model, 16)
    assert lowering.outputs[0].shape == (1, 3, 6, 6)


def test_a_dimension_that_is_not_fixed_is_refused() -> None:
    made = graph([helper.make_node("Relu", ["x"], ["y"])], IMAGE, ["y"])
    made.model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    with pytest.raises(UnsupportedModelError, match="'x' is not fixed"):
        lower(made.model, 16)


def test_an_input_of_a_foreign_type_is_refused() -> None:
    made = graph([helper.make_node("Relu", ["x"], ["y"])], IMAGE, ["y"])
    made.model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    with pytest.raises(UnsupportedModelError, match="'x' is of type int8"):
        lower(made.model, 16)


def test_an_op_that_this_ios_lacks_is_refused_with_its_node() -> None:
    """Core ML of iOS 15 compares, but does not gather, booleans."""
    nodes = [
        helper.make_node("Greater", ["x", "zero"], ["above"]),
        helper.make_node("Gather", ["above", "rows"], ["some"], name="gathered", axis=2),
        helper.make_node("Cast", ["some"], ["y"], to=TensorProto.FLOAT),
    ]
    weights = {"zero": np.zeros((), np.float32), "rows": np.array([2, 0])}
    with pytest.raises(UnsupportedModelError, match="gathered"):
        lower(graph(nodes, IMAGE, ["y"], weights).model, 15)


@pytest.mark.parametrize(
    ("node", "kinds"),
    [
        (helper.make_node("HardSwish", ["x"], ["y"]), ["sigmoid_hard", "mul"]),
        (helper.make_node("HardSigmoid", ["x"], ["y"]), ["sigmoid_hard"]),
        (helper.make_node("Gelu", ["x"], ["y"]), ["gelu"]),
        (helper.make_node("Clip", ["x", "zero", "six"], ["y"]), ["relu6"]),
        (helper.make_node("Clip", ["x", "zero"], ["y"]), ["relu"]),
        (helper.make_node("GlobalAveragePool", ["x"], ["y"]), ["reduce_mean"]),
        (helper.make_node("LogSoftmax", ["x"], ["y"]), ["reduce_log_sum_exp", "sub"]),
        (helper.make_node("Transpose", ["x"], ["y"], perm=[0, 1, 2, 3]), ["identity"]),
    ],
)
def test_an_op_takes_the_form_that_core_ml_has_for_it(
    node: onnx.NodeProto, kinds: list[str]
) -> None:
    weights = {"zero": np.zeros((), np.float32), "six": np.full((), 6, np.float32)}
    lowering = lower(graph([node], IMAGE, ["y"], weights, opset=20).model, 16)
    assert [kind for kind, _ in ops(lowering)] == kinds


def test_values_keep_their_names_and_steps_on_the_way_their_layers() -> None:
    nodes = [
        helper.make_node("HardSwish", ["x"], ["block/1.swish:0"]),
        helper.make_node("Split", ["block/1.swish:0"], ["left", "right"], axis=1, num_outputs=2),
        helper.make_node("Mul", ["left", "right"], ["y"]),
    ]
    lowering = lower(graph(nodes, IMAGE, ["y"]).model, 16)
    assert lowering.names["block/1.swish:0"] == "block_1_swish_0"
    assert ops(lowering) == [
        ("sigmoid_hard", "block_1_swish_0"),
        ("mul", "block_1_swish_0"),
        ("split", "left"),
        ("mul", "y"),
    ]
