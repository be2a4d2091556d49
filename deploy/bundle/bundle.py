"""The bundle: the models of a sample app, as its folder of assets holds them.

    bundle.json          the list, `edgebench.bundle/1`: all that an app has to know of each model
    <sha256>.tflite      the models, by content; <sha256>.mlpackage is a folder
    <sha256>.json        their manifests

An app reads `bundle.json` alone; `BundledModel` in android_app/core/ and in
ios_app/EdgebenchCore/ are its readers.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from edgebench.deploy.documents.plan import KeptOutput
from edgebench.documents import Document, dump, replacing
from edgebench.tasks.task import Value

BUNDLE = "bundle.json"


@dataclass(frozen=True)
class BundledInput:
    """How an image becomes the model's input, as `EvaluationInputs` has it."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    axes: tuple[int, ...]


@dataclass(frozen=True)
class BundledTask:
    """What the outputs mean: the task, what is kept of which output, and the task's own words."""

    task: str
    outputs: tuple[KeptOutput, ...]
    layout: dict[str, Value]


@dataclass(frozen=True)
class BundledModel:
    """One model. `height` and `width` are those of its image."""

    model: str
    precision: str
    file: str
    sha256: str
    size_bytes: int
    weights: str
    height: int
    width: int
    preprocessing: BundledInput
    labels: tuple[str, ...] | None
    task: BundledTask


@dataclass(frozen=True)
class Bundle:
    """The models of an app, in the order in which it lists them."""

    SCHEMA: ClassVar[str] = "edgebench.bundle/1"

    models: tuple[BundledModel, ...]


def write(
    bundle: Bundle, files: Sequence[Path], manifests: Mapping[str, Document], folder: Path
) -> None:
    """Write a bundle in the place of the one that was there. Raises `UnwritableError`.

    `files` are those of the models, in their order; `manifests` are by the models' SHA-256.
    """
    with replacing(folder) as temporary:
        temporary.unlink()
        temporary.mkdir()
        temporary.chmod(0o755)
        for model, path in zip(bundle.models, files, strict=True):
            target = temporary / model.file
            if target.exists():
                continue  # The same content under another name.
            shutil.copytree(path, target) if path.is_dir() else shutil.copyfile(path, target)
        for digest, manifest in manifests.items():
            (temporary / f"{digest}.json").write_text(dump(manifest), encoding="utf-8")
        (temporary / BUNDLE).write_text(dump(bundle), encoding="utf-8")
