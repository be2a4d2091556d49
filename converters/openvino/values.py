"""The values of an OpenVINO model by ONNX's names, which it keeps at its operations' outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from edgebench.converters.file_value import Value
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.openvino.session import exactly, input_names, openvino

# What the values that are asked for are called, so as not to collide with OpenVINO's own names.
_ASKED = "edgebench/"
_NOT_COMPUTED = ("Constant", "Result", "Parameter")


def file_values(
    model: openvino.Model, inputs: Sequence[str], samples: Iterable[Sample]
) -> Iterator[dict[str, Value]]:
    """For each sample the inputs and what the operations compute, as those that read them get them.

    Where a value is quantised, that is what comes out of its FakeQuantize; where some that read it
    get it in float, it is what they get. The model is changed.
    """
    order = input_names(model, inputs)
    sources = {
        name: port.get_node().output(0) for name, port in zip(order, model.inputs, strict=True)
    }
    for op in model.get_ordered_ops():
        if op.get_type_name() not in _NOT_COMPUTED:
            sources |= {name: output for output in op.outputs() for name in output.names}
    grids = {}
    for name, source in sources.items():
        quantiser = _quantiser(source)
        if quantiser is not None:
            grids[name] = _grid(quantiser)
        shown = quantiser.output(0) if quantiser and not _read_in_float(source) else source
        shown.get_tensor().add_names({_ASKED + name})
        if shown.get_node().get_type_name() != "Parameter":
            model.add_outputs(shown)
    compiled = exactly(model)
    for sample in samples:
        results = compiled([sample[name] for name in order])
        arrays = {name: sample[name] for name in order}
        for port in compiled.outputs:
            # The model's own outputs keep the names that they have; others got one above.
            for name in (asked.removeprefix(_ASKED) for asked in port.names):
                if name in sources and (name not in grids or _ASKED + name in port.names):
                    arrays[name] = results[port]
        yield {name: Value(np.asarray(a), *grids.get(name, ())) for name, a in arrays.items()}
        del results, arrays


def _quantiser(output: openvino.Output) -> openvino.Node | None:
    readers = (port.get_node() for port in output.get_target_inputs())
    return next((node for node in readers if node.get_type_name() == "FakeQuantize"), None)


def _read_in_float(output: openvino.Output) -> bool:
    readers = (port.get_node() for port in output.get_target_inputs())
    return any(node.get_type_name() not in ("FakeQuantize", "Result") for node in readers)


def _grid(quantiser: openvino.Node) -> tuple[Array, Array, Array]:
    """The step and the range of what comes out."""
    low, high = (np.asarray(quantiser.input_value(i).get_node().data) for i in (3, 4))
    return (high - low) / (quantiser.get_attributes()["levels"] - 1), low, high
