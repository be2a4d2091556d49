"""ONNX's own operator tests, through OpenVINO: what it takes, and that the rest is found out.

Of every case that the TFLite lowering takes, but for those that spell an operator out in others.
"""

from __future__ import annotations

import re

import numpy as np
import onnx
import pytest
from onnx.backend.test.case.test_case import TestCase
from onnx_cases import Arrays, Outcomes, Prepared, cases_of, ops_of, prepared

from edgebench.converters.backend import Instructions
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.openvino import target
from edgebench.converters.tflite.ops.all_ops import OPS
from edgebench.errors import UnsupportedModelError
from edgebench.progress import silent

EXCLUDED = {
    r"expanded": "the operator itself is tried",
    r"dropout_.*ratio": "an input that nothing reads beside an output that is an input",
    r"training|identity_(sequence|opt)|maxpool_with_argmax": "not what a device runs",
    r"zero_size|empty_set|allowzero|start_greater|slice_start_out": "tensors without elements",
    r"pow_types_int64": "OpenVINO computes in int32",
    r"resize_downsample_scales_linear_align_corners": (
        "ONNX's reference divides by the unrounded output size; OpenVINO and ONNX Runtime do not"
    ),
    r"resize_.*(cubic|antialias|crop)": "not exactly expressible",
}
REFUSED = r"mod_float.*fmod_0|wrap_pad|resize_.*half_pixel_symmetric"
# OpenVINO takes these and computes something else: the proof of every export is there for that.
WRONG = r"maxpool_2d_ceil_output_size_reduce_by_one|nearest_not_|spacetodepth_crd"


CASES = cases_of(OPS, EXCLUDED)
REFUSALS = [case for case in CASES if re.search(REFUSED, case.name)]
TAKEN = [case for case in CASES if case not in REFUSALS]


def buildable(case: TestCase) -> Prepared:
    """The case, with constants where networks have them: shapes, axes, pads, scales."""
    parameters = bool(ops_of(case) & {"Pad", "Resize", "Upsample"})
    operands = list(zip(case.model.graph.input, case.data_sets[0][0], strict=True))[1:]
    known = [info.name for info, a in operands if parameters or np.asarray(a).dtype.kind == "i"]
    return prepared(case, known)


def run(model: onnx.ModelProto, feeds: Arrays) -> Arrays:
    graph = OnnxGraph(model, "cases", "file", "")
    content = target.convert(graph, ["fp32"], [], Instructions(), silent)["fp32"]
    found = target.open_converted(graph, content).run(feeds)
    return dict(zip((info.name for info in model.graph.output), found, strict=True))


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return Outcomes(map(buildable, TAKEN), run)


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
def test_openvino_computes_what_onnx_says(case: TestCase, outcomes: Outcomes) -> None:
    if re.search(WRONG, case.name):
        with pytest.raises(AssertionError):
            outcomes.check(case)
    else:
        outcomes.check(case)


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name)
def test_what_openvino_does_not_take_is_refused_with_its_node(case: TestCase) -> None:
    (op,) = ops_of(case)
    refused = Outcomes([buildable(case)], run)
    with pytest.raises(UnsupportedModelError, match=rf"does not take node '.*' \({op}\)"):
        refused.outputs(case)


def test_most_of_the_suite_is_covered() -> None:
    """A slip in the selection above must not pass for success."""
    ops = {op for case in CASES for op in ops_of(case)}
    print(f"{len(CASES)} cases of {len(ops)} ops")
    assert len(CASES) > 350
    assert len(ops) > 80
