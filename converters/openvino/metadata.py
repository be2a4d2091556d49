"""Mean, std and labels in a model's `model_info`, where OpenVINO's Model API looks for them.

See https://openvinotoolkit.github.io/model_api/latest/guides/model-configuration.html. Mean and
scale are of pixels in 0..255, lists are separated by spaces, and images come in BGR, as OpenCV
reads them.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgebench.converters.artifact import Preprocessing
from edgebench.converters.openvino.session import openvino


def add(
    model: openvino.Model, preprocessing: Preprocessing | None, labels: Sequence[str] | None
) -> None:
    """Write what is known into the model; it computes what it computed."""
    info: dict[str, str] = {}
    if preprocessing and len(model.inputs) == 1 and len(model.inputs[0].shape) == 4:
        info["layout"] = f"{model.inputs[0].any_name}:NCHW"
        info["reverse_input_channels"] = str(model.inputs[0].shape[1] == 3)
        info["mean_values"] = _list(preprocessing.mean)
        info["scale_values"] = _list(preprocessing.std)
    if labels and len(model.outputs) == 1:
        info["model_type"] = "Classification"
        info["labels"] = " ".join(label.replace(" ", "_") for label in labels)
    for name, value in info.items():
        model.set_rt_info(value, ["model_info", name])


def _list(values: Sequence[float]) -> str:
    return " ".join(f"{255 * value:g}" for value in values)
