"""Models of every task, from a bundle of the iOS app to what the core says of an image."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import made_tasks
import numpy as np
import pytest
import swift
import swift_phone
from evaluator_server import Server

from edgebench import tasks
from edgebench.cli import main
from edgebench.converters import postprocess
from edgebench.converters.artifact import Artifact, find_artifacts
from edgebench.converters.coreml import suppression
from edgebench.converters.coreml.evaluator import pipeline, program
from edgebench.deploy.bundle.xcode import PROJECT
from edgebench.documents import convert
from edgebench.models.data import scenes
from edgebench.tasks.reduction import reduce
from edgebench.tasks.task import Assignment, RoleOutput

pytestmark = pytest.mark.rig

DETECTORS_SIDE = 96


def wanted(artifact: Artifact, model: dict[str, Any], image: Any) -> Any:
    """What Python makes of the same package, which takes images as they are."""
    loaded = pipeline.load(artifact.path) or program.load(artifact.path)
    assert loaded.inputs[0].image is not None
    (made,) = loaded.run_all([{loaded.inputs[0].name: image}])
    outputs = model["task"]["outputs"]
    if isinstance(loaded, pipeline.DetectorPipeline):
        arrays = suppression.as_arrays(made["coordinates"], made["confidence"])
        made = dict(zip(postprocess.OUTPUTS, arrays, strict=True))
    kept = [convert(one, RoleOutput) for one in outputs]
    onnx = {
        one["output"]: np.transpose(made[one["name"]], np.argsort(one["axes"])) for one in outputs
    }
    assignment = Assignment(model["task"]["task"], tuple(kept), model["task"]["layout"])
    by_role = {one.role: reduce(one.reduction, one.output, onnx) for one in kept}
    (found,) = tasks.get(assignment.task).decode(assignment, by_role)
    return found


def test_the_core_says_of_an_image_what_python_says(
    packages: Path, evaluator: Server, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    shutil.copytree(swift.APP / PROJECT.parent, app / PROJECT.parent)
    names = ("classifier", "detector", "segmenter", swift_phone.PIPELINE)
    words = ("--artifacts", str(packages), "--project", str(app))
    assert main(["bundle", *names, "--ios", *words]) == 0
    pixels, *_ = next(made_tasks.scenes(1))
    (tmp_path / f"{made_tasks.SIDE}x{made_tasks.SIDE}.rgb").write_bytes(pixels.tobytes())
    ((photo,), _) = scenes.with_things("test", 1, 7, DETECTORS_SIDE)
    (tmp_path / f"{DETECTORS_SIDE}x{DETECTORS_SIDE}.rgb").write_bytes(photo.tobytes())
    command = [*swift_phone.start_program(), "predict", str(app / "Models"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    models = json.loads((app / "Models/bundle.json").read_text())["models"]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [model["model"] for model in models] == list(names) and len(lines) == len(names)
    own = {one.manifest.sha256: one for one in find_artifacts(packages)}
    seen = (pixels, pixels, pixels, photo)
    classes, boxes, labels, things = (
        wanted(own[model["sha256"]], model, image)
        for model, image in zip(models, seen, strict=True)
    )
    assert [index for index, _ in lines[0]] == classes.classes.tolist()
    assert [score for _, score in lines[0]] == pytest.approx(classes.scores, abs=1e-6)
    for line, found in ((lines[1], boxes), (lines[3], things)):
        expected = np.column_stack([found.boxes, found.scores, found.classes])
        assert len(found) > 0 and np.array(line) == pytest.approx(expected, abs=1e-4)
    assert np.array_equal(np.array(lines[2]).reshape(labels.shape), labels)
