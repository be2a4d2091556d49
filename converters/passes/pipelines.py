"""Which passes run for each target, in which sequence, and why.

Every row was measured, by `make bench-forms`, but for divisions_in_float, of which the partitions
were counted, and boxes_in_float, which saves the answers and not time; `docs/forms.md` holds the
gains, and what was tried and left out. A target without a row gets the graph as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import onnx
from onnx import shape_inference

from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.passes.boxes_in_float import boxes_in_float
from edgebench.converters.passes.divisions_in_float import divisions_in_float
from edgebench.converters.passes.filter_strips import filter_strips
from edgebench.converters.passes.fold_gelu import fold_gelu
from edgebench.converters.passes.fold_hard_swish import fold_hard_swish
from edgebench.converters.passes.gates_in_float import gates_in_float
from edgebench.converters.passes.graph import without_dead_nodes, without_twins
from edgebench.converters.passes.join_hard_swish import join_hard_swish
from edgebench.converters.passes.pad_squeezes import pad_squeezes
from edgebench.converters.passes.part_strips import part_strips
from edgebench.converters.passes.pool_means import pool_means
from edgebench.converters.passes.sink_transposes import sink_transposes
from edgebench.converters.passes.spread_hard_swish import spread_hard_swish
from edgebench.converters.passes.squeeze_first import squeeze_first
from edgebench.converters.passes.widen_gates import widen_gates
from edgebench.converters.targets import Target

Pass = Callable[[onnx.ModelProto], onnx.ModelProto]
"""May write into the model it is given, and returns the one to go on with."""

KeepFloat = Callable[[onnx.ModelProto], frozenset[str]]
"""The names of the nodes at which quantisation stops."""


@dataclass(frozen=True)
class Pipeline:
    """Passes in the sequence they run in, and then which nodes stay in float."""

    passes: tuple[Pass, ...] = ()
    keep_float: tuple[KeepFloat, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.__name__ for each in (*self.passes, *self.keep_float))

    def without(self, names: Collection[str]) -> Pipeline:
        """This pipeline without some of its passes; names that it has not are passed over."""
        return Pipeline(
            tuple(each for each in self.passes if each.__name__ not in names),
            tuple(each for each in self.keep_float if each.__name__ not in names),
        )


PLAIN = Pipeline()

_TFLITE_FLOAT = Pipeline(
    (
        # Exporters before opset 20 write GELU as five ops around an Erf, which TFLite lacks.
        fold_gelu,
    )
)
_TFLITE_QUANTISED = Pipeline(
    (
        *_TFLITE_FLOAT.passes,
        # What the last of these looks for; exporters before opset 14 wrote it as two ops or four.
        join_hard_swish,
        fold_hard_swish,
        # XNNPACK takes no int8 HARD_SWISH: each one would cut the delegate's partition in two.
        spread_hard_swish,
    )
)
_TFLITE_INT8 = Pipeline(
    (
        *_TFLITE_FLOAT.passes,
        # Leaves two means that one convolution each reads, which the next pass but one needs.
        part_strips,
        sink_transposes,
        # XNNPACK's int8 mean costs 2 ns an output, its int8 convolutions next to nothing.
        squeeze_first,
        *_TFLITE_QUANTISED.passes[1:],
    ),
    (
        # XNNPACK has no int8 kernel for them, so each would cut its partition in two.
        divisions_in_float,
        # In int8 scores would get the scale of pixels, and no box would be left.
        boxes_in_float,
    ),
)
_OPENVINO_FLOAT = Pipeline(
    (
        # Pools run in the convolutions' layout, a reduction over one axis does not.
        pool_means,
        # Without Concat and Split the strips are never copied, and sigmoids fuse into
        # convolutions; needed for the next.
        part_strips,
        # Two nodes fewer a block, and the layout holds to the end of the strip.
        sink_transposes,
    )
)
_OPENVINO_INT8 = replace(
    _OPENVINO_FLOAT,
    keep_float=(
        # Each step of the gate would be quantised by itself; in float the products are one kernel
        # that goes from the depthwise convolution's float to the projection's int8.
        gates_in_float,
        boxes_in_float,
    ),
)
_ONNX_FP32 = Pipeline(
    (
        # As for OpenVINO: what follows keeps the maps in blocks of channels from end to end.
        pool_means,
        part_strips,
        sink_transposes,
        # A product by broadcast leaves the blocked layout, one of equal shapes does not.
        widen_gates,
        # Neither does a convolution whose channels fill whole vectors.
        pad_squeezes,
    )
)
_ONNX_INT8 = Pipeline(
    (
        # There is an int8 depthwise convolution, and no int8 ReduceMean.
        filter_strips,
        # What is left are the means over both axes, whose pool is fast in int8.
        pool_means,
    ),
    (boxes_in_float,),
)

PIPELINES: dict[str, Pipeline] = {
    # The lowering to MIL fuses hard-swish by itself, and nothing can be timed without a Mac.
    "coreml": PLAIN,
    "onnx:fp32": _ONNX_FP32,
    # For GPUs and NPUs: what is fast there was not measured.
    "onnx:fp16": PLAIN,
    "onnx:int8": _ONNX_INT8,
    "onnx:int8r": _ONNX_INT8,
    "openvino:fp32": _OPENVINO_FLOAT,
    # The CPU plugin computes it in float32.
    "openvino:fp16": _OPENVINO_FLOAT,
    "openvino:int8": _OPENVINO_INT8,
    "openvino:int8r": _OPENVINO_INT8,
    "tflite:fp32": _TFLITE_FLOAT,
    "tflite:fp16": _TFLITE_FLOAT,
    "tflite:dynamic": _TFLITE_FLOAT,
    "tflite:int8": _TFLITE_INT8,
    "tflite:int8f": _TFLITE_INT8,
    # Runs in reference kernels, where a convolution is not cheap.
    "tflite:int16x8": _TFLITE_QUANTISED,
}


def pipeline_of(target: Target) -> Pipeline:
    """The row of a target, or of its format."""
    return PIPELINES.get(f"{target.format}:{target.base}") or PIPELINES.get(target.format, PLAIN)


@dataclass(frozen=True)
class Formed:
    """A graph in a target's form; `passes` names those that changed something."""

    graph: OnnxGraph
    passes: tuple[str, ...]


def formed(graph: OnnxGraph, pipeline: Pipeline) -> Formed:
    """Run a pipeline on a copy of the graph. One without a match is returned as it is."""
    model, changed = graph.model, []
    for each in pipeline.passes:
        given = _copy(model)
        result = each(given)
        if result.graph != model.graph:
            clean = without_dead_nodes(without_twins(result))
            model = shape_inference.infer_shapes(clean, data_prop=True)
            changed.append(each.__name__)
    names = frozenset[str]()
    for keep_float in pipeline.keep_float:
        if found := keep_float(model):
            names |= found
            changed.append(keep_float.__name__)
    if not changed:
        return Formed(graph, ())
    return Formed(
        replace(graph, model=model, float_nodes=graph.float_nodes | names), tuple(changed)
    )


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy
