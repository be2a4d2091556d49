"""Trained models of the zoo, exported once for all tests that look at the files.

Exporting takes most of a whole run of the tests. The folder is shared by pytest's processes: the
first that needs it fills it, and the others wait.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from edgebench.cli import main

# The papers' attentions; `edgebench export MODEL --to all` prints the same of any other.
MODELS = ("scenes_v2", "scenes_v2_se", "scenes_v2_cbam", "scenes_v2_ca")
TARGETS = (
    *(f"{form}:{kind}" for form in ("onnx", "openvino") for kind in ("fp32", "fp16", "int8")),
    *(f"tflite:{kind}" for kind in ("fp32", "fp16", "dynamic", "int8")),
    *(f"coreml:{kind}" for kind in ("fp32", "fp16", "int8w")),
)


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder of this run of the tests, whichever of its processes asks."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def copy(zoo: Path, folder: Path, *patterns: str) -> None:
    """Copy files of the zoo that match one of the patterns into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (path for pattern in patterns for path in zoo.glob(pattern)):
        shutil.copy2(path, folder)


def exported(factory: pytest.TempPathFactory) -> Path:
    """The folder with every model in every target, and the manifests beside them."""
    folder = shared_folder(factory) / "zoo"
    done = folder.with_name("zoo.done")
    with FileLock(folder.with_name("zoo.lock")):
        if not done.exists():
            words = [word for one in TARGETS for word in ("--to", one)]
            assert main(["export", *MODELS, *words, "--out", str(folder)]) == 0
            done.touch()
    return folder
