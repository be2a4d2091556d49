"""ONNX's own operator tests in fp16 and int8: one case of each operator on floats."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx_cases import ops_of
from test_openvino_operators import CASES, buildable

from edgebench.converters.backend import Instructions
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.opset import OPSETS
from edgebench.converters.onnxruntime import target
from edgebench.errors import UnsupportedModelError
from edgebench.progress import silent

# Share of the largest output. Half precision has 11 bits; eight bits leave 0.2 % of the range of
# the input, which a steep function or one with several inputs makes more of.
TOLERANCES = {"fp16": 0.01, "int8": 0.1}
MEAN_AND_DEVIATION = "layer_normalization"  # Its further outputs stay float32 in ONNX's own rules.


def cases() -> Iterator[TestCase]:
    seen: set[str] = set()
    for case in CASES:
        (op,) = ops_of(case) if len(ops_of(case)) == 1 else ("",)
        arrays = [np.asarray(array) for array in case.data_sets[0][0]]
        known = case.model.opset_import[0].version in OPSETS and case.model.ir_version <= 12
        if op and op not in seen and known and arrays and arrays[0].dtype == np.float32:
            seen.add(op)
            yield case


ONE_OF_EACH = list(cases())


@pytest.mark.parametrize("precision", TOLERANCES)
@pytest.mark.parametrize("case", ONE_OF_EACH, ids=lambda case: case.name)
def test_an_operator_keeps_its_meaning(case: TestCase, precision: str) -> None:
    graph = OnnxGraph(buildable(case).model, case.name, "file", "")
    names = [info.name for info in case.model.graph.input]
    arrays = dict(zip(names, map(np.asarray, case.data_sets[0][0]), strict=True))
    sample = {port.name: arrays[port.name] for port in graph.inputs}

    def run() -> list[np.ndarray]:
        made = target.convert(graph, [precision], [sample], Instructions(), silent)
        return target.open_converted(graph, made[precision]).run(sample)

    if precision == "fp16" and MEAN_AND_DEVIATION in case.name:
        with pytest.raises(UnsupportedModelError, match="float16"):
            run()
        return
    for got, wanted in zip(run(), case.data_sets[0][1], strict=True):
        want = np.asarray(wanted)
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        if want.dtype.kind == "f":
            bound = TOLERANCES[precision] * np.abs(want).max(initial=1e-6)
            np.testing.assert_allclose(got, want, rtol=0, atol=bound)


def test_most_operators_are_covered() -> None:
    """A slip in the selection above must not pass for success."""
    print(len(ONE_OF_EACH), "operators")
    assert len(ONE_OF_EACH) > 60


@pytest.mark.parametrize("bias", [(1, 6), (6,), (1,), (), (2, 6), (2, 1), None])
def test_a_gemm_may_have_any_bias_that_onnx_broadcasts(bias: tuple[int, ...] | None) -> None:
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(0, 1, (5, 6)).astype(np.float32)}
    if bias is not None:
        weights["c"] = rng.normal(0, 2, bias).astype(np.float32)
    made = helper.make_graph(
        [helper.make_node("Gemm", ["x", *weights], ["y"])],
        "gemm",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (2, 5))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (2, 6))],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    graph = OnnxGraph(
        helper.make_model(made, opset_imports=opset, ir_version=8), "gemm", "file", ""
    )
    samples = [{"x": rng.normal(0, 1, (2, 5)).astype(np.float32)} for _ in range(4)]
    files = target.convert(graph, ["int8"], samples, Instructions(), silent)
    opened = target.open_converted(graph, files["int8"])
    for sample in samples:
        wanted = sample["x"] @ weights["w"] + weights.get("c", 0)
        np.testing.assert_allclose(opened.run(sample)[0], wanted, atol=0.1)
