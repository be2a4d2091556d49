"""ONNX's own operator tests, through the whole way to a .tflite file in LiteRT's interpreter.

Every case of ONNX's node suite whose ops are in the table runs, at the case's own tolerances, but
for those in `EXCLUDED` and those with types that TFLite's kernels do not compute with.
"""

from __future__ import annotations

import onnx
import pytest
from onnx.backend.test.case.test_case import TestCase
from onnx_cases import Arrays, Outcomes, Prepared, cases_of, prepared

from edgebench.converters.tflite import inspect
from edgebench.converters.tflite.convert import convert
from edgebench.converters.tflite.lower import from_target, lower, to_target
from edgebench.converters.tflite.ops.all_ops import OPS
from edgebench.errors import UnsupportedModelError

EXCLUDED = {
    # Refused, with a reason that names the node.
    r"_3d(_|$)": "3-D windows",
    r"training": "training mode",
    r"maxpool_with_argmax": "the indices of a maximum",
    r"resize_.*(cubic|antialias|crop)": "not exactly expressible",
    r"mod_int64_fmod": "no truncating remainder of integers",
    r"pow_types_int64": "no int64 power",
    r"reduce_(max|min)_(bool|empty_set_bool)": "no maximum of booleans",
    r"identity_(sequence|opt)": "not tensors",
    # Other reasons.
    r"zero_size|empty_set_non_reduced|allowzero_reordered|start_greater|slice_start_out": (
        "LiteRT takes no tensor without elements"
    ),
    r"resize_downsample_scales_linear_align_corners": (
        "ONNX's reference divides by the unrounded output size; ONNX Runtime, torch and this "
        "lowering by the output size, so that the corners are aligned"
    ),
    r"mish_expanded": "its softplus is exact to float32's epsilon, not to the case's 1e-7",
}


CASES = cases_of(OPS, EXCLUDED)


def buildable(case: TestCase) -> Prepared:
    """The case; operands that must be known when a file is built become constants."""
    try:
        lower(case.model)
    except UnsupportedModelError:
        return prepared(case, {info.name for info in list(case.model.graph.input)[1:]})
    return prepared(case, ())


def run(model: onnx.ModelProto, feeds: Arrays) -> Arrays:
    lowering = lower(model)
    runner = inspect.interpreter(convert(model, "fp32")).get_signature_runner()
    found = runner(**{p.key: to_target(feeds[p.name], p) for p in lowering.inputs})
    return {p.name: from_target(found[p.key], p) for p in lowering.outputs}


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return Outcomes(map(buildable, CASES), run)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_file_computes_what_onnx_says(case: TestCase, outcomes: Outcomes) -> None:
    outcomes.check(case)


def test_most_of_the_suite_is_covered() -> None:
    """A slip in the selection above must not pass for success."""
    ops = {node.op_type for case in CASES for node in case.model.graph.node}
    print(f"{len(CASES)} cases of {len(ops)} ops")
    assert len(CASES) > 550
    assert len(ops) > 80
