"""Models of every task, from the zoo's own exporter to what the core says of an image."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import made_tasks
import numpy as np
import onnx
import pytest
import toolbox

from edgebench import tasks
from edgebench.cli import main
from edgebench.converters.artifact import Artifact, find_artifacts
from edgebench.deploy.runner.engines.tflite import TFLiteEngine
from edgebench.documents import convert
from edgebench.models.data import scenes
from edgebench.tasks.reduction import reduce

pytestmark = pytest.mark.rig

WITH_POST_PROCESSING, ITS_SIDE = "ssdlite_scenes_v2", 96
"""A detector whose file ends in LiteRT's own post-processing."""


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier, a detector and a segmenter, as floats and as int8."""
    folder = tmp_path_factory.mktemp("made")
    data = made_tasks.write_coco(folder / "coco", 24)
    maps = made_tasks.write_voc(folder / "voc", 24)
    photos = made_tasks.write_folders(folder / "photos", 8)
    for name, model, words in (
        ("classifier", made_tasks.classifier(), ("--data", photos)),
        ("detector", made_tasks.detector(), ("--data", data, "--task", "detection")),
        ("segmenter", made_tasks.segmenter(), ("--data", maps, "--task", "segmentation")),
    ):
        onnx.save(model, folder / f"{name}.onnx")
        outputs = "boxes=place,scores=confidence,classes=kind" if name == "detector" else ""
        more = ("--outputs", outputs) if outputs else ()
        to = ("--to", "tflite:fp32,tflite:int8", "--out", str(folder / "artifacts"))
        code = main(["export", str(folder / f"{name}.onnx"), *words, *more, *to])
        assert code == 0, name
    assert main(["export", WITH_POST_PROCESSING, *to]) == 0
    return folder / "artifacts"


def wanted(artifact: Artifact, model: dict[str, Any], image: Any) -> Any:
    """What Python makes of the same file and image."""
    plan = {"threads": 1, "delegate": "xnnpack"}
    engine = TFLiteEngine(str(artifact.path), plan)
    how = {name: np.array(model["preprocessing"][name], "float32") for name in ("mean", "std")}
    nhwc = (image[np.newaxis].astype("float32") / 255 - how["mean"]) / how["std"]
    engine.feed(engine.inputs[0], nhwc.transpose(0, 3, 1, 2).transpose(0, 2, 3, 1))
    engine.invoke()

    from edgebench.tasks.task import Assignment, RoleOutput

    kept = [convert(one, RoleOutput) for one in model["task"]["outputs"]]
    onnx_outputs = {
        one["output"]: np.transpose(engine.output(one["index"]), np.argsort(one["axes"]))
        for one in model["task"]["outputs"]
    }
    assignment = Assignment(model["task"]["task"], tuple(kept), model["task"]["layout"])
    outputs = {one.role: reduce(one.reduction, one.output, onnx_outputs) for one in kept}
    (found,) = tasks.get(assignment.task).decode(assignment, outputs)
    return found


def test_the_core_says_of_an_image_what_python_says(artifacts: Path, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "settings.gradle.kts").touch()
    own = {one.manifest.sha256: one for one in find_artifacts(artifacts)}
    names = sorted({one.manifest.model for one in own.values()})
    words = ("--artifacts", str(artifacts), "--project", str(app))
    assert main(["bundle", *names, "--android", *words]) == 0
    folder = app / "app/src/main/assets/models"
    pixels, *_ = next(made_tasks.scenes(1))
    (tmp_path / f"{made_tasks.SIDE}x{made_tasks.SIDE}.rgb").write_bytes(pixels.tobytes())
    ((photo,), _) = scenes.with_things("test", 1, 7, ITS_SIDE)
    (tmp_path / f"{ITS_SIDE}x{ITS_SIDE}.rgb").write_bytes(photo.tobytes())
    command = [*toolbox.app_on_jvm("Predict"), str(folder), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    models = json.loads((folder / "bundle.json").read_text())["models"]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(models) == 8
    for model, said in zip(models, lines, strict=True):
        image = photo if model["model"] == WITH_POST_PROCESSING else pixels
        found = wanted(own[model["sha256"]], model, image)
        if model["task"]["task"] == "classification":
            assert [index for index, _ in said] == found.classes.tolist()
            assert [score for _, score in said] == pytest.approx(found.scores, abs=1e-5)
        elif model["task"]["task"] == "detection":
            assert len(found) > 0
            expected = np.column_stack([found.boxes, found.scores, found.classes])
            assert np.array(said) == pytest.approx(expected, abs=1e-4)
        else:
            assert np.array_equal(np.array(said).reshape(found.shape), found)
