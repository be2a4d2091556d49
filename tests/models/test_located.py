"""Detectors and segmenters are trained: their labels, what anchors answer, and the training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import made_tasks
import numpy as np
import pytest
import torch

from edgebench import documents, tasks
from edgebench.errors import DataError, UsageError
from edgebench.models import registry
from edgebench.models.backbones.heads import default_boxes
from edgebench.models.build import build
from edgebench.models.data import scene_set, scenes
from edgebench.models.data.augmentation import NO_CLASS, Located, varied
from edgebench.models.data.matching import matched
from edgebench.models.data.pictures import Frame
from edgebench.models.data.scene_set import Scenes
from edgebench.models.manifest import Checkpoint
from edgebench.models.objective import OBJECTIVES
from edgebench.models.train import train
from edgebench.models.train_config import TrainConfig
from edgebench.tasks import anchors


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _few_test_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene_set, "LOCATED", 20)


def tiny(out: Path, model: str, **changes: object) -> TrainConfig:
    config = TrainConfig(model, out, epochs=2, batch_size=4, scenes_per_epoch=8, device="cpu")
    return replace(config, **changes)  # type: ignore[arg-type]


def test_scenes_with_labels_of_places_are_the_same_scenes() -> None:
    images, found = scenes.with_things("train", 150, 7, 48)
    plain = scenes.train(150, 7, 48)
    np.testing.assert_array_equal(images, plain.images)
    # The topmost digit is among those that were found, and no other class is.
    for number, label in enumerate(plain.labels):
        things = slice(found.offsets[number], found.offsets[number + 1])
        assert label in found.classes[things]
        in_map = set(np.unique(found.maps[number]).tolist()) - {0}
        assert in_map == {kind + 1 for kind in found.classes[things].tolist()}


def test_boxes_are_tight_around_the_pixels_of_their_digit() -> None:
    _, found = scenes.with_things("train", 20, 1, 96)
    for number in range(20):
        things = slice(found.offsets[number], found.offsets[number + 1])
        covered = np.zeros((96, 96), bool)
        for (left, top, right, bottom), kind in zip(
            found.boxes[things].astype(int), found.classes[things], strict=True
        ):
            part = found.maps[number][top:bottom, left:right] == kind + 1
            assert part[0].any() and part[-1].any() and part[:, 0].any() and part[:, -1].any()
            covered[top:bottom, left:right] = True
        assert not found.maps[number][~covered].any()


@pytest.mark.parametrize("task", ["detection", "segmentation"])
def test_the_scenes_have_labels_for_each_task(task: str) -> None:
    found = Scenes().evaluation(6, Frame(64, 64, "crop"), task, False)
    truth = tasks.get(task).truth(found.labels)
    assert len(truth) == len(found) == 6
    again = Scenes().evaluation(6, Frame(64, 64, "crop"), task, False)
    for name, array in found.labels.items():
        np.testing.assert_array_equal(array, again.labels[name])


def test_every_thing_has_an_anchor_and_its_offsets_lead_to_it() -> None:
    spec = registry.get("ssdlite_scenes_v2")
    made = anchors.boxes(default_boxes.levels(spec))
    _, found = scenes.with_things("train", 40, 3, spec.input_size)
    for number in range(40):
        things = slice(found.offsets[number], found.offsets[number + 1])
        boxes = found.boxes[things].astype(np.float64) / spec.input_size
        kinds, offsets = matched(made, boxes, found.classes[things])
        assert set(kinds.tolist()) - {0} == set((found.classes[things] + 1).tolist())
        stands = kinds > 0
        led = anchors.decoded(offsets, made)[stands]
        wanted = np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1)
        nearest = np.abs(led[:, None] - wanted[None]).max(2)
        assert nearest.min(1).max() < 1e-9
        assert set(nearest.argmin(1).tolist()) == set(range(len(boxes)))
        assert not offsets[~stands].any()


def test_an_image_without_things_is_all_background() -> None:
    made = anchors.boxes(anchors.parse("4x4:0.2x0.2"))
    kinds, offsets = matched(made, np.zeros((0, 4)), np.zeros(0, np.int64))
    assert not kinds.any() and not offsets.any()


def test_three_of_the_hardest_anchors_of_the_background_count_for_each_thing() -> None:
    kinds = torch.tensor([[1, 0, 0, 0, 0, 0]])
    hard = torch.tensor([0.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    scores = torch.stack([torch.zeros(6), hard], 1)[None].requires_grad_()
    offsets = torch.zeros(1, 6, 4)
    loss = OBJECTIVES["detection"]((offsets, scores), (kinds, offsets), 0.0)
    loss.backward()
    assert scores.grad is not None
    assert scores.grad.abs().sum(2).gt(0).tolist() == [[True, True, True, True, False, False]]


def test_pixels_without_a_class_teach_nothing() -> None:
    maps = torch.full((1, 2, 2), NO_CLASS)
    maps[0, 0, 0] = 1
    logits = torch.zeros(1, 3, 2, 2, requires_grad=True)
    OBJECTIVES["segmentation"]((logits,), (maps,), 0.0).backward()
    assert logits.grad is not None
    assert logits.grad.abs().sum(1).gt(0).tolist() == [[[True, False], [False, False]]]


@pytest.mark.parametrize("boxes", [True, False])
def test_labels_go_where_a_varied_picture_goes(boxes: bool) -> None:
    """A picture that holds its own labels: red is the map's class, in a box of that colour."""
    picture = np.zeros((60, 90, 3), np.uint8)
    classes = np.zeros((60, 90), np.uint8)
    picture[20:50, 30:60, 0] = 200
    classes[20:50, 30:60] = 1
    labels = Located(np.array([[30.0, 20, 60, 50]], np.float32), np.array([4]), classes)
    seen = 0
    for seed in range(30):
        image, moved = varied(picture, labels, 48, boxes, np.random.default_rng(seed))
        assert image.shape == (48, 48, 3) and moved.map.shape == (48, 48)
        red = image[..., 0] > 150
        inside = moved.map != NO_CLASS
        # Where the picture is, red pixels are of the class, but for the edges between pixels.
        assert (red[inside] == (moved.map[inside] == 1)).mean() > 0.9
        for left, top, right, bottom in np.rint(moved.boxes).astype(int):
            seen += 1
            assert red[top + 1 : bottom - 1, left + 1 : right - 1].mean() > 0.95
        assert len(moved.boxes) == len(moved.classes) <= 1
    assert seen > 5


