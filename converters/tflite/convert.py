"""ONNX to TFLite files, one for each precision asked for.

The graph is lowered as it is, once for all of them; `edgebench.converters.passes` brings it into
the form that LiteRT runs as one piece.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import onnx

from edgebench.converters import ranges
from edgebench.converters.mapped import Mapped
from edgebench.converters.precision import RangeMethod
from edgebench.converters.ranges import Range
from edgebench.converters.tflite import signature
from edgebench.converters.tflite.lower import Lowering, lower, to_target
from edgebench.converters.tflite.ops.activation import gelu_apart
from edgebench.converters.tflite.precisions import LoweredModel, Precision, precision_of
from edgebench.converters.tflite.tensorflow import hushed
from edgebench.converters.tflite.value import Array
from edgebench.errors import DataError, EdgeBenchError, UnsupportedModelError
from edgebench.progress import Progress, silent

Sample = Mapping[str, Array]


# What the converter says where it does not know a GELU by its parts: something else uses them too.
_GELU_IN_PARTS = "tf.Erf"


def convert(
    model: onnx.ModelProto, precision: str, calibration: Sequence[Sample] | None = None
) -> bytes:
    """One TFLite file. Raises what `convert_all` raises."""
    return convert_all(model, [precision], calibration)[precision]


def convert_all(
    model: onnx.ModelProto,
    precisions: Iterable[str],
    calibration: Sequence[Sample] | None = None,
    progress: Progress = silent,
    float_nodes: Collection[str] = (),
    own: Mapping[str, Range] = MappingProxyType({}),
) -> dict[str, bytes]:
    """A TFLite file for each precision, by its name, which `ranges.named` may have made.

    `calibration` holds, for each batch, arrays by ONNX input name and in ONNX's order of axes. The
    nodes of `float_nodes` stay in float32 where the rest is int8, and `own` are the model's ranges.
    Raises `UnknownNameError`, `DataError` where a precision needs calibration data that is not
    there or does not fit, and `UnsupportedModelError`.
    """
    names = list(precisions)
    wanted = {name: precision_of(ranges.parted(name)[0]) for name in names}
    for precision in wanted.values():
        if precision.needs_calibration and not calibration:
            raise DataError(
                f"{precision.name} needs calibration data, and there is none",
                "give some with --calibration",
            )
    lowering = lower(model)
    samples = _arranged(lowering, calibration)
    source = LoweredModel(lowering, samples, float_nodes, own)
    files = {}
    for done, (name, precision) in enumerate(wanted.items()):
        progress(f"convert to {name}", done, len(wanted))
        method = ranges.parted(name)[1]
        try:
            files[name] = _file(source, precision, method)
        except _GeluInPartsError:
            source = LoweredModel(lower(model, {"Gelu": gelu_apart}), samples, float_nodes, own)
            files[name] = _file(source, precision, method)
    progress("convert", len(wanted), len(wanted))
    return files


class _GeluInPartsError(UnsupportedModelError):
    """TensorFlow's converter has not put the parts of a GELU together again."""


def _file(source: LoweredModel, precision: Precision, method: RangeMethod) -> bytes:
    with hushed() as messages:
        try:
            made = precision.make(source, method)
        except EdgeBenchError:
            raise
        except Exception as error:  # MLIR's failures have no common class
            said = f"{error}\n{messages()}"
            kind = _GeluInPartsError if _GELU_IN_PARTS in said else UnsupportedModelError
            raise kind(
                f"the TFLite converter refuses the model in {precision.name}: {_gist(said)}",
                "export it in another precision, or replace what it names",
            ) from error
    lowering = source.lowering
    return signature.signed(
        made, [port.key for port in lowering.inputs], [port.key for port in lowering.outputs]
    )


def _arranged(
    lowering: Lowering, calibration: Sequence[Sample] | None
) -> Mapped[Sample, list[Array]]:
    """The samples as the file takes them. Raises `DataError` for those that do not fit."""
    for sample in calibration or ():
        for port in lowering.inputs:
            if port.name not in sample:
                given = ", ".join(sorted(sample)) or "nothing"
                raise DataError(
                    f"the calibration data holds {given}, but not the input '{port.name}'",
                    "give an array for each of the model's inputs",
                )
            shape = np.shape(sample[port.name])
            if shape != port.onnx_shape:
                raise DataError(
                    f"calibration data of shape {shape} does not fit the input "
                    f"'{port.name}' of shape {port.onnx_shape}",
                    "give samples of the input's shape",
                )

    def arranged(sample: Sample) -> list[Array]:
        return [
            to_target(np.asarray(sample[port.name]).astype(port.dtype), port)
            for port in lowering.inputs
        ]

    return Mapped(calibration or (), arranged)


def _gist(text: str) -> str:
    """What the converter says in its own words, without places in its code and repetitions."""
    lacking = dict.fromkeys(
        re.findall(r"'tf\.(\w+)' op is neither a custom op nor a flex op", text)
    )
    if lacking:
        return (
            f"TFLite has no operator for TensorFlow's {', '.join(lacking)} of these shapes or types"
        )
    lines = [re.sub(r"^\S+:\d+:\d+: ", "", line.strip()) for line in text.splitlines()]
    telling = [line for line in lines if re.search(r"error:|supported", line)]
    kept = telling or [line for line in lines if line]
    return "; ".join(dict.fromkeys(line[:300] for line in kept[:3]))
