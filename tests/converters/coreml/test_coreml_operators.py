"""ONNX's own operator tests, through the lowering to a saved package and its evaluation.

Every case of ONNX's node suite whose ops are in the table runs, at the case's own tolerances, but
for those in `EXCLUDED` and those with types that Core ML does not compute with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
import pytest
from onnx.backend.test.case.test_case import TestCase
from onnx_cases import Arrays, Outcomes, Prepared, cases_of, prepared

from edgebench.converters.coreml.evaluator.program import load
from edgebench.converters.coreml.lower import lower
from edgebench.converters.coreml.mil import ct
from edgebench.converters.coreml.ops.all_ops import OPS
from edgebench.converters.coreml.package import on_disk, packed
from edgebench.converters.quiet import quiet

EXCLUDED = {
    # Refused, with a reason that names the node.
    r"training": "training mode",
    r"maxpool_with_argmax": "the indices of a maximum",
    r"resize_.*(cubic|antialias|crop)": "not exactly expressible",
    r"reduce_(max|min)_(bool|empty_set)": "no maximum of booleans, nor of nothing",
    r"identity_(sequence|opt)": "not tensors",
    r"allowzero_reordered|zero_size|empty_set|slice_start_out": "no tensor without elements",
    r"unsqueeze_(three|unsorted)_axes$": "a shape of rank 6",
    r"nllloss_NCd1d2d3d4d5": "a shape of rank 7",
    # Other reasons.
    r"resize_downsample_scales_linear_align_corners": (
        "ONNX's reference divides by the unrounded output size; ONNX Runtime, torch and this "
        "lowering by the output size, so that the corners are aligned"
    ),
}

# Operands that must be known when a program is built, by op; ONNX's suite feeds them as inputs.
KNOWN: Mapping[str, Sequence[int]] = {
    "Clip": (1, 2),
    "ConvTranspose": (1,),
    "CumSum": (1,),
    "Dropout": (1, 2),
    "Expand": (1,),
    "Pad": (1, 2, 3),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
    **dict.fromkeys((op for op in OPS if op.startswith("Reduce")), (1,)),
}


CASES = cases_of(OPS, EXCLUDED)


def buildable(case: TestCase) -> Prepared:
    """The case, with operands that must be known when a program is built as constants."""
    known = {
        node.input[i]
        for node in case.model.graph.node
        for i in KNOWN.get(node.op_type, ())
        if i < len(node.input)
    }
    if "expanded" in case.name:  # what an operand of the function becomes is not seen from here
        known |= {info.name for info in list(case.model.graph.input)[1:]}
    return prepared(case, known)


def run(model: onnx.ModelProto, feeds: Arrays) -> Arrays:
    lowering = lower(model, 16)
    with quiet():
        converted = ct.convert(
            lowering.program,
            source="milinternal",
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS16,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )
    with on_disk(packed(converted, {})) as path:
        program = load(path)
    made = program.run({p.key: feeds[p.name].reshape(p.shape or (1,)) for p in lowering.inputs})
    return {p.name: made[p.key].reshape(p.shape) for p in lowering.outputs}


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return Outcomes(map(buildable, CASES), run)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_package_computes_what_onnx_says(case: TestCase, outcomes: Outcomes) -> None:
    outcomes.check(case, dtypes=False)  # Core ML has int32 where ONNX has int64.


def test_most_of_the_suite_is_covered() -> None:
    """A slip in the selection above must not pass for success."""
    ops = {node.op_type for case in CASES for node in case.model.graph.node}
    print(f"{len(CASES)} cases of {len(ops)} ops")
    assert len(CASES) > 450
    assert len(ops) > 70
