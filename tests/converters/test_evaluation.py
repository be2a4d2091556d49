"""A user's own ONNX file and labelled images: its artifact carries what measures its accuracy."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image
from tiny_models import CLASSES, SIDE, Write, tiny_cnn

from edgebench import tasks
from edgebench.converters.artifact import Artifact
from edgebench.converters.export.export import export
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.onnx import reference
from edgebench.converters.targets import parse
from edgebench.errors import DataError, UsageError

EACH = 6


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders by number, each with pictures of its own."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(5)
    for label in range(CLASSES):
        (folder / str(label)).mkdir()
        for i in range(EACH):
            coarse = rng.integers(0, 255, (4, 4, 3), np.uint8)
            Image.fromarray(coarse).resize((24, 20)).save(folder / str(label) / f"{i}.png")
    return folder


def exported(source: Path, data: str, out: Path, **options: object) -> Artifact:
    asked = ExportRequest(str(source), (parse("onnx"),), out, data=data, **options)  # type: ignore[arg-type]
    (artifact,) = export(asked).artifacts
    return artifact


def test_an_onnx_files_artifact_brings_images_labels_and_its_own_outputs(
    write: Write, labelled: Path, tmp_path: Path
) -> None:
    half = (0.5, 0.5, 0.5)
    artifact = exported(write(), f"imagefolder:{labelled}", tmp_path, mean=half, std=half)
    evaluation = artifact.manifest.evaluation
    assert evaluation is not None and evaluation.data == f"folder {labelled.name}"
    with np.load(tmp_path / evaluation.inputs) as inputs:
        images, labels = inputs["images"], inputs["labels"]
    assert images.shape == (evaluation.samples, SIDE, SIDE, 3) and images.dtype == np.uint8
    assert set(labels.tolist()) == set(range(CLASSES))
    with np.load(tmp_path / evaluation.reference) as kept:
        logits = kept["logits"]
    fed = ((images / 255 - 0.5) / 0.5).transpose(0, 3, 1, 2).astype(np.float32)
    wanted = [row[0][0] for row in reference.run(tiny_cnn(), [{"x": one[None]} for one in fed])]
    np.testing.assert_allclose(logits, wanted, atol=1e-4)


def test_without_mean_and_std_images_are_pixels_in_0_to_1_and_that_is_said(
    write: Write, labelled: Path, tmp_path: Path
) -> None:
    asked = ExportRequest(str(write()), (parse("onnx"),), tmp_path, data=f"imagefolder:{labelled}")
    done = export(asked)
    (artifact,) = done.artifacts
    assert artifact.manifest.preprocessing is not None
    assert set(artifact.manifest.preprocessing.mean) == {0.0}
    assert any("--mean" in note for note in done.notes)


def test_other_data_makes_the_artifact_anew(write: Write, labelled: Path, tmp_path: Path) -> None:
    source, data = write(), f"imagefolder:{labelled}"
    first = exported(source, data, tmp_path).manifest.fingerprint
    assert exported(source, data, tmp_path).manifest.fingerprint == first
    Image.new("RGB", (20, 20)).save(labelled / "0" / "new.png")
    assert exported(source, data, tmp_path).manifest.fingerprint != first


def test_outputs_that_are_no_classes_have_no_accuracy(
    write: Write, labelled: Path, tmp_path: Path
) -> None:
    model = tiny_cnn()
    del model.graph.output[:]
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("relu", onnx.TensorProto.FLOAT, (1, 8, SIDE, SIDE))
    )
    with pytest.raises(UsageError, match="images x classes; the outputs are: relu 1x8x16x16"):
        exported(write(model), f"imagefolder:{labelled}", tmp_path)


def test_a_background_class_is_none_of_the_labels(
    write: Write, labelled: Path, tmp_path: Path
) -> None:
    """The model has one class more than there are labels, and answers are counted without it."""
    names = tmp_path / "labels.txt"
    names.write_text("".join(f"{place}\n" for place in range(CLASSES - 1)))
    data = tmp_path / "four"
    shutil.copytree(labelled, data, ignore=shutil.ignore_patterns(str(CLASSES - 1)))
    words = {"task": "classification", "outputs": {"background": "first"}, "labels": names}
    evaluation = exported(
        write(), f"imagefolder:{data}", tmp_path / "out", **words
    ).manifest.evaluation
    assert evaluation is not None and evaluation.task.layout["background"] == "first"
    task = tasks.get(evaluation.task.task)
    with np.load(tmp_path / "out" / evaluation.reference) as kept:
        logits = kept["logits"]
    with np.load(tmp_path / "out" / evaluation.inputs) as inputs:
        labels = inputs["labels"]
    tally = task.tally(evaluation.task)
    assert tally is not None
    tally.add({"logits": logits}, task.truth({"labels": labels}))
    score = tally.score()
    assert score is not None
    assert score.figures["top1"].value == np.mean(logits.argmax(1) == labels + 1)


def test_folders_that_are_not_the_models_classes_are_refused(write: Write, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(20):
            Image.new("RGB", (20, 20), (i, i, i)).save(tmp_path / "pets" / name / f"{i}.png")
    with pytest.raises(DataError, match="2 classes and the model 5"):
        exported(write(), f"imagefolder:{tmp_path / 'pets'}", tmp_path / "out")
