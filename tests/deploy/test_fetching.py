"""Outputs on their way from a device: as files, each once and whole."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from toy_models import IMAGES, MakeRun

from edgebench.deploy.documents.changes import Changes
from edgebench.deploy.documents.staging import read_plan, write_plan
from edgebench.deploy.remote.python_runner import PythonRunner
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.shell import DeviceLostError, Shell
from edgebench.deploy.remote.store import Store
from edgebench.deploy.runner.messages import Reporter
from edgebench.deploy.runner.remote import Host, RemoteReporter
from edgebench.deploy.runner.result import Result
from edgebench.errors import DeviceError, InvalidFileError
from edgebench.progress import silent
from edgebench.tasks.reduction import argmax

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


class ListeningHost(Host):
    """A host that notes what was said before each wait; nobody reads stdin."""

    def __init__(self, said: Callable[[], str]) -> None:
        self.said = said
        self.heard: list[str] = []

    def wait(self) -> None:
        self.heard.append(self.said())


def test_the_runner_waits_for_the_host_to_fetch_what_is_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NAME).parent.mkdir(parents=True)
    (tmp_path / NAME).write_bytes(CONTENT)
    host = ListeningHost(lambda: capsys.readouterr().out)
    reporter = RemoteReporter(str(tmp_path), host)
    reporter.change({"complete": True})
    for _ in range(2):
        reporter.change({"evaluations": {"slot": {"error": None, "outputs": {"map": NAME}}}})
    first, told = map(json.loads, host.heard.pop().splitlines())
    assert not host.heard and first["files"] == {}
    assert told["files"] == json.loads(change(NAME))["files"]
    assert json.loads(capsys.readouterr().out)["files"] == {}
