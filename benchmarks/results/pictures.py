"""The images of which a device's outputs say something else than the source model's.

They are read from the run folder when a report shows them; a comparison holds no pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgebench import tasks
from edgebench.benchmarks.results.accuracy import count, cut, parts
from edgebench.benchmarks.results.measured import MeasuredRun
from edgebench.benchmarks.results.run_folder import inputs_path
from edgebench.converters.artifact import IMAGES, Evaluation
from edgebench.errors import DataError, InvalidFileError
from edgebench.tasks.drawing import Drawing
from edgebench.tasks.task import Array, Outputs

SHOWN = 6
"""So many images of each artifact are shown, those that changed most."""


@dataclass(frozen=True)
class PictureAnswer:
    """What a model says of an image."""

    words: str
    drawing: Drawing


@dataclass(frozen=True)
class PictureChange:
    """An image (height, width, 3) by its number, what the source model and the device say of it,
    and the share of it in which both agree."""

    number: int
    pixels: Array
    source: PictureAnswer
    device: PictureAnswer
    share: float


@dataclass(frozen=True)
class Gallery:
    """The images of an artifact that changed most, the most changed first, of those compared.

    `changed` counts all that changed.
    """

    slot: str
    images: tuple[PictureChange, ...]
    changed: int
    compared: int


def galleries(folder: Path, run: MeasuredRun) -> Iterator[Gallery]:
    """One for each artifact whose outputs changed on the device; none of untrained models.

    A baseline that is measured against itself is shown once.
    """
    seen: set[str] = set()
    for slot, outputs in run.outputs.items():
        manifest = run.manifests.get(slot)
        if manifest is not None and manifest.sha256 in seen:
            continue
        evaluation = manifest.evaluation if manifest else None
        if manifest is None or evaluation is None or evaluation.arrays:
            continue
        if manifest.weights == "untrained" or slot not in run.references:
            continue
        try:
            found = _gallery(
                folder, slot, evaluation, run.references[slot], outputs, manifest.labels
            )
        except (DataError, InvalidFileError):  # The comparison itself says so.
            continue
        seen.add(manifest.sha256)
        if found.images:
            yield found


def _gallery(
    folder: Path,
    slot: str,
    evaluation: Evaluation,
    reference: Outputs,
    outputs: Outputs,
    labels: tuple[str, ...] | None,
) -> Gallery:
    task, assignment = tasks.get(evaluation.task.task), evaluation.task
    shares = []
    for part in parts(outputs):
        alike, every = task.agree(assignment, cut(reference, part), cut(outputs, part))
        shares.append(np.divide(alike, every, out=np.ones_like(alike), where=every > 0))
    share = np.concatenate(shares) if shares else np.ones(0)
    changed = np.flatnonzero(share < 1)
    worst = changed[np.argsort(share[changed], kind="stable")][:SHOWN]
    pixels = _pixels(inputs_path(folder, evaluation), worst)
    images = []
    for number, image in zip(worst.tolist(), pixels, strict=True):
        one = slice(number, number + 1)
        source, device = (
            PictureAnswer(
                task.in_words(assignment, cut(which, one), labels)[0],
                task.draw(assignment, cut(which, one), labels)[0],
            )
            for which in (reference, outputs)
        )
        images.append(PictureChange(number, image, source, device, float(share[number])))
    return Gallery(slot, tuple(images), len(changed), count(outputs))


def _pixels(path: Path, wanted: Array) -> Array:
    try:
        with np.load(path, allow_pickle=False) as archive:
            found: Array = archive[IMAGES][wanted]
    except (OSError, ValueError, KeyError) as error:
        raise InvalidFileError(f"cannot read {path}: {error}", "export the model again") from error
    return found
