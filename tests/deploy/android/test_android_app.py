"""The sample app as a runner, with a stand-in for the app and for Android's `am`, `pm`, `pidof`."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import stand_in_app
from toy_models import CLASSES, IMAGES, MakeRun

from edgebench.benchmarks.planning.run_until import MEASURING, run_until
from edgebench.deploy.documents.result import MeasuredBlock, RunResult
from edgebench.deploy.documents.staging import RUNNER, read_plan, stage_runner, write_plan
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.shell import DeviceLostError, Shell
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.adb.app import PACKAGE, AppRunner
from edgebench.deploy.transports.local import LocalDevice
from edgebench.documents import convert, load
from edgebench.errors import DeviceError
from edgebench.progress import silent


class PhoneShell(Shell):
    """A shell with the programs of the stand-in on its path."""

    name = "phone"
    identity = "phone"

    def __init__(self, programs: Path) -> None:
        self.path = f"{programs}:{os.environ['PATH']}"
        self.external = programs.parent

    def argv(self, command: str) -> list[str]:
        external = f"EXTERNAL_STORAGE={self.external}"
        return ["env", f"PATH={self.path}", external, "sh", "-c", command]

    def send(self, source: Path, target: str) -> None:
        shutil.copyfile(source, target)

    def problem(self) -> DeviceError | None:
        return None


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Path]:
    """The folder of the stand-in's programs; a file with a failure's name in it asks for one."""
    stage_runner(tmp_path)
    stand_in_app.install(tmp_path / "phone", tmp_path, PACKAGE, str(tmp_path / RUNNER))
    yield tmp_path / "phone"
    PhoneShell(tmp_path / "phone").run(f"am force-stop {PACKAGE}")


@pytest.fixture
def device(phone: Path, tmp_path: Path) -> RemoteDevice:
    store = Store(PhoneShell(phone), str(tmp_path / "home"))
    runner = AppRunner(poll_s=0.05)
    return RemoteDevice("phone", "a stand-in", store, runner)


def own_folder(tmp_path: Path) -> Path:
    return tmp_path / "Android" / "data" / PACKAGE / "files" / "edgebench"


def test_the_app_gives_the_result_that_the_python_runner_gives(
    device: RemoteDevice, make_run: MakeRun, tmp_path: Path
) -> None:
    folder = make_run("plain", "attention", "int8", evaluate=True)
    write_plan(replace(read_plan(folder), profile=True), folder)
    seen: set[str] = set()
    with device.reserved():
        result = device.run(folder, lambda step, done, total: seen.add(step))
    assert result.complete
    assert result.context.python is None and result.context.runtimes["tflite"].version
    assert seen >= {"measuring blocks", "loading and evaluating artifacts"}
    other = make_run("plain", "attention", "int8", evaluate=True, where="local")
    local = LocalDevice().run(other, silent)
    assert [one.index for one in result.blocks] == [one.index for one in local.blocks]
    body = json.loads((folder / "result.json").read_text())
    for slot, evaluation in result.evaluations.items():
        assert evaluation.outputs is not None and "profile" in body["evaluations"][slot]
        assert evaluation.outputs == local.evaluations[slot].outputs
        for name in evaluation.outputs.values():
            found, wanted = np.load(folder / name), np.load(other / name)
            assert found.dtype == wanted.dtype
            assert np.abs(found - wanted).max() <= (0 if slot == "int8" else 1e-5)
    assert not own_folder(tmp_path).exists() and not (tmp_path / "home").exists()


def test_an_app_that_crashes_at_one_model_costs_only_that_model(
    device: RemoteDevice, phone: Path, make_run: MakeRun
) -> None:
    (phone / "crash at evaluate int8").touch()
    result = device.run(make_run("plain", "attention", "int8"), silent)
    assert not result.complete
    assert "crashed" in str(result.evaluations["int8"].error)
    assert result.evaluations["plain"].error is None
    assert {turn.slot for block in result.blocks for turn in block.turns} >= {"plain"}


def test_outputs_that_are_damaged_are_named_and_evaluated_again_by_a_resumed_run(
    device: RemoteDevice, phone: Path, make_run: MakeRun
) -> None:
    (phone / "damage outputs of attention").touch()
    folder = make_run("plain", "attention", blocks=1, processes=1, evaluate=True)
    with pytest.raises(DeviceError, match=r"outputs/attention/logits\.npy.* has 7 bytes") as caught:
        device.run(folder, silent)
    assert "--resume" in caught.value.remedy
    kept = load(folder / "result.json", RunResult).evaluations
    assert set(kept) == {"plain"} and (folder / "outputs/plain/logits.npy").exists()
    whole = device.run(folder, silent)
    assert whole.complete and whole.evaluations["plain"] == kept["plain"]
    assert np.load(folder / "outputs/attention/logits.npy").shape == (IMAGES, CLASSES)


def test_an_app_that_crashes_in_a_block_loses_that_block_and_a_resumed_run_measures_it(
    device: RemoteDevice, phone: Path, make_run: MakeRun
) -> None:
    (phone / "crash once at block 1").touch()
    folder = make_run("plain", "attention")
    first = device.run(folder, silent)
    assert [block.index for block in first.blocks if block.error] == [1]
    whole = device.run(folder, silent)
    assert whole.complete
    kept = [block for block in first.blocks if not block.error]
    assert [whole.blocks[block.index] for block in kept] == kept


def test_a_line_that_was_cut_short_is_left_and_the_block_fails(
    device: RemoteDevice, phone: Path, make_run: MakeRun
) -> None:
    (phone / "cut short at block 0").touch()
    result = device.run(make_run("plain", "attention"), silent)
    assert ["crashed" in str(block.error) for block in result.blocks] == [True, *[False] * 3]


def test_an_app_that_hangs_is_stopped_and_the_run_goes_on(
    device: RemoteDevice, phone: Path, make_run: MakeRun
) -> None:
    (phone / "hang at block 2").touch()
    device.runner.silence_s = 2.0  # type: ignore[attr-defined]
    result = device.run(make_run("plain", "attention"), silent)
    assert ["wrote nothing" in str(block.error) for block in result.blocks] == [
        False, False, True, False,
    ]  # fmt: skip


def test_a_phone_that_goes_away_loses_nothing_that_the_app_measured_meanwhile(
    device: RemoteDevice, make_run: MakeRun, tmp_path: Path
) -> None:
    folder = make_run("plain", "attention", processes=1, blocks=3)
    unheard: list[str] = []

    def unplug(step: str, done: int, total: int) -> None:
        if step == "measuring blocks" and not unheard:
            changes = next(own_folder(tmp_path).glob("*/changes.jsonl"))
            while '"again"' not in changes.read_text().splitlines()[-1]:
                time.sleep(0.05)
            unheard.extend(changes.read_text().splitlines())
            raise DeviceLostError("phone is gone", "plug it in")

    result = device.run(folder, unplug)
    assert result.complete
    meanwhile = [json.loads(line)["change"] for line in unheard if '"block": {' in line]
    assert result.blocks == convert([one["block"] for one in meanwhile], tuple[MeasuredBlock, ...])


def test_ctrl_c_stops_the_app_and_keeps_what_there_is(
    device: RemoteDevice, phone: Path, make_run: MakeRun
) -> None:
    def interrupt(step: str, done: int, total: int) -> None:
        if step == "measuring blocks":
            raise KeyboardInterrupt

    folder = make_run("plain", "attention", blocks=6)
    partial = device.run(folder, interrupt)
    assert not partial.complete and len(partial.blocks) > 0
    assert PhoneShell(phone).run("pidof app").status != 0
    assert device.run(folder, silent).complete


def test_a_run_that_is_stopped_as_enough_keeps_every_block_that_the_app_wrote(
    device: RemoteDevice, phone: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    def enough(step: str, done: int, total: int) -> bool:
        if step == MEASURING and done == 1:  # Then the next lines come together.
            changes = next(own_folder(tmp_path).glob("*/changes.jsonl"))
            while '"again"' not in changes.read_text().splitlines()[-1]:
                time.sleep(0.05)
        return step == MEASURING and done == 2

    folder = make_run("plain", "attention", processes=2, blocks=8)
    result, stopped = run_until(folder, device, silent, enough)
    assert stopped and not result.complete
    assert [block.index for block in result.blocks] == [0, 1, 2, 3]
    assert PhoneShell(phone).run("pidof app").status != 0


def test_an_app_put_in_the_background_says_so(
    device: RemoteDevice, phone: Path, make_run: MakeRun
) -> None:
    (phone / "background at block 1").touch()
    with pytest.raises(DeviceError, match="put in the background") as caught:
        device.run(make_run("plain", "attention"), silent)
    assert "--resume" in caught.value.remedy


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ("other version", "edgebench.app/3"),
        ("nonsense at evaluate plain", "does not follow the contract"),
        ("idle at evaluate attention", "did nothing, but asks to be started again"),
        ("too soon at block 0", "reports that it is done, but 4 jobs"),
    ],
)
def test_an_app_of_another_contract_is_stopped(
    device: RemoteDevice, phone: Path, make_run: MakeRun, failure: str, said: str
) -> None:
    (phone / failure).touch()
    with pytest.raises(DeviceError, match=said) as caught:
        device.run(make_run("plain", "attention"), silent)
    assert "install" in caught.value.remedy
    assert PhoneShell(phone).run("pidof app").status != 0


def test_an_app_that_is_not_installed_is_said_before_files_are_sent(
    device: RemoteDevice, phone: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    (phone / "installed").unlink()
    with pytest.raises(DeviceError, match="is not installed") as caught:
        device.run(make_run("plain", "attention"), silent)
    assert "adb install" in caught.value.remedy
    assert not (tmp_path / "home").exists()
    assert [step.state for step in device.check()][-1] == "missing"


def test_check_asks_the_app_for_its_contract_and_leaves_nothing(
    device: RemoteDevice, phone: Path, tmp_path: Path
) -> None:
    steps = {step.name: step for step in device.check()}
    assert steps["contract"].state == "ok" and "edgebench.app/3" in steps["contract"].found
    assert not own_folder(tmp_path).exists()


def test_check_tells_of_another_contract(device: RemoteDevice, phone: Path) -> None:
    (phone / "other version").touch()
    steps = {step.name: step for step in device.check()}
    assert steps["contract"].state == "missing" and "edgebench.app/3" in steps["contract"].found
