"""Outputs that depend on which of two nearly equal numbers is larger."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tiny_models import SIDE, Write

from edgebench.converters.export.export import export
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.sensitivity import outputs_db
from edgebench.converters.targets import parse


def twins() -> onnx.ModelProto:
    """The best of eight channels at each pixel, of which two each differ in their last bit."""
    rng = np.random.default_rng(0)
    single = rng.normal(0, 0.2, (4, 3, 5, 5)).astype(np.float32)
    weights = {
        "w": np.stack([single, np.nextafter(single, np.float32(9))], 1).reshape(8, 3, 5, 5),
        "axis": np.array([1]),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["conv"], pads=[2] * 4),
        helper.make_node("Sigmoid", ["conv"], ["every"]),
        helper.make_node("ReduceMax", ["every", "axis"], ["scores"], keepdims=0),
        helper.make_node("ArgMax", ["every"], ["labels"], axis=1, keepdims=0),
    ]
    shape = (1, SIDE, SIDE)
    graph = helper.make_graph(
        nodes,
        "twins",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, SIDE, SIDE))],
        [
            helper.make_tensor_value_info("labels", TensorProto.INT64, shape),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape),
        ],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


@pytest.mark.parametrize("form", ["tflite", "openvino", "coreml"])
def test_a_choice_between_near_ties_does_not_refuse_a_file(
    form: str, write: Write, tmp_path: Path
) -> None:
    for i in range(6):
        x = np.random.default_rng(i).normal(0, 1, (1, 3, SIDE, SIDE)).astype(np.float32)
        np.savez(tmp_path / f"{i:02}.npz", x=x)
    data = f"npz:{tmp_path}"
    target = parse(f"{form}:fp32")
    asked = ExportRequest(str(write(twins())), (target,), tmp_path / "out", data=data, task="none")
    (artifact,) = export(asked).artifacts
    hop = artifact.manifest.hops[-1]
    assert hop.snr_db is None or hop.snr_db > 80  # That of the scores.
    assert hop.agreement is not None and 0.5 < hop.agreement.value <= 1.0
    assert "'labels'" in hop.tolerance


def test_choices_that_one_trial_leaves_may_turn_out_otherwise_in_another() -> None:
    clear = np.zeros((1, 8, SIDE, SIDE), np.float32)
    clear[:, 3] = 1.0
    node = helper.make_node("ArgMax", ["x"], ["labels"], axis=1, keepdims=0)
    graph = helper.make_graph(
        [node],
        "clear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, clear.shape)],
        [helper.make_tensor_value_info("labels", TensorProto.INT64, (1, SIDE, SIDE))],
    )
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    (found,) = outputs_db(model, [{"x": clear}] * 2, [[clear.argmax(1)]] * 2)
    assert found == pytest.approx(10 * np.log10(2 * SIDE**2 / 3))
