"""The post-processing of a detector behind an OpenVINO model: its own NonMaxSuppression."""

from __future__ import annotations

from edgebench.converters.onnx import suppression
from edgebench.converters.openvino.session import openvino
from edgebench.converters.postprocess import Detector


def behind(model: openvino.Model, detector: Detector, names: list[str]) -> openvino.Model:
    """A model with a raw head, in any precision, with the post-processing put behind it.

    `names` are those of its outputs in the ONNX graph, in order. It is read from ONNX like any
    model, so that the operations are those that OpenVINO itself makes of them.
    """
    content = suppression.graph_of(detector).SerializeToString()
    added = openvino.Core().read_model(content)
    raw = {
        name: result.input_value(0) for name, result in zip(names, model.get_results(), strict=True)
    }
    for parameter in added.get_parameters():
        for reader in list(parameter.output(0).get_target_inputs()):
            reader.replace_source_output(raw[parameter.get_friendly_name()])
    return openvino.Model(added.get_results(), model.get_parameters(), model.get_friendly_name())
