"""Outputs on their way: kept image by image on the device, and fetched as files."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from test_runner import finish
from toy_models import IMAGES, MakeRun

from edgebench.deploy.documents.changes import Changes
from edgebench.deploy.documents.plan import KeptOutput
from edgebench.deploy.documents.staging import read_plan, write_plan
from edgebench.deploy.remote.python_runner import PythonRunner
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.shell import DeviceLostError, Shell
from edgebench.deploy.remote.store import Store
from edgebench.deploy.runner.files import StoredImages
from edgebench.deploy.runner.messages import Json, Reporter, RunnerError
from edgebench.deploy.runner.outputs import KeptOutputs
from edgebench.deploy.runner.result import Result
from edgebench.documents import sha256
from edgebench.errors import DeviceError, InvalidFileError
from edgebench.progress import silent
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
    images = StoredImages(np, str(tmp_path), entry)
    wanted = ((pixels.astype(np.float32) / 255 - mean) / std).transpose(0, 2, 3, 1)
    assert images.count == len(list(images)) == 5
    for image, one in zip(images, wanted, strict=True):
        np.testing.assert_allclose(image[0], one, atol=1e-6)
    assert len(list(StoredImages(np, str(tmp_path), entry, 2))) == 2


GREY_PIXELS = np.zeros((2, 3, 3, 1), np.uint8)


@pytest.mark.parametrize("images", [np.zeros((2, 3, 3, 3)), GREY_PIXELS, None])
def test_a_file_without_images_is_said(images: Any, tmp_path: Path) -> None:
    arrays = {"labels": np.arange(2)} if images is None else {"images": images}
    np.savez(tmp_path / "a.npz", **arrays)
    entry = {"file": "a.npz", "sha256": sha256(tmp_path / "a.npz")}
    with pytest.raises(RunnerError, match="has no images that can be read"):
        StoredImages(np, str(tmp_path), entry)


CONTENT = bytes(range(256)) * 40


def changes_of(folder: Path, fetched: list[str], content: bytes = CONTENT) -> Changes:
    def fetch(name: str, target: Path, size_bytes: int) -> None:
        fetched.append(name)
        target.write_bytes(content)

    return Changes(folder, Result(str(folder / "result.json"), "", Reporter()), silent, fetch)


def change(name: str, listed: bool = True) -> str:
    files = {name: {"sha256": hashlib.sha256(CONTENT).hexdigest(), "size_bytes": len(CONTENT)}}
    evaluation = {"error": None, "outputs": {"map": name}}
    body = {"change": {"evaluations": {"slot": evaluation}}, "files": files if listed else {}}
    return json.dumps(body)


NAME = "outputs/slot/map.npy"


def test_a_file_that_is_here_is_not_fetched_again(tmp_path: Path) -> None:
    fetched: list[str] = []
    changes = changes_of(tmp_path, fetched)
    for listed in (True, True, False):
        changes.apply(change(NAME, listed))
    assert fetched == [NAME] and (tmp_path / NAME).read_bytes() == CONTENT
    (tmp_path / NAME).write_bytes(CONTENT[:-1])
    changes.apply(change(NAME))
    assert fetched == [NAME, NAME] and (tmp_path / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"?", CONTENT + b"?"])
def test_a_damaged_file_is_named_and_its_change_alone_is_lost(
    content: bytes, tmp_path: Path
) -> None:
    changes = changes_of(tmp_path, [], content)
    changes.apply(json.dumps({"change": {"evaluations": {"other": {"error": "x"}}}}))
    with pytest.raises(DeviceError, match=r"outputs/slot/map\.npy was damaged") as caught:
        changes.apply(change(NAME))
    assert "--resume" in caught.value.remedy
    assert set(changes.result.body["evaluations"]) == {"other"}
    assert not list((tmp_path / "outputs/slot").iterdir())


@pytest.mark.parametrize(
    "name",
    ["outputs/../plan.npy", "/etc/a/b.npy", "outputs/a/../b.npy", "outputs/a.npy", "plan.json"],
)
def test_no_other_place_can_be_written(name: str, tmp_path: Path) -> None:
    fetched: list[str] = []
    with pytest.raises(InvalidFileError, match="cannot be applied"):
        changes_of(tmp_path, fetched).apply(change(name))
    assert not fetched


def test_an_output_that_comes_without_its_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="has no hash"):
        changes_of(tmp_path, []).apply(change(NAME, listed=False))


class NoisyShell(Shell):
    """This machine's shell after a login that prints. `breaks` are fetches that are cut off."""

    name = "here"

    def __init__(self) -> None:
        self.breaks: list[str] = []
        self.fetched: list[str] = []
        self.sent: list[str] = []

    def argv(self, command: str) -> list[str]:
        return ["sh", "-c", f"printf 'Welcome\\n> '; {command}"]

    def fetch(self, source: str, target: Path, size_bytes: int) -> None:
        self.fetched.append(Path(source).name)
        if Path(source).name in self.breaks:
            self.breaks.remove(Path(source).name)
            raise DeviceLostError("here is gone", "plug it in")
        super().fetch(source, target, size_bytes)

    def send(self, source: Path, target: str) -> None:
        shutil.copyfile(source, target)

    def problem(self) -> DeviceError | None:
        return None


