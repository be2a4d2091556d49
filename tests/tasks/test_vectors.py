"""The vectors that apps are held to in other languages, held against Python's own code."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edgebench import tasks
from edgebench.deploy.documents import schemas
from edgebench.deploy.runner.engines.tflite import TFLiteEngine
from edgebench.deploy.runner.files import StoredImages
from edgebench.documents import convert
from edgebench.tasks.classification import RankedClasses
from edgebench.tasks.detection_decode import Detections
from edgebench.tasks.table import TASKS
from edgebench.tasks.task import Assignment


def cases(name: str) -> list[Any]:
    found = json.loads((schemas.FOLDER / name).read_text())["cases"]
    return [pytest.param(one, id=one["name"]) for one in found]


@pytest.mark.parametrize("case", cases("decoding.json"))
def test_outputs_are_decoded_as_the_vectors_say(case: dict[str, Any]) -> None:
    task = convert(case["task"], Assignment)
    kept = {
        one.role: np.array([case["kept"][one.role]], one.reduction.dtype) for one in task.outputs
    }
    (found,) = tasks.get(task.task).decode(task, kept)
    decoded = case["decoded"]
    if isinstance(found, RankedClasses):
        assert found.classes.tolist() == [index for index, _ in decoded["classes"]]
        assert found.scores == pytest.approx([score for _, score in decoded["classes"]])
    elif isinstance(found, Detections):
        wanted = np.array(decoded["boxes"])
        assert found.boxes == pytest.approx(wanted[:, :4])
        assert found.scores == pytest.approx(wanted[:, 4])
        assert np.array_equal(found.classes, wanted[:, 5])
    else:
        assert np.array_equal(found, decoded["map"])


def test_every_task_with_a_meaning_is_decoded() -> None:
    named = {case.values[0]["task"]["task"] for case in cases("decoding.json")}
    assert named == {name for name in TASKS if name != "none"}


class OneImage:
    def __init__(self, image: Any) -> None:
        self.image = np.array(image, np.uint8)

    def first(self, count: int) -> list[Any]:
        return [self.image]


@pytest.mark.parametrize("case", cases("preprocessing.json"))
def test_images_become_inputs_as_the_vectors_say(case: dict[str, Any]) -> None:
    stored = object.__new__(StoredImages)
    stored.np, stored.evaluation, stored.count = np, case, 1
    stored.images = OneImage(case["image"])  # type: ignore[assignment]
    (inputs,) = stored
    engine = object.__new__(TFLiteEngine)
    engine.np = np
    wanted = case["input"]
    detail = {"dtype": wanted["dtype"], "quantization": (wanted["scale"], wanted["zero_point"])}
    found = engine.encoded(detail, inputs[0])
    assert list(found.shape) == wanted["shape"]
    assert np.abs(found.reshape(-1) - np.array(case["stored"])).max() <= (
        1e-6 if found.dtype.kind == "f" else 0
    )
