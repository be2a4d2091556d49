"""`edgebench bundle --ios`: Core ML packages, and the Xcode project that lists them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb

from edgebench.cli import main
from edgebench.deploy.bundle.xcode import PROJECT, Project

APP = Path(__file__).parents[1] / "ios_app"
SIZE = 8


def package(
    path: Path, system: Any = ct.target.iOS16, labels: bool = False, image: bool = False
) -> Path:
    """Somebody else's classifier, converted by coremltools alone."""

    @mb.program(input_specs=[mb.TensorSpec((1, 3, SIZE, SIZE))], opset_version=system)
    def program(picture: Any) -> Any:
        scores = mb.reduce_mean(x=picture, axes=[2, 3], keep_dims=False)
        return mb.softmax(x=scores, axis=-1, name="scores")

    made = ct.convert(
        program,
        minimum_deployment_target=system,
        inputs=[ct.ImageType(name="picture", shape=(1, 3, SIZE, SIZE))] if image else None,
        classifier_config=ct.ClassifierConfig(["a", "b", "c"]) if labels else None,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    made.save(str(path))
    return path


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A copy of the app's own project and sources."""
    folder = tmp_path / "ios_app"
    (folder / PROJECT).parent.mkdir(parents=True)
    shutil.copyfile(APP / PROJECT, folder / PROJECT)
    shutil.copytree(APP / "App", folder / "App")
    return folder


def bundle(app: Path, *words: str) -> int:
    return main(["bundle", *words, "--ios", "--project", str(app)])


def test_the_project_of_the_repository_lists_every_source_and_no_model() -> None:
    project = Project(APP)
    listed = sorted(project.listed())
    sources = {one.relative_to(APP).as_posix() for one in APP.glob("App/**/*.swift")}
    assert listed == sorted([*sources, "App/Assets.xcassets"])
    assert project.deployment_target == (16, 0)


def test_somebody_elses_packages_take_the_place_of_those_that_were_there(
    app: Path, tmp_path: Path
) -> None:
    mean = package(tmp_path / "mean.mlpackage")
    pixels = package(tmp_path / "pixels.mlpackage", image=True)
    assert bundle(app, str(mean)) == 0
    assert bundle(app, str(pixels)) == 0
    (said,) = json.loads((app / "Models/bundle.json").read_text())["models"]
    assert (said["model"], said["height"], said["width"]) == ("pixels", SIZE, SIZE)
    assert said["task"]["task"] == "classification"
    assert said["task"]["outputs"][0]["name"] == "scores"
    assert said["file"] == f"{said['sha256']}.mlpackage"
    assert (app / "Models" / said["file"] / "Manifest.json").is_file()
    models = [one for one in Project(app).listed() if one.startswith("Models/")]
    assert sorted(models) == sorted(["Models/bundle.json", f"Models/{said['file']}"])
    assert not Project(app).needed() - set(Project(app).listed())


def test_what_the_apps_oldest_system_cannot_run_is_refused(
    app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (app / PROJECT).read_bytes()
    new = package(tmp_path / "new.mlpackage", ct.target.iOS18)
    assert bundle(app, str(new)) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "it needs iOS 18 (specification 9), and the app runs on iOS 16 or newer" in said
    assert (app / PROJECT).read_bytes() == before and not (app / "Models").exists()
    text = before.decode().replace("DEPLOYMENT_TARGET = 16.0", "DEPLOYMENT_TARGET = 18.0")
    (app / PROJECT).write_text(text)
    assert bundle(app, str(new)) == 0


def test_what_the_app_cannot_show_or_read_is_refused_with_the_reason(
    app: Path, tmp_path: Path, toys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled = package(tmp_path / "labelled.mlpackage", labels=True)
    damaged = package(tmp_path / "damaged.mlpackage")
    for one in damaged.rglob("*.mlmodel"):
        one.write_bytes(b"no model")
    for words, said in (
        ((str(labelled),), "its outputs are labels or images: "),
        ((str(damaged),), "refused"),
        ((str(toys / "plain.tflite"),), "the iOS app runs coreml files, not tflite"),
        ((str(tmp_path),), "unknown model"),
        ((str(labelled), "--android"), "both apps are named"),
    ):
        assert bundle(app, *words) == 2
        assert said in " ".join(capsys.readouterr().err.split()), words
    (app / PROJECT).write_text("{ this is no project")
    assert bundle(app, str(package(tmp_path / "good.mlpackage"))) != 0
    assert "cannot be used" in capsys.readouterr().err


def detector_pipeline(path: Path, labels: tuple[str, ...]) -> Path:
    """Somebody else's detector as Xcode previews it, by coremltools alone: a program with an image
    as its input, and the suppression of boxes behind it."""
    rows, classes = 5, len(labels)
    places = np.random.default_rng(2).random((rows, 4)).astype(np.float32)

    @mb.program(input_specs=[mb.TensorSpec((1, 3, SIZE, SIZE))], opset_version=ct.target.iOS16)
    def program(picture: Any) -> Any:
        mean = mb.reduce_mean(x=picture, axes=[0, 1, 2, 3], keep_dims=False)
        boxes = mb.add(x=places, y=mb.mul(x=mean, y=0.0), name="raw_coordinates")
        likely = np.full((rows, classes), 0.5, np.float32)
        return boxes, mb.add(x=likely, y=mb.mul(x=mean, y=0.0), name="raw_confidence")

    first = ct.convert(
        program,
        minimum_deployment_target=ct.target.iOS16,
        inputs=[ct.ImageType(name="picture", shape=(1, 3, SIZE, SIZE))],
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    last = ct.proto.Model_pb2.Model()
    last.specificationVersion = 3
    for given, made, side in (
        ("raw_coordinates", "coordinates", 4),
        ("raw_confidence", "confidence", classes),
    ):
        array = ct.proto.FeatureTypes_pb2.ArrayFeatureType
        for port, name in (
            (last.description.input.add(), given),
            (last.description.output.add(), made),
        ):
            port.name = name
            port.type.multiArrayType.dataType = array.ArrayDataType.Value("FLOAT32")
        last.description.input[-1].type.multiArrayType.shape.extend((rows, side))
        for lower, upper in ((0, -1), (side, side)):
            size = last.description.output[-1].type.multiArrayType.shapeRange.sizeRanges.add()
            size.lowerBound, size.upperBound = lower, upper
    suppression = last.nonMaximumSuppression
    suppression.coordinatesInputFeatureName = "raw_coordinates"
    suppression.confidenceInputFeatureName = "raw_confidence"
    suppression.coordinatesOutputFeatureName = "coordinates"
    suppression.confidenceOutputFeatureName = "confidence"
    suppression.iouThreshold, suppression.confidenceThreshold = 0.5, 0.25
    suppression.stringClassLabels.vector.extend(labels)
    second = ct.models.MLModel(last, skip_model_load=True)
    ct.utils.make_pipeline(first, second).save(str(path))
    return path


def test_a_detector_as_xcode_previews_it_needs_no_words(
    app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = detector_pipeline(tmp_path / "theirs.mlpackage", ("cup", "key"))
    assert bundle(app, str(theirs)) == 0
    (said,) = json.loads((app / "Models/bundle.json").read_text())["models"]
    assert (said["model"], said["height"], said["width"]) == ("theirs", SIZE, SIZE)
    assert said["task"]["task"] == "detection" and said["labels"] == ["cup", "key"]
    assert [one["name"] for one in said["task"]["outputs"]] == [
        "boxes",
        "classes",
        "scores",
        "count",
    ]
    layout = said["task"]["layout"]
    assert (layout["format"], layout["scale"]) == ("yxyx", "normalised")
    labels = tmp_path / "labels.txt"
    labels.write_text("tasse\nschluessel\n")
    assert bundle(app, str(theirs), "--labels", str(labels)) == 0
    (said,) = json.loads((app / "Models/bundle.json").read_text())["models"]
    assert said["labels"] == ["tasse", "schluessel"]
    assert main(["lint", str(theirs)]) in (0, 1)
    assert "theirs" in capsys.readouterr().out
