"""ONNX's own operator tests, through the whole way to a .tflite file in LiteRT's interpreter.

Every case of ONNX's node suite whose ops are in the table runs, at the case's own tolerances, but
for those in `EXCLUDED` and those with types that TFLite's kernels do not compute with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx_cases import ops_of, single_ops

from edgebench.converters.tflite import inspect
from edgebench.converters.tflite.convert import convert
from edgebench.converters.tflite.lower import from_target, lower, to_target
from edgebench.converters.tflite.ops.all_ops import OPS
from edgebench.errors import UnsupportedModelError

TYPES = (np.float32, np.int64, np.int32, np.bool_)

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


def cases() -> Iterator[TestCase]:
    for case in single_ops():
        ops = ops_of(case)
        if ops and ops <= set(OPS) and not any(re.search(p, case.name) for p in EXCLUDED):
            arrays = [np.asarray(a) for part in case.data_sets[0] for a in part]
            if all(a.dtype in TYPES for a in arrays):
                yield case


CASES = list(cases())


def buildable(case: TestCase) -> onnx.ModelProto:
    """The case's model; operands that must be known when a file is built become constants.

    ONNX's suite feeds everything as inputs, shapes and axes too.
    """
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    try:
        lower(model)
    except UnsupportedModelError:
        feeds = zip(model.graph.input, case.data_sets[0][0], strict=True)
        for info, array in list(feeds)[1:]:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), info.name))
    return model


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_file_computes_what_onnx_says(case: TestCase) -> None:
    model = buildable(case)
    lowering = lower(model)
    feeds = dict(zip((i.name for i in model.graph.input), case.data_sets[0][0], strict=True))
    runner = inspect.interpreter(convert(model, "fp32")).get_signature_runner()
    found = runner(**{p.key: to_target(np.asarray(feeds[p.name]), p) for p in lowering.inputs})
    for port, want in zip(lowering.outputs, case.data_sets[0][1], strict=True):
        got = from_target(found[port.key], port)
        assert (got.shape, got.dtype) == (np.shape(want), np.asarray(want).dtype)
        np.testing.assert_allclose(got, want, rtol=case.rtol, atol=max(case.atol, 1e-7))


def test_most_of_the_suite_is_covered() -> None:
    """A slip in the selection above must not pass for success."""
    ops = {node.op_type for case in CASES for node in case.model.graph.node}
    print(f"{len(CASES)} cases of {len(ops)} ops")
    assert len(CASES) > 550
    assert len(ops) > 80
