"""What Xcode shows of a model: where it comes from, in words and numbers."""

from __future__ import annotations

from typing import Any

from edgebench.converters.coreml.image import ImageInput
from edgebench.converters.coreml.lower import CLASS
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.version import __version__

_PREFIX = "com.edgebench"
_ZOO_LICENCE = "Apache-2.0"


def describe(model: Any, graph: OnnxGraph, image: ImageInput | None, what: str) -> None:
    """Write author, licence, version, description and the ports' meaning into an `MLModel`.

    A user's file says these things in ONNX's own metadata (`author`, `license`) and fields.
    """
    properties = {entry.key: entry.value for entry in graph.model.metadata_props}
    zoo = graph.source == "zoo"
    model.author = properties.get("author") or ("edgebench" if zoo else _producer(graph))
    model.license = properties.get("license") or (_ZOO_LICENCE if zoo else "not stated")
    model.version = f"{graph.model.model_version or 1} ({graph.sha256[:12]})"
    about = graph.model.doc_string.strip() or f"{graph.name}, from its ONNX graph"
    model.short_description = f"{about} ({what})"
    described = model.get_spec().description
    for port in described.input:
        text = "Normalised as in training, in ONNX's order of axes"
        if image is not None:
            text = "An image, as it is: the program normalises it"
        model.input_description[port.name] = text
    for port in described.output:
        model.output_description[port.name] = _OUTPUTS.get(port.name, "As in the ONNX graph")


_OUTPUTS = {
    CLASS: "The class of the highest probability",
    f"{CLASS}_probs": "The probability of each class: the softmax of the scores",
}


def _producer(graph: OnnxGraph) -> str:
    model = graph.model
    return f"{model.producer_name} {model.producer_version}".strip() or "not stated"


def user_defined(
    graph: OnnxGraph, precision: str, image: ImageInput | None, float32_layers: tuple[str, ...]
) -> dict[str, str]:
    """The rest, by keys of our own."""
    entries = {
        "version": __version__,
        "precision": precision,
        "source_sha256": graph.sha256,
    }
    if image is not None:
        entries["mean"] = ",".join(map(str, image.mean))
        entries["std"] = ",".join(map(str, image.std))
    if float32_layers:
        entries["float32_layers"] = ",".join(float32_layers)
    return {f"{_PREFIX}.{key}": value for key, value in entries.items()}


def image_of(described: Any, graph: OnnxGraph) -> ImageInput | None:
    """The image input that `user_defined` wrote into a file made of this graph."""
    entries = described.metadata.userDefined
    mean, std = (entries.get(f"{_PREFIX}.{key}") for key in ("mean", "std"))
    if mean is None or std is None:
        return None
    (port,) = graph.inputs
    return ImageInput(port.name, port.shape, _numbers(mean), _numbers(std))


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(map(float, text.split(",")))
