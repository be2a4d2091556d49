"""The inputs that set the ranges of a quantised model, and others that prove what was made.

Both come from one source, and no input is in both: an agreement measured on what set the ranges
would flatter. Sources are the built-in digit `scenes`, a folder of images, a folder of .npz files
(for models whose inputs are not one image), and `random`, image-like noise for untrained weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edgebench.converters.artifact import PLAIN_PIXELS, Preprocessing
from edgebench.converters.export.calibration import NONE, RANDOM, calibration_folder
from edgebench.converters.onnx.graph import OnnxGraph, TensorInfo
from edgebench.converters.onnx.reference import Array, Sample, noise
from edgebench.errors import DataError
from edgebench.models.data import datasets, imagefolder
from edgebench.models.data.images import Floats, ImageSet, Pixels, normalise

# Fewer than this leave the ranges to chance; more than this change them hardly at all.
MINIMUM = 8
CALIBRATED_ON = 128
PROVED_ON = 256
_PROVED_ON_OWN = 64
_RANDOM_CALIBRATION, _RANDOM_PROOF = 16, 8

PLAINLY_FED = "no --mean and --std were given: images were fed as pixels in 0..1"


@dataclass(frozen=True)
class ExampleSet:
    """Inputs by ONNX name, in ONNX's order of axes, batch axis included, already normalised.

    `calibration` sets ranges, `held_out` is for proof. `meaningful` says whether they are what the
    model is meant for, so that a top-1 means something; noise is not.
    """

    calibration: tuple[Sample, ...]
    held_out: tuple[Sample, ...]
    source: str
    sha256: str
    meaningful: bool
    notes: tuple[str, ...] = ()


def load(source: str, graph: OnnxGraph, preprocessing: Preprocessing | None) -> ExampleSet:
    """Read or make the examples.

    Raises `DataError` where they are too few, cannot be read, or do not fit the inputs.
    """
    if source in (RANDOM, NONE):
        return _random(graph, source)
    plainly = () if preprocessing else (PLAINLY_FED,)
    if datasets.is_named(source):
        found = _of_data_set(datasets.open_data(source), graph, preprocessing or PLAIN_PIXELS)
        return replace(found, notes=(*found.notes, *plainly))
    folder = calibration_folder(source)
    samples = _arrays(folder, graph)
    if samples:
        plainly = ()
    else:
        samples = _images(folder, graph, preprocessing or PLAIN_PIXELS)
    if len(samples) < MINIMUM:
        raise DataError(
            f"{folder} holds {len(samples)} calibration samples; at least {MINIMUM} are needed",
            "add more of what the model will see; 100 to 200 are good",
        )
    proof = min(_PROVED_ON_OWN, max(2, len(samples) // 4))
    # At even distances, so that each class has its share of both.
    held = {i * len(samples) // proof for i in range(proof)}
    calibration = [s for i, s in enumerate(samples) if i not in held]
    held_out = [s for i, s in enumerate(samples) if i in held]
    found = _set(calibration, held_out, f"folder {folder.name}", True)
    return replace(found, notes=plainly)


def _set(
    calibration: Sequence[Sample], held_out: Sequence[Sample], source: str, meaningful: bool
) -> ExampleSet:
    digest = hashlib.sha256()
    for sample in calibration:
        for name in sorted(sample):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(sample[name]).tobytes())
    return ExampleSet(tuple(calibration), tuple(held_out), source, digest.hexdigest(), meaningful)


def _of_data_set(
    data: datasets.DataSet, graph: OnnxGraph, preprocessing: Preprocessing
) -> ExampleSet:
    port = image_port(graph)
    _, height, width = image_axes(port)
    train = data.calibration(CALIBRATED_ON, height, width)
    test = data.evaluation(PROVED_ON, height, width)
    if min(len(train), len(test)) < MINIMUM:
        raise DataError(
            f"{data.source} has {len(train)} images to calibrate with and {len(test)} to prove "
            f"with; {MINIMUM} of each are needed",
            "add more of what the model will see; some hundreds are good",
        )
    found = _set(
        batches(train.images, port, preprocessing),
        batches(test.images, port, preprocessing),
        data.source,
        True,
    )
    return replace(found, notes=left_out(train, data.source))


def left_out(found: ImageSet, source: str) -> tuple[str, ...]:
    """A sentence on what could not be read, if anything."""
    if not found.left_out:
        return ()
    count = len(found.left_out)
    which = "1 image" if count == 1 else f"{count} images"
    return (f"{which} of {source} left out: {found.left_out[0]}",)


def _random(graph: OnnxGraph, source: str) -> ExampleSet:
    count = _RANDOM_CALIBRATION if source == RANDOM else 0
    made = [noise(graph.model, seed) for seed in range(count + _RANDOM_PROOF)]
    return _set(made[:count], made[count:], "image-like noise (untrained weights)", False)


def _arrays(folder: Path, graph: OnnxGraph) -> list[Sample]:
    """The samples of a folder of .npz files, one file a sample."""
    files = sorted(folder.glob("*.npz"))[: CALIBRATED_ON + _PROVED_ON_OWN]
    return [_array_sample(path, graph.inputs) for path in files]


def _array_sample(path: Path, ports: Sequence[TensorInfo]) -> Sample:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: np.asarray(file[name]) for name in file.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise DataError(f"cannot read {path}: {error}", "write it with numpy.savez") from error
    sample: dict[str, Array] = {}
    for port in ports:
        found = arrays.get(port.name)
        if found is None or found.shape != port.shape:
            have = f"{found.shape}" if found is not None else "nothing"
            raise DataError(
                f"{path} has {have} for the input '{port.name}', which takes {port.shape}",
                f"write it with numpy.savez(path, {', '.join(p.name for p in ports)}=...)",
            )
        sample[port.name] = found.astype(port.dtype)
    return sample


def _images(folder: Path, graph: OnnxGraph, preprocessing: Preprocessing) -> list[Sample]:
    port = image_port(graph)
    _, height, width = image_axes(port)
    listing = imagefolder.listing(folder)
    total = len(listing.files)
    count = min(total, port.shape[0] * (CALIBRATED_ON + _PROVED_ON_OWN))
    chosen = [listing.files[i * total // count] for i in range(count)]
    pictures = [imagefolder.centre(imagefolder.decode(path), height, width) for path in chosen]
    return batches(np.stack(pictures), port, preprocessing)


def image_port(graph: OnnxGraph) -> TensorInfo:
    """The only input of a graph. Raises `DataError` where there are several."""
    if len(graph.inputs) > 1:
        names = ", ".join(port.name for port in graph.inputs)
        raise DataError(
            f"the model has several inputs ({names}), and a picture fills only one",
            "calibrate with a folder of .npz files, each with one array for every input",
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
        f"give a folder of .npz files, each with an array '{port.name}'",
    )


def batches(images: Pixels, port: TensorInfo, preprocessing: Preprocessing) -> list[Sample]:
    """Images (N, H, W, 3) as inputs: normalised, in the port's layout and batches."""
    axis, _, _ = image_axes(port)
    channels, batch = port.shape[axis], port.shape[0]
    floats = _normalised(images, channels, preprocessing)
    if axis == 3:
        floats = floats.transpose(0, 2, 3, 1)
    floats = floats.astype(port.dtype)
    whole = range(0, len(floats) - batch + 1, batch)
    return [{port.name: np.ascontiguousarray(floats[i : i + batch])} for i in whole]


def _normalised(images: Pixels, channels: int, preprocessing: Preprocessing) -> Floats:
    mean, std = (
        values * channels if len(values) == 1 else values
        for values in (preprocessing.mean, preprocessing.std)
    )
    if len(mean) != channels or len(std) != channels:
        raise DataError(
            f"mean and std have {len(mean)} and {len(std)} values, the input {channels} channels",
            "give one value a channel with --mean and --std",
        )
    if channels == 3:
        return normalise(images, (mean[0], mean[1], mean[2]), (std[0], std[1], std[2]))
    # ITU-R BT.601 luma, as Pillow's conversion to "L".
    grey = images.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    grey = (grey - np.float32(mean[0])) / np.float32(std[0])
    return grey.astype(np.float32)[:, None]