@pytest.mark.parametrize("model", ["ssdlite_scenes_v2_ca_s64", "lraspp_scenes_v2_s64"])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path: Path, model: str) -> None:
    class Interrupted(Exception):
        pass

    def stop(step: str, done: int, total: int) -> None:
        if step.startswith("train") and done == 3:
            raise Interrupted

    whole = train(tiny(tmp_path / "whole", model))
    with pytest.raises(Interrupted):
        train(tiny(tmp_path / "parts", model), stop)
    resumed = train(tiny(tmp_path / "parts", model, resume=True))
    assert documents.sha256(resumed.weights) == documents.sha256(whole.weights)
    record = documents.load(resumed.manifest, Checkpoint)
    assert record == documents.load(whole.manifest, Checkpoint)
    assert record.accuracy is None and record.score is not None
    columns = {column.id for column in tasks.get(registry.get(model).task).figures}
    assert set(record.score.figures) == columns
    rate = "0.01" if model.startswith("ssdlite") else "0.007"
    assert f"--learning-rate {rate} " in record.command
    assert build(registry.get(model), resumed.weights).trained


@pytest.mark.parametrize(
    ("model", "form"),
    [
        ("ssdlite_mobilenet_v2_w025_s64", "coco"),
        ("ssdlite_mobilenet_v3_small_w025_s64", "voc"),
        ("lraspp_mobilenet_v2_w025_s64", "voc"),
    ],
)
def test_a_training_on_folders_makes_the_loss_smaller(
    tmp_path: Path, model: str, form: str
) -> None:
    write = made_tasks.write_coco if form == "coco" else made_tasks.write_voc
    data = write(tmp_path / "data", 16)
    config = tiny(tmp_path / "out", model, data=data, epochs=10, batch_size=8, learning_rate=0.05)
    record = documents.load(train(config).manifest, Checkpoint)
    assert record.log[-1].loss < 0.8 * record.log[0].loss


def test_vocs_val_list_is_what_a_training_is_tested_on(tmp_path: Path) -> None:
    data = made_tasks.write_voc(tmp_path / "data", 12)
    lists = tmp_path / "data" / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("".join(f"{i:03}\n" for i in range(8)))
    (lists / "val.txt").write_text("".join(f"{i:03}\n" for i in range(8, 12)))
    model = "lraspp_mobilenet_v2_w025_s64"
    result = train(tiny(tmp_path / "out", model, data=data, epochs=1))
    assert result.score is not None and result.score.images == 4


def test_data_that_do_not_fit_a_model_are_refused(tmp_path: Path) -> None:
    data = made_tasks.write_coco(tmp_path / "data", 8)
    for model, given, error, message in (
        ("lraspp_scenes_v2", data, UsageError, "holds no labels for segmentation"),
        ("ssdlite_mobilenet_v2", "scenes", UsageError, "the scenes are digits"),
        ("ssdlite_mobilenet_v2", "imagefolder:x", UsageError, "holds no labels for detection"),
        ("ssdlite_mobilenet_v2_w025_s64", data, DataError, "fewer than one batch of 64"),
    ):
        with pytest.raises(error, match=message):
            train(tiny(tmp_path, model, data=given, batch_size=64))