def test_a_shell_brings_every_byte(tmp_path: Path) -> None:
    shell, there, here = NoisyShell(), tmp_path / "there", tmp_path / "here"
    content = b"\r\n\x00\xff" * 700_000 + b"edgebench-answer:\n"
    there.write_bytes(content)
    shell.fetch(str(there), here, len(content))
    assert here.read_bytes() == content


def test_a_file_that_is_not_what_was_told_is_said(tmp_path: Path) -> None:
    there = tmp_path / "there"
    with pytest.raises(DeviceError, match=r"does not give .*No such file"):
        NoisyShell().fetch(str(there), tmp_path / "here", 3)
    for content in (b"12", b"1234"):
        there.write_bytes(content)
        with pytest.raises(DeviceError, match=f"has {len(content)} bytes, not 3"):
            NoisyShell().fetch(str(there), tmp_path / "here", 3)


def test_a_device_that_goes_away_while_files_are_fetched_is_asked_for_the_rest_alone(
    make_run: MakeRun, tmp_path: Path
) -> None:
    folder = make_run("plain", "attention", evaluate=True)
    plan = json.loads((folder / "plan.json").read_text())
    for artifact in plan["artifacts"].values():
        entry = artifact["evaluation"]["outputs"][0]
        best = msgspec.to_builtins(argmax((5,), 0))
        artifact["evaluation"]["outputs"].append({**entry, "role": "best", "reduction": best})
    (folder / "plan.json").write_text(json.dumps(plan))
    write_plan(read_plan(folder), folder)
    shell = NoisyShell()
    shell.breaks = ["logits.npy"]  # The second in the order of names.
    device = RemoteDevice(
        "here", "a stand-in", Store(shell, str(tmp_path / "device")), PythonRunner(sys.executable)
    )
    result = device.run(folder, silent)
    assert result.complete
    assert shell.fetched == ["best.npy", "logits.npy", "logits.npy", "best.npy", "logits.npy"]
    for evaluation in result.evaluations.values():
        assert evaluation.outputs is not None
        logits, best = (np.load(folder / evaluation.outputs[one]) for one in ("logits", "best"))
        assert logits.shape == (IMAGES, 5) and np.array_equal(best, logits.argmax(-1))


@pytest.mark.parametrize("schema", ["edgebench.plan/2", "edgebench.plan/9"])
def test_a_plan_of_another_version_is_refused(schema: str, make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", blocks=1, processes=1)
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps({**plan, "schema": schema}))
    code, _, err = finish(folder)
    assert code == 1 and "is not an edgebench.plan/3 file; make it again" in err
    with pytest.raises(InvalidFileError, match=r"this edgebench reads edgebench\.plan/3"):
        read_plan(folder)
