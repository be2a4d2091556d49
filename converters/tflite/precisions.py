"""The precisions of TFLite files, and what several of them are made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edgebench.converters.precision import RangeMethod
from edgebench.converters.ranges import Observed, Range
from edgebench.converters.tflite import hybrid, inspect, quantise
from edgebench.converters.tflite.lower import Lowering
from edgebench.converters.tflite.own_constants import with_own_constants
from edgebench.converters.tflite.tensorflow import tf
from edgebench.converters.tflite.value import Array
from edgebench.converters.tflite.values import tensors_of_values
from edgebench.errors import UnknownNameError


@dataclass(frozen=True)
class Precision:
    """How numbers are kept in the file, which `make` gives, with ranges chosen by a method."""

    name: str
    description: str
    needs_calibration: bool
    make: Callable[[LoweredModel, RangeMethod], bytes]


_MOVES = ("RESHAPE", "TRANSPOSE")


class LoweredModel:
    """A lowered model with its calibration data, and what several precisions make of them."""

    def __init__(
        self,
        lowering: Lowering,
        samples: Sequence[list[Array]],
        float_nodes: Collection[str],
        ranges: Mapping[str, Range],
    ) -> None:
        self.lowering = lowering
        self.samples = samples
        self.float_nodes = float_nodes
        self.ranges = ranges

    @cached_property
    def in_float(self) -> bytes:
        return self.converted()

    @cached_property
    def _observed(self) -> dict[int, Observed]:
        return quantise.observe(self.in_float, self.samples)

    def calibrated(self, method: RangeMethod) -> bytes:
        """The float file with ranges."""
        return quantise.calibrated(self.in_float, self._observed, method, self._own_ranges)

    def quantised(self, io: str, method: RangeMethod) -> bytes:
        """int8, but for the layers of the nodes that stay in float, and outputs that they make."""
        kept = self._kept_in_float()
        opened = inspect.interpreter(self.in_float, **inspect.without_delegates())
        outputs = {detail["name"] for detail in opened.get_output_details()}
        made = "float32" if outputs <= {*kept} else io
        return quantise.quantised(self.calibrated(method), io, made, kept)

    @cached_property
    def _own_ranges(self) -> dict[int, Range]:
        """The model's own ranges by the numbers of the float file's tensors."""
        if not self.ranges:
            return {}
        opened = inspect.interpreter(self.in_float, **inspect.without_delegates())
        numbers = tensors_of_values(opened, self.lowering)
        return {numbers[name]: self.ranges[name] for name in numbers.keys() & self.ranges}

    def _kept_in_float(self) -> list[str]:
        """The tensors of the float file that the nodes to be kept in float make."""
        # All that a node became is in one scope; a fused tensor's name lists its operations.
        scopes = {
            trace.op.partition("/")[0]
            for value, trace in self.lowering.traces.items()
            if {trace.node, value} & {*self.float_nodes}
        }
        if not scopes:
            return []
        opened = inspect.interpreter(self.in_float, **inspect.without_delegates())
        names = {detail["index"]: detail["name"] for detail in opened.get_tensor_details()}
        kept = {
            number
            for number, name in names.items()
            if {part.partition("/")[0] for part in name.split(";")} & scopes
        }
        for node in inspect.nodes(opened):  # What brings an output into ONNX's order has no node.
            if node["op_name"] in _MOVES and node["inputs"][0] in kept:
                kept |= {*node["outputs"]}
        return [names[number] for number in kept]

    @cached_property
    def _frozen(self) -> Any:
        """What the converter's own preparation gives: the graph without variables and calls."""
        function = self.lowering.function
        graph = function.graph.as_graph_def()
        if function.variables or graph.library.function:
            return self._converter()._freeze_concrete_function()
        # A lowered graph is that already; to find nothing takes TensorFlow most of its time.
        return graph, list(function.inputs), list(function.outputs), function

    def _converter(self) -> Any:
        """TensorFlow's converter of the function, by its graph and not by a SavedModel on disk."""
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [self.lowering.function], self.lowering.module
        )
        converter.experimental_lower_to_saved_model = False
        converter.exclude_conversion_metadata = True
        return converter

    def converted(self, **settings: Any) -> bytes:
        """What TensorFlow's converter makes of the model, with these attributes set."""
        converter = self._converter()
        frozen = self._frozen
        converter._freeze_concrete_function = lambda: frozen
        for name, value in settings.items():
            setattr(converter, name, value)
        made: bytes = converter.convert()
        return made


def _fp32(source: LoweredModel, _: RangeMethod) -> bytes:
    return source.in_float


def _fp16(source: LoweredModel, _: RangeMethod) -> bytes:
    return source.converted(
        optimizations=[tf.lite.Optimize.DEFAULT],
        target_spec=tf.lite.TargetSpec(supported_types=[tf.float16]),
    )


def _dynamic(source: LoweredModel, _: RangeMethod) -> bytes:
    # The runtime of 2023, which boards still carry, has no per-channel dynamic FULLY_CONNECTED.
    made = source.converted(
        optimizations=[tf.lite.Optimize.DEFAULT],
        _experimental_disable_per_channel_quantization_for_dense_layers=True,
    )
    return hybrid.with_float_depthwise(made)


def _int8(source: LoweredModel, method: RangeMethod) -> bytes:
    return source.quantised("int8", method)


def _int8f(source: LoweredModel, method: RangeMethod) -> bytes:
    return source.quantised("float32", method)


def _int16x8(source: LoweredModel, method: RangeMethod) -> bytes:
    return quantise.in_sixteen_bits(with_own_constants(source.calibrated(method)))


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
