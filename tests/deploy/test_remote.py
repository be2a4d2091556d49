"""A plan at the other end of a shell; here the other end is this machine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest
from toy_models import LONG, MakeRun

from edgebench.deploy.remote import python_check
from edgebench.deploy.remote.python_runner import PythonRunner
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.shell import DeviceLostError, Shell
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.local import LocalDevice
from edgebench.errors import DeviceError
from edgebench.progress import silent


class HereShell(Shell):
    """A stand-in for adb and ssh. `gone` says why the device cannot be used, if so."""

    name = "here"

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.gone: list[DeviceError] = []

    def argv(self, command: str) -> list[str]:
        return ["sh", "-c", command]

    def send(self, source: Path, target: str) -> None:
        self.sent.append(Path(target).name)
        shutil.copyfile(source, target)

    def problem(self) -> DeviceError | None:
        return self.gone.pop() if self.gone else None


@pytest.fixture
def shell() -> HereShell:
    return HereShell()


@pytest.fixture
def device(shell: HereShell, tmp_path: Path) -> RemoteDevice:
    store = Store(shell, str(tmp_path / "device"))
    return RemoteDevice("here", "a stand-in", store, PythonRunner(sys.executable), keep=True)


def test_a_remote_run_is_the_same_run(device: RemoteDevice, make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", evaluate=True)
    seen: list[tuple[str, int, int]] = []
    result = device.run(folder, lambda *step: seen.append(step))
    assert result.complete
    here = make_run("plain", "attention", evaluate=True, where="here")
    local = LocalDevice().run(here, silent)
    assert [block.index for block in result.blocks] == [block.index for block in local.blocks]
    assert {step for step, _, _ in seen} >= {"sending files (KiB)", "measuring blocks"}
    for slot, evaluation in result.evaluations.items():
        assert evaluation.outputs == {"logits": f"outputs/{slot}/logits.npy"}
        name = evaluation.outputs["logits"]
        assert (folder / name).read_bytes() == (here / name).read_bytes()


def test_ctrl_c_gives_what_there_is_and_the_same_folder_goes_on(
    device: RemoteDevice, make_run: MakeRun
) -> None:
    # So many blocks that the runner is not done before a slow machine comes to the interruption.
    folder = make_run("plain", "attention", blocks=80, samples=LONG)

    def interrupt(step: str, done: int, total: int) -> None:
        if step == "measuring blocks" and done == 2:
            raise KeyboardInterrupt

    partial = device.run(folder, interrupt)
    assert not partial.complete and 2 <= len(partial.blocks) < 80
    whole = device.run(folder, silent)
    assert whole.complete
    assert whole.blocks[:2] == partial.blocks[:2]


def test_a_device_that_goes_away_is_waited_for_and_nothing_is_lost(
    device: RemoteDevice, shell: HereShell, make_run: MakeRun
) -> None:
    folder = make_run("plain", "attention", blocks=6, samples=LONG)
    kept: list[int] = []
    waited: list[str] = []

    def unplug(step: str, done: int, total: int) -> None:
        if step == "measuring blocks" and done == 2 and not kept:
            kept.append(done)
            shell.gone = [DeviceLostError("here is gone", "plug it in")]
            raise shell.gone[0]
        if "gone" in step:
            waited.append(step)

    result = device.run(folder, unplug)
    assert result.complete and kept and waited


def test_a_device_that_comes_back_is_set_up_again_and_put_back_in_the_end(
    device: RemoteDevice, shell: HereShell, make_run: MakeRun
) -> None:
    done: list[str] = []
    device.set_up = lambda shell: done.append("set up")
    device.restore = lambda shell: done.append("put back")

    def unplug(step: str, blocks: int, total: int) -> None:
        if step == "measuring blocks" and blocks == 2 and len(done) == 1:
            raise DeviceLostError("here is gone", "plug it in")

    with device.reserved():
        device.run(make_run("plain", "attention", samples=LONG), unplug)
    assert done == ["set up", "set up", "put back"]


def test_a_device_that_stays_away_is_an_error_that_says_how_to_go_on(
    device: RemoteDevice, shell: HereShell, make_run: MakeRun
) -> None:
    device.reconnect_s = 0.0
    folder = make_run("plain", "attention", blocks=6, samples=LONG)

    def unplug(step: str, done: int, total: int) -> None:
        if step == "measuring blocks" and done == 2:
            raise DeviceLostError("here is gone", "plug it in")

    with pytest.raises(DeviceError, match="here is gone") as caught:
        device.run(folder, unplug)
    assert "--resume" in caught.value.remedy
    device.reconnect_s = 60.0
    assert device.run(folder, silent).complete


def test_files_are_sent_once_by_content_and_removed_in_the_end(
    device: RemoteDevice, shell: HereShell, make_run: MakeRun, tmp_path: Path
) -> None:
    folder = make_run("plain", "attention")
    with device.reserved():
        device.run(folder, silent)
        first = list(shell.sent)
        shell.sent.clear()
        (folder / "result.json").unlink()
        device.run(folder, silent)
    assert sum(name.endswith(".tflite") for name in first) == 2
    assert shell.sent == []
    device.keep = False
    with device.reserved():
        device.run(folder, silent)
    assert not (tmp_path / "device").exists()


def test_cores_that_the_device_has_not_are_said(device: RemoteDevice, make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", cores=(100_000,))
    allowed = re.escape(str(sorted(os.sched_getaffinity(0))))
    with pytest.raises(
        DeviceError, match=rf"cannot run on cores \[100000\].* allowed are {allowed}"
    ):
        device.run(folder, silent)


def test_a_device_in_use_is_locked(device: RemoteDevice) -> None:
    with device.reserved(), pytest.raises(DeviceError, match="in use"), device.reserved():
        pass


def test_a_device_that_another_host_measures_on_is_left_to_it(
    device: RemoteDevice, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.keep = False
    refused: list[str] = []

    def elsewhere(step: str, done: int, total: int) -> None:
        if step == "measuring blocks" and not refused:
            with monkeypatch.context() as other:
                other.setenv("EDGEBENCH_DATA", str(tmp_path / "another host's"))
                for use in (device.reserved().__enter__, device.clean, device.store.remove_runs):
                    with pytest.raises(DeviceError, match="in use by edgebench on") as caught:
                        use()
                    refused.append(caught.value.remedy)

    with device.reserved():
        assert device.run(make_run("plain", "attention", samples=LONG), elsewhere).complete
    assert len(refused) == 3 and "stop process" in refused[0]
    assert not (tmp_path / "device").exists()


def test_a_check_leaves_a_device_in_use_alone(device: RemoteDevice) -> None:
    with device.reserved():
        *before, last = device.check()
    assert [step.state for step in before] == ["ok"]
    assert last.state == "missing" and "in use by another run" in last.found and last.remedy


def test_a_device_that_cannot_be_used_is_said_before_anything_is_sent(
    device: RemoteDevice, shell: HereShell
) -> None:
    shell.gone = [DeviceError("here is not authorised", "accept the key")]
    with pytest.raises(DeviceError, match="not authorised"), device.reserved():
        pass


def test_a_check_goes_step_by_step(device: RemoteDevice, shell: HereShell) -> None:
    steps = list(device.check())
    assert [step.name for step in steps[2:]] == ["Python", "NumPy", "tflite", "onnx", "openvino"]
    assert {step.state for step in steps} == {"ok"}
    device.runner = PythonRunner("/nowhere/python")
    assert [step.state for step in device.check()] == ["ok", "ok", "missing"]
    shell.gone = [DeviceError("here is not authorised", "accept the key")]
    assert [step.state for step in device.check()] == ["missing"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
            "it crashes when imported",
        ),
        ("raise SystemExit", "it ends the process that imports it"),
        ("raise ImportError('GLIBC_2.34 not found')", "GLIBC_2.34 not found"),
    ],
)
def test_a_runtime_that_breaks_its_python_is_no_missing_python(
    body: str, found: str, shell: HereShell, tmp_path: Path
) -> None:
    modules, home = tmp_path / "modules", tmp_path / "home"
    home.mkdir()
    for name in ("ai_edge_litert", "tflite_runtime", "tensorflow"):
        (modules / name).mkdir(parents=True)
        (modules / name / "__init__.py").write_text(body)
    word = f"env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={modules} HOME={home} {sys.executable}"
    facts = python_check.inspect_python(shell, word)
    assert isinstance(facts, python_check.PythonFacts)
    assert facts.runtimes["tflite"].error.startswith(found)
    assert facts.runtimes["onnx"].name and facts.runtimes["openvino"].name
    assert list(home.iterdir()) == []  # Some runtimes keep there who is counted.


def test_a_folder_that_takes_no_file_is_missing_from_a_check(
    device: RemoteDevice, shell: HereShell
) -> None:
    device.store = Store(shell, "/proc/edgebench")  # Not even root can write there.
    *_, last = device.check()
    assert (last.name, last.state) == ("space", "missing")
    assert "edgebench-" in last.found and last.remedy


def test_a_runner_that_is_killed_is_said_to_be(device: RemoteDevice, make_run: MakeRun) -> None:
    def kill(step: str, done: int, total: int) -> None:
        if step == "measuring blocks":
            os.kill(device.store.leftover_runners()[0], signal.SIGKILL)

    with pytest.raises(DeviceError, match="when memory runs out") as caught:
        device.run(make_run("plain", "attention", blocks=100, samples=LONG), kill)
    assert "--resume" in caught.value.remedy


def test_why_a_python_does_not_run_is_said(device: RemoteDevice) -> None:
    device.runner = PythonRunner("/nowhere/python")
    *_, last = device.check()
    assert "/nowhere/python" in last.found and "prepare" in last.remedy
