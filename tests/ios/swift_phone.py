"""An iPhone whose app is the core in Swift, with the evaluator of programs in Core ML's place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import evaluator_server
import made_tasks
import numpy as np
import onnx
import pytest
import swift
from onnx import helper, numpy_helper
from test_iphone import Mac

from edgebench.cli import main


def start_program() -> list[str]:
    """The words of a command that is the core as the app."""
    return swift.program("tests/ios/start", "edgebench-start")


@contextmanager
def evaluator(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[evaluator_server.Server]:
    socket = Path("/tmp", f"edgebench-{os.getpid()}.sock")  # A longer path would be cut off.
    socket.unlink(missing_ok=True)
    monkeypatch.setenv("EDGEBENCH_EVALUATOR", str(socket))
    with evaluator_server.serving(socket) as server:
        yield server
    socket.unlink()


def has_swift_app(mac: Mac) -> Mac:
    """That phone, with the core as its app."""
    mac.installs(*start_program())
    shutil.rmtree(mac.phone / "Documents", ignore_errors=True)
    return mac


def richer_classifier() -> onnx.ModelProto:
    """The classifier with one more layer, which changes nothing: it is measured against it."""
    model = made_tasks.classifier()
    same = np.eye(3, dtype=np.float32)[:, :, None, None]
    model.graph.initializer.append(numpy_helper.from_array(same, "same"))
    model.graph.node[0].output[0] = "before"
    model.graph.node.insert(1, helper.make_node("Conv", ["before", "same"], ["cells"]))
    return model


PIPELINE = "ssdlite_scenes_v2"
"""A detector whose package ends in Core ML's suppression of boxes."""


def exported(folder: Path) -> Path:
    """Core ML packages of models that edgebench did not make, one of each task, and `PIPELINE`."""
    tokens = made_tasks.write_arrays(folder / "tokens.npz", 12)
    scenes = made_tasks.write_coco(folder / "coco", 12)
    maps = made_tasks.write_voc(folder / "voc", 12)
    photos = made_tasks.write_folders(folder / "photos", 4)
    roles = "boxes=place,scores=confidence,classes=kind"
    for words, models in (
        (
            ("--data", photos),
            {"classifier": made_tasks.classifier(), "richer": richer_classifier()},
        ),
        (("--data", tokens, "--task", "classification"), {"reader": made_tasks.reader()}),
        (("--data", scenes, "--outputs", roles), {"detector": made_tasks.detector()}),
        (("--data", maps, "--task", "segmentation"), {"segmenter": made_tasks.segmenter()}),
    ):
        files = [folder / f"{name}.onnx" for name in models]
        for file, model in zip(files, models.values(), strict=True):
            onnx.save(model, file)
        to = ("--to", "coreml:fp32", "--out", str(folder / "artifacts"))
        assert main(["export", *map(str, files), *words, *to]) == 0
    assert main(["export", PIPELINE, *to]) == 0
    return folder / "artifacts"
