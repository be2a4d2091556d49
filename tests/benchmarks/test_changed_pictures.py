"""The images that changed on a device: chosen, drawn, and read back from the page."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgebench import tasks
from edgebench.benchmarks.report import pictures as drawn
from edgebench.benchmarks.results import pictures
from edgebench.benchmarks.results.run_folder import inputs_path
from edgebench.converters.artifact import Evaluation
from edgebench.tasks.task import Assignment, ModelOutput, Signature

SIDE, COUNT = 8, 10
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, SIDE, SIDE, 3)).astype(np.uint8)


def run_of(folder: Path, task: Assignment, reference: Any, outputs: Any, **manifest: Any) -> Any:
    """A run with one file, and its inputs in the run folder."""
    evaluation = Evaluation(task, "in.npz", "a" * 64, "ref.npz", "b" * 64, COUNT)
    path = inputs_path(folder, evaluation)
    path.parent.mkdir(exist_ok=True)
    np.savez(path, images=IMAGES)
    known = {"evaluation": evaluation, "weights": "trained", "labels": None, "sha256": "0" * 64}
    slots = ("a.tflite", "a.tflite~again")  # The baseline that is measured against itself.
    return SimpleNamespace(
        manifests=dict.fromkeys(slots, SimpleNamespace(**{**known, **manifest})),
        references=dict.fromkeys(slots, reference),
        outputs=dict.fromkeys(slots, outputs),
    )


def segmented() -> tuple[Assignment, Any, Any]:
    signature = Signature((ModelOutput("map", (1, SIDE, SIDE), "uint8"),), (SIDE, SIDE))
    task = tasks.get("segmentation").assign(signature, {"map": "map", "classes": "3"})
    reference = np.zeros((COUNT, SIDE, SIDE), np.uint8)
    outputs = reference.copy()
    for number in range(8):  # Image i differs in i pixels.
        outputs[number].flat[:number] = 2
    return task, {"map": reference}, {"map": outputs}


def test_the_images_that_changed_most_come_first(tmp_path: Path) -> None:
    (gallery,) = pictures.galleries(tmp_path, run_of(tmp_path, *segmented()))
    assert [one.number for one in gallery.images] == [7, 6, 5, 4, 3, 2]
    assert (gallery.changed, gallery.compared) == (7, COUNT)
    worst = gallery.images[0]
    np.testing.assert_array_equal(worst.pixels, IMAGES[7])
    assert worst.share == pytest.approx(1 - 7 / SIDE**2)
    assert worst.source.drawing.map is not None and not worst.source.drawing.map.any()
    assert worst.device.drawing.map is not None
    assert int((worst.device.drawing.map == 2).sum()) == 7


def test_untrained_models_and_files_that_agree_have_no_images(tmp_path: Path) -> None:
    task, reference, outputs = segmented()
    assert not list(pictures.galleries(tmp_path, run_of(tmp_path, task, reference, reference)))
    untrained = run_of(tmp_path, task, reference, outputs, weights="untrained")
    assert not list(pictures.galleries(tmp_path, untrained))


def images_in(markup: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/png;base64,([^\"]+)", markup)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_a_page_has_the_image_and_its_classes_as_pictures(tmp_path: Path) -> None:
    (wall,) = drawn.walls(pictures.galleries(tmp_path, run_of(tmp_path, *segmented())))
    assert wall.name == "a.tflite" and "7 of 10 images changed" in wall.hint
    pixels, classes = images_in(wall.pairs[0].device)
    np.testing.assert_array_equal(pixels, IMAGES[7])
    assert classes.shape == (SIDE, SIDE, 4)
    assert (classes[..., 3] > 0).sum() == 7


def test_a_page_has_the_boxes_that_an_application_would_show(tmp_path: Path) -> None:
    ports = (
        ModelOutput("boxes", (1, 2, 4)),
        ModelOutput("scores", (1, 2)),
        ModelOutput("classes", (1, 2), "int64"),
    )
    task = tasks.get("detection").assign(Signature(ports, (SIDE, SIDE)), {})
    reference = {
        "boxes": np.tile(np.array([[1, 1, 4, 4], [2, 2, 6, 6]], np.float32), (COUNT, 1, 1)),
        "scores": np.tile(np.array([0.9, 0.1], np.float32), (COUNT, 1)),
        "classes": np.tile(np.array([1, 0], np.int32), (COUNT, 1)),
    }
    outputs = {name: array.copy() for name, array in reference.items()}
    outputs["scores"][4] = 0.05
    run = run_of(tmp_path, task, reference, outputs, labels=("cat", "<dog>"))
    (wall,) = drawn.walls(pictures.galleries(tmp_path, run))
    (pair,) = wall.pairs
    assert "image 4" in pair.caption
    assert pair.source.count("<rect") == 1 and "<rect" not in pair.device
    assert 'x="1.0" y="1.0" width="3.0" height="3.0"' in pair.source
    assert "&lt;dog&gt; 90 %" in pair.source and pair.device_words == "nothing"
