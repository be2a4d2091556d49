"""Outputs as the runner keeps them, image by image, and what it needs for that."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from test_runner import finish
from toy_models import MakeRun

from edgebench.deploy.documents.plan import (
    EvaluationInputs,
    Group,
    KeptOutput,
    Plan,
    PlannedArtifact,
    TurnLength,
    Warmup,
)
from edgebench.deploy.documents.staging import read_plan, stage_file, stage_runner, write_plan
from edgebench.deploy.runner.files import stored_inputs
from edgebench.deploy.runner.messages import Json, RunnerError
from edgebench.deploy.runner.outputs import KeptOutputs
from edgebench.documents import sha256
from edgebench.errors import InvalidFileError
from edgebench.tasks.reduction import Reduction, argmax, identity

SCORES = np.random.default_rng(3).normal(size=(4, 1, 6, 5, 3)).astype(np.float32)
"""Of four images, in NHWC: three classes for each of 6x5 pixels."""


def kept(role: str, reduction: Reduction, axes: tuple[int, ...] = (0, 2, 3, 1)) -> Json:
    """An entry of a plan that keeps the output `scores`."""
    entry = KeptOutput(role, "scores", "Identity", 0, axes, reduction)
    plain: Json = msgspec.to_builtins(entry)
    return plain


MAP, WHOLE = kept("map", argmax((3, 6, 5), 0)), kept("/head/scores:0", identity((3, 6, 5)))


def add_all(files: KeptOutputs, images: Any) -> None:
    with files:
        for image in images:
            files.add(lambda _, image=image: image)  # type: ignore[misc]


def test_each_role_has_a_file_of_what_is_kept_in_onnxs_order_of_axes(tmp_path: Path) -> None:
    files = KeptOutputs(np, [MAP, WHOLE], str(tmp_path), "slot", len(SCORES))
    add_all(files, SCORES)
    assert files.names == {
        "map": "outputs/slot/map.npy",
        "/head/scores:0": "outputs/slot/%2Fhead%2Fscores%3A0.npy",
    }
    classes = np.load(tmp_path / files.names["map"])
    assert classes.dtype == np.uint8 and np.array_equal(classes, SCORES[:, 0].argmax(-1))
    whole = np.load(tmp_path / files.names["/head/scores:0"])
    assert np.array_equal(whole, SCORES[:, 0].transpose(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ([SCORES[0], np.full_like(SCORES[1], np.nan)], "output scores are not finite .* 1"),
        (SCORES[:1], "outputs of 1 images, not of 2"),
        (SCORES[:2, :, 1:], r"does not fit the outputs scores \[1, 5, 5, 3\]"),
        (SCORES[:2, 0], "does not fit the outputs"),
        (SCORES[:2].repeat(2, 1), r"gives \[2, 6, 5\] for an image, but .* \[1, 6, 5\]"),
    ],
)
def test_what_does_not_fit_is_said_and_leaves_no_file(
    images: Any, sentence: str, tmp_path: Path
) -> None:
    files = KeptOutputs(np, [MAP], str(tmp_path), "slot", 2)
    with pytest.raises(RunnerError, match=sentence):
        add_all(files, images)
    assert not list((tmp_path / "outputs/slot").iterdir())


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_images_come_one_by_one_as_the_artifact_takes_them(
    save: Callable[..., None], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 2, 3), np.uint8)
    save(tmp_path / "a.npz", images=pixels, labels=np.arange(5))
    digest = sha256(tmp_path / "a.npz")
    mean, std = [0.5, 0.25, 0.0], [0.5, 1.0, 2.0]
    entry = {"file": "a.npz", "sha256": digest, "mean": mean, "std": std, "axes": [0, 3, 1, 2]}
    images = stored_inputs(np, str(tmp_path), entry)
    wanted = ((pixels.astype(np.float32) / 255 - mean) / std).transpose(0, 2, 3, 1)
    assert images.count == len(list(images)) == 5
    for image, one in zip(images, wanted, strict=True):
        np.testing.assert_allclose(image[0][0], one, atol=1e-6)
    assert len(list(stored_inputs(np, str(tmp_path), entry, 2))) == 2


def test_arrays_come_row_by_row_for_the_inputs_that_they_are_for(tmp_path: Path) -> None:
    tokens = np.arange(12, dtype=np.int64).reshape(3, 1, 4)
    pixels = np.random.default_rng(0).random((3, 1, 2, 5, 6)).astype(np.float32)
    np.savez(tmp_path / "a.npz", **{"inputs/tokens": tokens, "inputs/an%2Fimage": pixels})
    entry = {
        "file": "a.npz",
        "sha256": sha256(tmp_path / "a.npz"),
        "arrays": [
            {"array": "inputs/an%2Fimage", "name": "image", "index": 1, "axes": [0, 2, 3, 1]},
            {"array": "inputs/tokens", "name": "tokens", "index": 0, "axes": [0, 1]},
        ],
    }
    stored = stored_inputs(np, str(tmp_path), entry, 2)
    assert stored.count == len(list(stored)) == 2
    for row, inputs in enumerate(stored):
        np.testing.assert_array_equal(inputs[0], tokens[row])
        np.testing.assert_array_equal(inputs[1], pixels[row].transpose(0, 2, 3, 1))
    entry["arrays"] = [{"array": "inputs/mask", "name": "mask", "index": 0, "axes": [0]}]
    with pytest.raises(RunnerError, match="has no inputs that can be read"):
        stored_inputs(np, str(tmp_path), entry)


GREY_PIXELS = np.zeros((2, 3, 3, 1), np.uint8)


@pytest.mark.parametrize("images", [np.zeros((2, 3, 3, 3)), GREY_PIXELS, None])
def test_a_file_without_images_is_said(images: Any, tmp_path: Path) -> None:
    arrays = {"labels": np.arange(2)} if images is None else {"images": images}
    np.savez(tmp_path / "a.npz", **arrays)
    entry = {"file": "a.npz", "sha256": sha256(tmp_path / "a.npz")}
    with pytest.raises(RunnerError, match="has no images that can be read"):
        stored_inputs(np, str(tmp_path), entry)


@pytest.mark.parametrize("schema", ["edgebench.plan/3", "edgebench.plan/9"])
def test_a_plan_of_another_version_is_refused(schema: str, make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", blocks=1, processes=1)
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps({**plan, "schema": schema}))
    code, _, err = finish(folder)
    assert code == 1 and "is not an edgebench.plan/4 file; make it again" in err
    with pytest.raises(InvalidFileError, match=r"this edgebench reads edgebench\.plan/4"):
        read_plan(folder)


PEAK = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "runner.pyz", "plan.json", "result.json"])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(done.returncode)
"""
SIDE, COLOURS = 200, 21


