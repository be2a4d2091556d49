"""Pictures as the inputs of a graph: normalised, in its layout and batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgebench.converters.artifact import IMAGES, Preprocessing
from edgebench.converters.mapped import MadeSequence
from edgebench.converters.onnx.graph import OnnxGraph, TensorInfo
from edgebench.converters.onnx.reference import Sample
from edgebench.errors import DataError
from edgebench.models.data.dataset import DataSet
from edgebench.models.data.images import Floats, Pixels, normalise
from edgebench.models.data.pictures import Frame, Resize

NO_FRAME = Frame(0, 0, "stretch")
"""For data that are no pictures."""


def image_port(graph: OnnxGraph) -> TensorInfo:
    """The only input of a graph. Raises `DataError` where there are several."""
    if len(graph.inputs) > 1:
        names = ", ".join(port.name for port in graph.inputs)
        raise DataError(
            f"the model has several inputs ({names}), and a picture fills only one",
            "give arrays by the names of the inputs, such as --data npz:PATH",
        )
    return graph.inputs[0]


def image_axes(port: TensorInfo) -> tuple[int, int, int]:
    """Which axis holds the channels, and the height and width, of an image input.

    Raises `DataError` for an input that is no image.
    """
    if len(port.shape) == 4 and port.dtype.kind == "f":
        for axis, height, width in ((1, 2, 3), (3, 1, 2)):
            if port.shape[axis] in (1, 3):
                return axis, port.shape[height], port.shape[width]
    raise DataError(
        f"the input '{port.name}' {port.shape} of {port.dtype} does not take images",
        f"give arrays instead, such as --data npz:PATH, with an array '{port.name}'",
    )


def frame_of(graph: OnnxGraph, data: DataSet, resize: Resize | None) -> Frame:
    """How pictures come to a graph's image input: as the user says, or as is usual for the data.

    Raises `DataError` where the data are pictures and the graph has no image input.
    """
    if not data.pictures:
        return NO_FRAME
    _, height, width = image_axes(image_port(graph))
    return Frame(height, width, resize or data.resize)


@dataclass(frozen=True)
class ImageSamples(MadeSequence[Sample]):
    """Images (N, H, W, 3) as inputs, made when they are asked for: floats take four times the room.

    What does not fill a batch is left out. Raises `DataError` where the means are not those of the
    input's channels.
    """

    images: Pixels
    port: TensorInfo
    preprocessing: Preprocessing

    def __post_init__(self) -> None:
        axis, _, _ = image_axes(self.port)
        _per_channel(self.preprocessing, self.port.shape[axis])

    def __len__(self) -> int:
        return len(self.images) // self.port.shape[0]

    def stored(self) -> dict[str, Pixels]:
        """The images as an evaluation's .npz holds them."""
        return {IMAGES: self.images}

    def made(self, place: int) -> Sample:
        batch = self.port.shape[0]
        start = place * batch
        axis, _, _ = image_axes(self.port)
        channels = self.port.shape[axis]
        floats = _normalised(self.images[start : start + batch], channels, self.preprocessing)
        if axis == 3:
            floats = floats.transpose(0, 2, 3, 1)
        return {self.port.name: np.ascontiguousarray(floats.astype(self.port.dtype))}


def _per_channel(
    preprocessing: Preprocessing, channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    mean, std = (
        values * channels if len(values) == 1 else values
        for values in (preprocessing.mean, preprocessing.std)
    )
    if len(mean) != channels or len(std) != channels:
        raise DataError(
            f"mean and std have {len(mean)} and {len(std)} values, the input {channels} channels",
            "give one value a channel with --mean and --std",
        )
    return mean, std


def _normalised(images: Pixels, channels: int, preprocessing: Preprocessing) -> Floats:
    mean, std = _per_channel(preprocessing, channels)
    if channels == 3:
        return normalise(images, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))
    # ITU-R BT.601 luma, as Pillow's conversion to "L".
    grey = images.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    grey = (grey - np.float32(mean[0])) / np.float32(std[0])
    return grey.astype(np.float32)[:, None]
