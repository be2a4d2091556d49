"""ONNX's own operator tests, through OpenVINO: what it takes, and that the rest is found out.

Of every case that the TFLite lowering takes, but for those that spell an operator out in others.
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

from edgebench.converters.backend import Instructions
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array
from edgebench.converters.openvino import target
from edgebench.converters.tflite.ops.all_ops import OPS
from edgebench.errors import UnsupportedModelError
from edgebench.progress import silent

TYPES = (np.float32, np.int64, np.int32, np.bool_)

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


def cases() -> Iterator[TestCase]:
    for case in single_ops():
        ops = ops_of(case)
        if ops and ops <= set(OPS) and not any(re.search(p, case.name) for p in EXCLUDED):
            arrays = [np.asarray(a) for part in case.data_sets[0] for a in part]
            if all(a.dtype in TYPES for a in arrays):
                yield case


CASES = list(cases())


def graph_of(case: TestCase) -> OnnxGraph:
    """The case's model, with constants where networks have them: shapes, axes, pads, scales."""
    parameters = bool(ops_of(case) & {"Pad", "Resize", "Upsample"})
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for info, given in list(zip(model.graph.input, case.data_sets[0][0], strict=True))[1:]:
        array = np.asarray(given)
        if array.dtype.kind == "i" or parameters:
            model.graph.initializer.append(numpy_helper.from_array(array, info.name))
    return OnnxGraph(model, case.name, "file", "")


def run(case: TestCase) -> list[Array]:
    graph = graph_of(case)
    content = target.convert(graph, ["fp32"], [], Instructions(), silent)["fp32"]
    feeds = zip((i.name for i in case.model.graph.input), case.data_sets[0][0], strict=True)
    sample = {name: np.asarray(array) for name, array in feeds}
    return target.open_converted(graph, content).run(sample)


def check(case: TestCase) -> None:
    for got, want in zip(run(case), case.data_sets[0][1], strict=True):
        assert (got.shape, got.dtype) == (np.shape(want), np.asarray(want).dtype)
        np.testing.assert_allclose(got, want, rtol=case.rtol, atol=max(case.atol, 1e-7))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_openvino_computes_what_onnx_says_or_refuses(case: TestCase) -> None:
    if re.search(REFUSED, case.name):
        (op,) = ops_of(case)
        with pytest.raises(UnsupportedModelError, match=rf"does not take node '.*' \({op}\)"):
            run(case)
    elif re.search(WRONG, case.name):
        with pytest.raises(AssertionError):
            check(case)
    else:
        check(case)


def test_most_of_the_suite_is_covered() -> None:
    """A slip in the selection above must not pass for success."""
    ops = {op for case in CASES for op in ops_of(case)}
    print(f"{len(CASES)} cases of {len(ops)} ops")
    assert len(CASES) > 350
    assert len(ops) > 80
