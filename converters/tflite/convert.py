"""ONNX to TFLite files, one for each precision asked for.

The graph is lowered as it is, once for all of them; `edgebench.converters.passes` brings it into
the form that LiteRT runs as one piece.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx

from edgebench.converters.tflite import hybrid, inspect, quantise, signature
from edgebench.converters.tflite.lower import Lowering, lower, to_target
from edgebench.converters.tflite.ops.activation import gelu_apart
from edgebench.converters.tflite.tensorflow import hushed, tf
from edgebench.converters.tflite.value import Array
from edgebench.errors import DataError, UnknownNameError, UnsupportedModelError
from edgebench.progress import Progress, silent

Sample = Mapping[str, Array]


@dataclass(frozen=True)
class Precision:
    """How numbers are kept in the file, which `make` gives."""

    name: str
    description: str
    needs_calibration: bool
    make: Callable[[_Source], bytes]


# What the converter says where it does not know a GELU by its parts: something else uses them too.
_GELU_IN_PARTS = "tf.Erf"


class _Source:
    """A lowered model with its calibration data, and what several precisions make of them."""

    def __init__(
        self, lowering: Lowering, samples: list[list[Array]], float_nodes: Collection[str]
    ) -> None:
        self.lowering = lowering
        self.samples = samples
        self.float_nodes = float_nodes

    @cached_property
    def calibrated(self) -> bytes:
        return quantise.calibrated(self.lowering, self.samples)

    def quantised(self, io: str) -> bytes:
        """int8, but for the layers of the nodes that stay in float."""
        return quantise.quantised(self.calibrated, io, self._in_float())

    def _in_float(self) -> list[str]:
        """The tensors of the calibrated file that the nodes to be kept in float make."""
        # All that a node became is in one scope; a fused tensor's name lists its operations.
        scopes = {
            trace.op.partition("/")[0]
            for value, trace in self.lowering.traces.items()
            if {trace.node, value} & {*self.float_nodes}
        }
        if not scopes:
            return []
        opened = inspect.interpreter(self.calibrated, **inspect.without_delegates())
        names = [detail["name"] for detail in opened.get_tensor_details()]
        return [n for n in names if {part.partition("/")[0] for part in n.split(";")} & scopes]

    def converted(self, **settings: Any) -> bytes:
        """What TensorFlow's converter makes of the model, with these attributes set."""
        converter = quantise.converter_of(self.lowering)
        for name, value in settings.items():
            setattr(converter, name, value)
        made: bytes = converter.convert()
        return made


def _fp32(source: _Source) -> bytes:
    return source.converted()


def _fp16(source: _Source) -> bytes:
    return source.converted(
        optimizations=[tf.lite.Optimize.DEFAULT],
        target_spec=tf.lite.TargetSpec(supported_types=[tf.float16]),
    )


def _dynamic(source: _Source) -> bytes:
    # The runtime of 2023, which boards still carry, has no per-channel dynamic FULLY_CONNECTED.
    made = source.converted(
        optimizations=[tf.lite.Optimize.DEFAULT],
        _experimental_disable_per_channel_quantization_for_dense_layers=True,
    )
    return hybrid.with_float_depthwise(made)


def _int8(source: _Source) -> bytes:
    return source.quantised("int8")


def _int8f(source: _Source) -> bytes:
    return source.quantised("float32")


def _int16x8(source: _Source) -> bytes:
    ops = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    return source.converted(
        optimizations=[tf.lite.Optimize.DEFAULT],
        target_spec=tf.lite.TargetSpec(supported_ops=[ops]),
        representative_dataset=lambda: iter(source.samples),
    )


_TABLE = (
    Precision("fp32", "float32 weights and activations", False, _fp32),
    Precision("fp16", "float16 weights, float32 activations", False, _fp16),
    Precision(
        "dynamic",
        "int8 weights but for depthwise, activations quantised at run time",
        False,
        _dynamic,
    ),
    Precision(
        "int8",
        "int8 throughout, weights per channel, int8 input and output",
        True,
        _int8,
    ),
    Precision(
        "int8f",
        "int8 inside, weights per channel, float32 input and output",
        True,
        _int8f,
    ),
    Precision(
        "int16x8",
        "int16 activations, int8 weights, float32 input and output",
        True,
        _int16x8,
    ),
)

PRECISIONS: dict[str, Precision] = {precision.name: precision for precision in _TABLE}


def precision_of(name: str) -> Precision:
    """The precision of that name. Raises `UnknownNameError`, which lists the names there are."""
    try:
        return PRECISIONS[name]
    except KeyError:
        raise UnknownNameError("tflite precision", name, PRECISIONS) from None


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
) -> dict[str, bytes]:
    """A TFLite file for each precision, by its name.

    `calibration` holds, for each batch, arrays by ONNX input name and in ONNX's order of axes. The
    nodes of `float_nodes` stay in float32 where the rest is int8.
    Raises `UnknownNameError`, `DataError` where a precision needs calibration data that is not
    there or does not fit, and `UnsupportedModelError`.
    """
    wanted = [precision_of(name) for name in precisions]
    for precision in wanted:
        if precision.needs_calibration and not calibration:
            raise DataError(
                f"{precision.name} needs calibration data, and there is none",
                "give some with --calibration",
            )
    lowering = lower(model)
    samples = _arranged(lowering, calibration)
    source = _Source(lowering, samples, float_nodes)
    files = {}
    for done, precision in enumerate(wanted):
        progress(f"convert to {precision.name}", done, len(wanted))
        try:
            files[precision.name] = _file(source, precision)
        except _GeluInPartsError:
            source = _Source(lower(model, {"Gelu": gelu_apart}), samples, float_nodes)
            files[precision.name] = _file(source, precision)
    progress("convert", len(wanted), len(wanted))
    return files


class _GeluInPartsError(UnsupportedModelError):
    """TensorFlow's converter has not put the parts of a GELU together again."""


def _file(source: _Source, precision: Precision) -> bytes:
    with hushed() as messages:
        try:
            made = precision.make(source)
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


def _arranged(lowering: Lowering, calibration: Sequence[Sample] | None) -> list[list[Array]]:
    arranged = []
    for sample in calibration or ():
        batch = []
        for port in lowering.inputs:
            if port.name not in sample:
                given = ", ".join(sorted(sample)) or "nothing"
                raise DataError(
                    f"the calibration data holds {given}, but not the input '{port.name}'",
                    "give an array for each of the model's inputs",
                )
            array = np.asarray(sample[port.name])
            if array.shape != port.onnx_shape:
                raise DataError(
                    f"calibration data of shape {array.shape} does not fit the input "
                    f"'{port.name}' of shape {port.onnx_shape}",
                    "give samples of the input's shape",
                )
            batch.append(to_target(array.astype(port.dtype), port))
        arranged.append(batch)
    return arranged


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
