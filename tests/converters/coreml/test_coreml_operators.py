"""ONNX's own operator tests, through the lowering to a saved package and its evaluation.

Every case of ONNX's node suite whose ops are in the table runs, at the case's own tolerances, but
for those in `EXCLUDED` and those with types that Core ML does not compute with. A conversion costs
far more than an operator, so that the cases of one opset share one program.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import compose, helper, numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx_cases import ops_of, single_ops

from edgebench.converters.coreml.evaluator.program import load
from edgebench.converters.coreml.lower import lower
from edgebench.converters.coreml.mil import ct
from edgebench.converters.coreml.ops.all_ops import OPS
from edgebench.converters.coreml.package import on_disk, packed
from edgebench.converters.quiet import quiet

TYPES = (np.float32, np.int64, np.int32, np.bool_)

EXCLUDED = {
    # Refused, with a reason that names the node.
    r"training": "training mode",
    r"maxpool_with_argmax": "the indices of a maximum",
    r"resize_.*(cubic|antialias|crop)": "not exactly expressible",
    r"reduce_(max|min)_(bool|empty_set)": "no maximum of booleans, nor of nothing",
    r"identity_(sequence|opt)": "not tensors",
    r"(depthtospace|spacetodepth).*expanded": "a shape of rank 6",
    r"allowzero_reordered|zero_size|empty_set|slice_start_out": "no tensor without elements",
    r"unsqueeze_(three|unsorted)_axes$": "a shape of rank 6",
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
    "Dropout": (1, 2),
    "Expand": (1,),
    "Pad": (1, 2, 3),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
    **dict.fromkeys((op for op in OPS if op.startswith("Reduce")), (1,)),
}


def cases() -> Iterator[TestCase]:
    for case in single_ops():
        ops = ops_of(case)
        if ops and ops <= set(OPS) and not any(re.search(p, case.name) for p in EXCLUDED):
            arrays = [np.asarray(a) for part in case.data_sets[0] for a in part]
            if all(a.dtype in TYPES for a in arrays):
                yield case


CASES = list(cases())


def _opset(case: TestCase) -> int:
    return next(o.version for o in case.model.opset_import if o.domain in ("", "ai.onnx"))


def _prepared(case: TestCase) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """The case's model under names of its own, known operands as constants, and what to feed."""
    model = compose.add_prefix(case.model, f"{case.name}/")
    known = {
        node.input[i]
        for node in model.graph.node
        for i in KNOWN.get(node.op_type, ())
        if i < len(node.input)
    }
    if "expanded" in case.name:  # what an operand of the function becomes is not seen from here
        known |= {info.name for info in list(model.graph.input)[1:]}
    feeds = {}
    for info, given in zip(model.graph.input, case.data_sets[0][0], strict=True):
        if info.name in known:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(given), info.name))
        else:
            feeds[info.name] = np.asarray(given)
    return model, feeds


@pytest.fixture(scope="module")
def results() -> dict[str, list[np.ndarray]]:
    """The outputs of every case, by its name."""
    groups: dict[int, list[TestCase]] = defaultdict(list)
    for case in CASES:
        groups[_opset(case)].append(case)
    found: dict[str, list[np.ndarray]] = {}
    for opset, group in groups.items():
        found |= _run(opset, group)
    return found


def _run(opset: int, group: Sequence[TestCase]) -> dict[str, list[np.ndarray]]:
    graph, feeds = onnx.GraphProto(name="cases"), dict[str, Any]()
    for case in group:
        model, fed = _prepared(case)
        graph.MergeFrom(model.graph)
        feeds |= fed
    merged = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    lowering = lower(merged, 16)
    with quiet():
        model = ct.convert(
            lowering.program,
            source="milinternal",
            convert_to="mlprogram",
            minimum_deployment_target=ct.target.iOS16,
            compute_precision=ct.precision.FLOAT32,
            skip_model_load=True,
        )
    with on_disk(packed(model, {})) as path:
        program = load(path)
    made = program.run({p.key: feeds[p.name].reshape(p.shape or (1,)) for p in lowering.inputs})
    by_name = {p.name: made[p.key].reshape(p.shape) for p in lowering.outputs}
    return {
        case.name: [by_name[f"{case.name}/{info.name}"] for info in case.model.graph.output]
        for case in group
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_package_computes_what_onnx_says(
    case: TestCase, results: dict[str, list[np.ndarray]]
) -> None:
    for got, want in zip(results[case.name], case.data_sets[0][1], strict=True):
        assert got.shape == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=case.rtol, atol=max(case.atol, 1e-7))


def test_most_of_the_suite_is_covered() -> None:
    """A slip in the selection above must not pass for success."""
    ops = {node.op_type for case in CASES for node in case.model.graph.node}
    print(f"{len(CASES)} cases of {len(ops)} ops")
    assert len(CASES) > 450
    assert len(ops) > 70
