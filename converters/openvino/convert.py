"""An ONNX graph as an OpenVINO model, in float and quantised by NNCF.

NNCF's settings are for the CPUs of phones and boards. The ranges of the activations are the
extremes over the calibration data: by default NNCF averages each image's extremes, which cuts off
what is rare (scenes_v2 17.2 dB against 24.4, scenes_v2_ca 13.9 against 24.4, on 256 held-out
scenes). In int8 all weights keep their eight bits: against the overflow of x86 CPUs without VNNI,
which Arm's do not have, NNCF would take one away from the first layer (26.7 and 24.9 dB without).
In int8r all weights have seven bits, so that no layer can overflow: limited to AVX2 scenes_v2 has
23.4 dB then, 16.4 dB with seven bits in the first layer alone, and 12.4 dB in int8.
The preset is PERFORMANCE; with extremes, MIXED was within 0.1 dB of it (scenes_v2_se, scenes_v2_ca,
an ImageNet classifier of depthwise convolutions).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from edgebench.converters.hidden import hidden
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Sample
from edgebench.converters.openvino.execution import came_from
from edgebench.converters.openvino.session import input_names, last_line, openvino
from edgebench.converters.precision import DEFAULT, OWN, RangeMethod
from edgebench.converters.quiet import quiet
from edgebench.converters.ranges import Range
from edgebench.errors import UnsupportedModelError

# How OpenVINO lists what it could not convert: `MaxUnpool-18`, or with a domain before the name.
_REFUSED = re.compile(r"(?:No conversion rule found|Conversion is failed).*?:(.*)")
_OP = re.compile(r"([\w.]+)-\d+")


def to_model(graph: OnnxGraph) -> openvino.Model:
    """The graph in OpenVINO's ops. Raises `UnsupportedModelError`, which names node and op."""
    try:
        with quiet(), tempfile.TemporaryDirectory(prefix="edgebench-openvino-") as folder:
            # A file instead of bytes: OpenVINO asks whether bytes are a TensorFlow model, and that
            # question fails on Python 3.13 once TensorFlow is imported.
            path = Path(folder) / "model.onnx"
            path.write_bytes(graph.model.SerializeToString())
            model = openvino.convert_model(path)
    except Exception as error:  # OpenVINO's errors share no narrower base.
        raise UnsupportedModelError(
            f"OpenVINO cannot convert the model: {_what_failed(graph.model, str(error))}",
            "replace the operation in the model, or export it to another format",
        ) from error
    for port in model.outputs:
        if port.partial_shape.is_dynamic:
            raise UnsupportedModelError(
                f"OpenVINO cannot tell the shape of the output '{port.any_name}'",
                "export the model to another format",
            )
    return model


def _what_failed(model: onnx.ModelProto, report: str) -> str:
    """The first node of every op type that the report lists; its first line where it lists none."""
    listed = {name.rpartition(".")[2] for line in _REFUSED.findall(report) for name in _ops(line)}
    found = {node.op_type: node for node in reversed(model.graph.node) if node.op_type in listed}
    if not found:
        return (report.strip().splitlines() or ["it gives no reason"])[0]
    nodes = (f"node '{node.name or node.output[0]}' ({op})" for op, node in sorted(found.items()))
    return "it does not take " + ", ".join(nodes)


def _ops(line: str) -> list[str]:
    return _OP.findall(line)


def quantise(
    graph: OnnxGraph,
    calibration: Sequence[Sample],
    reduce_range: bool = False,
    method: RangeMethod = DEFAULT,
) -> openvino.Model:
    """The graph quantised by NNCF, but for its `float_nodes`, with ranges chosen by a method.

    Raises `UnsupportedModelError`.
    """
    model = to_model(graph)
    with quiet(), hidden("torch"):  # NNCF's other framework.
        import nncf
        from nncf.quantization.range_estimator import RangeEstimatorParametersSet
    estimators = {
        "extremes": RangeEstimatorParametersSet.MINMAX,
        "average": None,  # NNCF's default; asked for by name it would hold for all values alike.
        "percentile": RangeEstimatorParametersSet.MEAN_QUANTILE,
        "error": RangeEstimatorParametersSet.HISTOGRAM,
        OWN: RangeEstimatorParametersSet.MINMAX,
    }
    ops = [op.get_friendly_name() for op in model.get_ops() if op.get_type_name() != "Constant"]
    kept = [name for name in ops if came_from(name, graph.float_nodes)]
    names = input_names(model, [port.name for port in graph.inputs])
    settings = nncf.AdvancedQuantizationParameters(
        overflow_fix=nncf.OverflowFix.ENABLE if reduce_range else nncf.OverflowFix.DISABLE,
        activations_range_estimator_params=estimators[method],
        # A bias is moved by what NNCF's own ranges would do.
        disable_bias_correction=method == OWN,
    )
    try:
        with quiet():
            quantised: openvino.Model = nncf.quantize(
                model,
                nncf.Dataset([{name: sample[name] for name in names} for sample in calibration]),
                preset=nncf.QuantizationPreset.PERFORMANCE,
                target_device=nncf.TargetDevice.CPU,
                subset_size=len(calibration),
                ignored_scope=nncf.IgnoredScope(names=kept),
                advanced_parameters=settings,
            )
    except Exception as error:
        raise UnsupportedModelError(
            f"NNCF cannot quantise the model: {last_line(error)}",
            "export it to openvino:fp32 or openvino:fp16, or to another format",
        ) from error
    if method == OWN:
        _give(quantised, graph.ranges)
    return quantised


def _give(model: openvino.Model, ranges: Mapping[str, Range]) -> None:
    """Give values that NNCF quantises these ranges, by ONNX's names."""
    for op in model.get_ordered_ops():
        if op.get_type_name() != "FakeQuantize":
            continue
        source = op.input_value(0)
        span = next((ranges[name] for name in source.names if name in ranges), None)
        if span is None or source.get_node().get_type_name() == "Constant":
            continue
        for place, bound in zip((1, 2, 3, 4), (*span, *span), strict=True):
            shape = op.input_value(place).get_shape()
            number = openvino.opset13.constant(np.full(shape, bound, np.float32))
            op.input(place).replace_source_output(number.output(0))