def peak_bytes(folder: Path, images: int) -> int:
    """The peak of memory of a run of a segmenter, whose scores take 3.4 MB an image."""
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (images, SIDE, SIDE, 3), np.uint8)
    np.savez_compressed(folder / "images.npz", images=pixels)
    weights = np.random.default_rng(1).normal(size=(COLOURS, 3, 1, 1)).astype(np.float32)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "w"], ["scores"])],
        "segmenter",
        [value("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [value("scores", TensorProto.FLOAT, [1, COLOURS, SIDE, SIDE])],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "seg.onnx")
    digests = {name: sha256(folder / name) for name in ("seg.onnx", "images.npz")}
    files = {name: stage_file(folder / name, one, folder) for name, one in digests.items()}
    axes = (0, 1, 2, 3)
    classes = KeptOutput("map", "scores", "scores", 0, axes, argmax((COLOURS, SIDE, SIDE), 0))
    inputs = EvaluationInputs(
        files["images.npz"], digests["images.npz"], (0.5,) * 3, (0.25,) * 3, axes, (classes,)
    )
    artifact = PlannedArtifact("seg", files["seg.onnx"], digests["seg.onnx"], "onnx", inputs)
    write_plan(
        Plan(
            id="memory",
            seed=0,
            threads=1,
            cores=None,
            delegate="xnnpack",
            artifacts={"seg": artifact},
            groups=(Group("seg", "seg", ("seg",), TurnLength(3, 1, 1)),),
            processes=0,
            first_look=0,
            blocks=(),
            warmup=Warmup(3, 0.2, 0.05),
        ),
        folder,
    )
    stage_runner(folder)
    command = [sys.executable, "-c", PEAK]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert np.load(folder / "outputs/seg/map.npy").shape == (images, SIDE, SIDE)
    return int(done.stdout.splitlines()[-1])


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    few, many = (peak_bytes(tmp_path / str(images), images) for images in (2, 60))
    scores = 4 * COLOURS * SIDE**2
    # 58 more images are 195 MB of scores, 7 MB of pixels and 2 MB of maps.
    assert many - few < 2 * scores
