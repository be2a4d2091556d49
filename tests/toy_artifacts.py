"""Artifacts of real toy models, with their manifests: what a whole run can be made of."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from replay import Toy, make_artifacts
from toy_models import MEAN, STD

from edgebench import tasks
from edgebench.converters.artifact import Evaluation, Manifest, Preprocessing, manifest_path
from edgebench.documents import load, save, sha256
from edgebench.tasks.task import ModelOutput, Signature

CLASSES = 5
SHORT = ("--budget", "60s", "--detect", "50%", "--whole-budget")
"""The options of a run whose figures do not matter: its processes are the shortest."""

TASK = tasks.get("classification").assign(Signature((ModelOutput("logits", (1, CLASSES)),)), {})
ZOO = (Toy("plain", "plain", 1000, 10), Toy("attention", "plain", 1010, 12))


def make_real_artifacts(toys: Path, artifacts: Path) -> None:
    """Write artifacts of two models of the `toys`, whose references say they are always right."""
    make_artifacts(artifacts, ZOO, ("fp32",))
    shutil.copy(toys / "images.npz", artifacts)
    labels = np.load(toys / "images.npz")["labels"]
    np.savez(
        artifacts / "reference.npz",
        logits=np.eye(CLASSES, dtype=np.float32)[labels],
    )
    for toy in ZOO:
        path = artifacts / f"{toy.model}.fp32.tflite"
        shutil.copy(toys / f"{toy.model}.tflite", path)
        manifest = load(manifest_path(path), Manifest)
        save(
            manifest_path(path),
            replace(
                manifest,
                sha256=sha256(path),
                preprocessing=Preprocessing(MEAN, STD),
                evaluation=Evaluation(
                    task=TASK,
                    inputs="images.npz",
                    inputs_sha256=sha256(artifacts / "images.npz"),
                    reference="reference.npz",
                    reference_sha256=sha256(artifacts / "reference.npz"),
                    samples=len(labels),
                ),
            ),
        )
