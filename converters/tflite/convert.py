"""ONNX to TFLite files, one for each precision asked for.

A model is lowered once for the float precisions and once for the quantised ones, which want other
forms of a few ops (see `passes/pipeline.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from edgebench.converters.tflite import signature
from edgebench.converters.tflite.lower import Lowering, lower, to_target
from edgebench.converters.tflite.passes import pipeline
from edgebench.converters.tflite.tensorflow import hushed, tf
from edgebench.converters.tflite.value import Array
from edgebench.errors import DataError, UnknownNameError, UnsupportedModelError
from edgebench.progress import Progress, silent

Sample = Mapping[str, Array]


@dataclass(frozen=True)
class Precision:
    """How numbers are kept in the file.

    `io` is the type of float inputs and outputs in the file; `configure` sets the TFLite
    converter; `passes` run on the ONNX graph before the lowering.
    """

    name: str
    description: str
    needs_calibration: bool
    io: str
    passes: tuple[pipeline.Pass, ...]
    configure: Callable[[Any], None]


def _fp32(converter: Any) -> None:
    """Leave the converter as it is."""


def _fp16(converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def _dynamic(converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]


def _int8f(converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]


def _int8(converter: Any) -> None:
    _int8f(converter)
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8


def _int16x8(converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    ]


_TABLE = (
    Precision("fp32", "float32 weights and activations", False, "float32", pipeline.FLOAT, _fp32),
    Precision(
        "fp16", "float16 weights, float32 activations", False, "float32", pipeline.FLOAT, _fp16
    ),
    Precision(
        "dynamic",
        "int8 weights, activations quantised at run time",
        False,
        "float32",
        pipeline.FLOAT,
        _dynamic,
    ),
    Precision(
        "int8",
        "int8 throughout, weights per channel, int8 input and output",
        True,
        "int8",
        pipeline.QUANTISED,
        _int8,
    ),
    Precision(
        "int8f",
        "int8 inside, weights per channel, float32 input and output",
        True,
        "float32",
        pipeline.QUANTISED,
        _int8f,
    ),
    Precision(
        "int16x8",
        "int16 activations, int8 weights, float32 input and output",
        True,
        "float32",
        pipeline.QUANTISED,
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
) -> dict[str, bytes]:
    """A TFLite file for each precision, by its name.

    `calibration` holds, for each batch, arrays by ONNX input name and in ONNX's order of axes.
    Raises `UnknownNameError`, `DataError` where a precision needs calibration data that is not
    there or does not fit, and `UnsupportedModelError`.
    """
    wanted = [precision_of(name) for name in precisions]
    lowered: dict[tuple[pipeline.Pass, ...], Lowering] = {}
    files = {}
    for done, precision in enumerate(wanted):
        progress(f"convert to {precision.name}", done, len(wanted))
        if precision.passes not in lowered:
            lowered[precision.passes] = lower(pipeline.run(model, precision.passes))
        files[precision.name] = _file(lowered[precision.passes], precision, calibration)
    progress("convert", len(wanted), len(wanted))
    return files


def _file(lowering: Lowering, precision: Precision, calibration: Sequence[Sample] | None) -> bytes:
    samples = _arranged(lowering, calibration) if precision.needs_calibration else []
    if precision.needs_calibration and not samples:
        raise DataError(
            f"{precision.name} needs calibration data, and there is none",
            "give some with --calibration",
        )
    with hushed() as messages:
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [lowering.function], lowering.module
        )
        precision.configure(converter)
        if samples:
            converter.representative_dataset = lambda: _feed(samples)
        try:
            made = converter.convert()
        except Exception as error:  # MLIR's failures have no common class
            raise UnsupportedModelError(
                f"the TFLite converter refuses the model in {precision.name}: "
                + _gist(f"{error}\n{messages()}"),
                "export it in another precision, or replace what it names",
            ) from error
    return signature.in_sequence(
        made, [port.key for port in lowering.inputs], [port.key for port in lowering.outputs]
    )


def _feed(samples: Sequence[dict[str, Array]]) -> Iterator[dict[str, Array]]:
    yield from samples


def _arranged(lowering: Lowering, calibration: Sequence[Sample] | None) -> list[dict[str, Array]]:
    arranged = []
    for sample in calibration or ():
        batch = {}
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
            batch[port.key] = to_target(array.astype(port.dtype), port)
        arranged.append(batch)
    return arranged


def _gist(text: str) -> str:
    """What the converter says in its own words, without stack frames and repetitions."""
    lines = [line.strip() for line in text.splitlines()]
    telling = [line for line in lines if "error:" in line.lower() or "not supported" in line]
    chosen = telling or [line for line in lines if line]
    return "; ".join(dict.fromkeys(line[:300] for line in chosen[:4]))
