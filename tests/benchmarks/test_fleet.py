"""Several devices at once: side by side, one report, nothing lost, each a run of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from toy_artifacts import SHORT, make_real_artifacts

from edgebench import places
from edgebench.benchmarks.planning.pilot import MEASURING, PILOT
from edgebench.benchmarks.runs import fleet
from edgebench.cli import main
from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import Device
from edgebench.deploy.device.lock import locked
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT
from edgebench.deploy.registry import devices
from edgebench.deploy.remote.python_runner import PythonRunner
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.shell import Shell
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.local import THIS_MACHINE
from edgebench.deploy.transports.simulated.device import SimulatedDevice
from edgebench.documents import load
from edgebench.errors import DeviceError, UnknownNameError
from edgebench.progress import Progress

MODELS = ("scenes_v2_ca", "--precisions", "fp32", "--budget", "60s")


class Numbers(SimulatedDevice):
    """A simulated device of any name, which takes the lock of what it is."""

    def __init__(self, name: str, identity: str = "", overhead: float = 0.03) -> None:
        super().__init__(overheads={"scenes_v2_ca.fp32.tflite": overhead})
        self.name = name
        self.identity = identity or name

    @contextmanager
    def reserved(self) -> Iterator[None]:
        with locked(self.identity, self.name):
            yield


class Attached:
    """The devices that a test names."""

    def __init__(self) -> None:
        self.named: dict[str, Device] = {}

    def __call__(self, name: str, runner: str | None = None) -> Device:
        if name not in self.named:
            raise UnknownNameError("device", name, self.named)
        return self.named[name]

    def entry(self, name: str) -> DeviceEntry:
        return DeviceEntry(self(name).description, "local", name)

    def add(self, *attached: Device) -> None:
        self.named.update({one.name: one for one in attached})


@pytest.fixture
def attached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Attached:
    found = Attached()
    monkeypatch.setattr(devices, "get", found)
    monkeypatch.setattr(devices, "entry", found.entry)
    monkeypatch.setenv(places.DATA, str(tmp_path / "data"))
    return found


@pytest.fixture
def where(artifacts: Path, tmp_path: Path) -> tuple[str, ...]:
    return ("--artifacts", str(artifacts), "--runs", str(tmp_path / "runs"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def kept(runs: Path) -> fleet.FleetComparison:
    return fleet.read(fleet.latest(runs))


def test_devices_run_at_the_same_time(attached: Attached, where: tuple[str, ...]) -> None:
    both = threading.Barrier(2)

    class Meeting(Numbers):
        def run(self, folder: Path, progress: Progress) -> RunResult:
            both.wait(timeout=60)  # Breaks if the other one does not run meanwhile.
            return super().run(folder, progress)

    attached.add(Meeting("one"), Meeting("two"))
    assert main(("--device", "one,two", *MODELS, *where)) == 0


def test_one_name_after_the_other_on_one_device_and_this_machine_last(
    attached: Attached, where: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    events: list[str] = []

    class Noting(Numbers):
        @contextmanager
        def reserved(self) -> Iterator[None]:
            with super().reserved():
                events.append(f"+{self.name}")
                time.sleep(0.05)
                yield
                events.append(f"-{self.name}")

    attached.add(Noting("here", THIS_MACHINE), Noting("gpu", "serial 1"), Noting("cpu", "serial 1"))
    assert main(("--device", "here,gpu", "--device", "cpu", *MODELS, *where)) == 0
    assert events == ["+gpu", "-gpu", "+cpu", "-cpu", "+here", "-here"]
    assert "here will be measured after the others" in capsys.readouterr().err


def test_one_that_fails_does_not_stop_the_others_and_is_measured_on_resuming(
    attached: Attached,
    where: tuple[str, ...],
    runs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Away(Numbers):
        @contextmanager
        def reserved(self) -> Iterator[None]:
            raise DeviceError("away is not attached", "plug it in")
            yield

    attached.add(Away("away"), Numbers("fine"))
    xml = tmp_path / "junit.xml"
    assert main(("--device", "away,fine", *MODELS, *where, "--junit", str(xml))) == 1
    out, err = capsys.readouterr()
    assert "away: away is not attached\n  -> plug it in" in err
    assert "less than 5 % on fine; nothing measured on away" in " ".join(out.split())
    away, fine = kept(runs).members
    assert away.run is None and away.failure == "away is not attached"
    assert fine.comparison is not None and not fine.comparison.interrupted
    root = ElementTree.parse(xml).getroot()
    assert [suite.get("errors") for suite in root] == ["1", "0"]
    assert [case.get("name") for case in root.iter("testcase")] == ["away", "scenes_v2_ca"]

    before = (runs / str(fine.run) / "result.json").read_bytes()
    attached.add(Numbers("away"))
    folder = fleet.latest(runs)
    assert main(("run", "--resume", str(folder), "--runs", str(runs))) == 0
    assert "away" in capsys.readouterr().out
    away, fine = kept(runs).members
    assert away.comparison is not None and away.failure is None
    assert (runs / str(fine.run) / "result.json").read_bytes() == before
    assert len(list(runs.glob("*-away"))) == 1


def test_a_device_that_somebody_else_has_is_left_to_them(
    attached: Attached, where: tuple[str, ...], runs: Path
) -> None:
    attached.add(Numbers("phone", "serial 1"), Numbers("fine"))
    with locked("serial 1", "my-name-for-it"):
        assert main(("--device", "phone,fine", *MODELS, *where)) == 1
    phone, fine = kept(runs).members
    assert "phone is in use by another run (my-name-for-it since" in str(phone.failure)
    assert fine.comparison is not None


class Interrupting(Numbers):
    """Sends Ctrl-C in its third block, goes on until somebody stops it, and takes its time then."""

    def run(self, folder: Path, progress: Progress) -> RunResult:
        def interrupt(step: str, done: int, total: int) -> None:
            progress(step, done, total)
            if folder.name != PILOT and step == MEASURING and done == 3:
                os.kill(os.getpid(), signal.SIGINT)
                try:
                    while True:
                        time.sleep(0.01)
                        progress(step, done, total)
                finally:
                    time.sleep(0.5)

        return super().run(folder, interrupt)


def test_ctrl_c_stops_all_in_good_order_and_all_go_on(
    attached: Attached,
    where: tuple[str, ...],
    runs: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    attached.add(Interrupting("one"), Numbers("two"), Numbers("here", THIS_MACHINE))
    assert main(("--device", "one,two,here", *MODELS, *where)) == 130
    folder = fleet.latest(runs)
    assert f"continue with: edgebench run --resume {folder}" in capsys.readouterr().err
    one, _, here = kept(runs).members
    assert one.comparison is not None and one.comparison.interrupted
    assert one.comparison.blocks_done == 3
    assert here.run is None and here.failure is None and here.comparison is None
    attached.add(Numbers("one"))
    assert main(("run", "--resume", "--runs", str(runs))) == 0  # The last run was the fleet's.
    assert [bool(m.comparison and not m.comparison.interrupted) for m in kept(runs).members] == [
        True,
        True,
        True,
    ]
    # Each device was measured in one run; one that was still in its pilot began anew.
    for name in ("one", "two", "here"):
        assert len(list(runs.glob(f"*-{name}/{RESULT}"))) == 1


class HereShell(Shell):
    """A board whose shell is this machine's."""

    def __init__(self, name: str) -> None:
        self.name = name

    def argv(self, command: str) -> list[str]:
        return ["sh", "-c", command]

    def send(self, source: Path, target: str) -> None:
        shutil.copyfile(source, target)

    def problem(self) -> DeviceError | None:
        return None


class Board(RemoteDevice):
    """Sends Ctrl-C once, when its second block of the plan is done."""

    def run(self, folder: Path, progress: Progress) -> RunResult:
        def interrupt(step: str, done: int, total: int) -> None:
            progress(step, done, total)
            if self.name == "one" and folder.name != PILOT and step == MEASURING and done == 2:
                os.kill(os.getpid(), signal.SIGINT)
                while not (folder / "resumed").exists():
                    time.sleep(0.01)
                    progress(step, done, total)  # Raises, once the others are stopped too.

        return super().run(folder, interrupt)


@pytest.mark.slow
def test_real_runs_that_are_interrupted_go_on_with_nothing_lost(
    attached: Attached, toys: Path, tmp_path: Path, runs: Path
) -> None:
    make_real_artifacts(toys, tmp_path / "real")
    for name in ("one", "two"):
        store = Store(HereShell(name), str(tmp_path / f"{name}'s home"))
        attached.add(Board(name, "a stand-in", store, PythonRunner(sys.executable)))
    words = ("--device", "one,two", "attention", "--precisions", "fp32", *SHORT)
    words += ("--artifacts", str(tmp_path / "real"), "--runs", str(runs))
    assert main(words) == 130
    folders = [runs / str(member.run) for member in kept(runs).members]
    before = [load(folder / RESULT, RunResult) for folder in folders if (folder / RESULT).exists()]
    assert len(before[0].blocks) >= 2 and not before[0].complete
    (folders[0] / "resumed").touch()
    assert main(("run", "--resume", str(fleet.latest(runs)), "--runs", str(runs))) in (0, 3)
    after = [load(folder / RESULT, RunResult) for folder in folders]
    assert all(result.complete for result in after)
    for begun in before:
        whole = next(one for one in after if one.plan_sha256 == begun.plan_sha256)
        assert [one for one in whole.blocks if one in begun.blocks] == list(begun.blocks)
    assert not list(tmp_path.glob("* home"))  # And nothing is left on the boards.


def test_a_bug_in_one_device_is_not_hidden_and_does_not_stop_the_others(
    attached: Attached, where: tuple[str, ...], runs: Path
) -> None:
    class Buggy(Numbers):
        def run(self, folder: Path, progress: Progress) -> RunResult:
            raise ZeroDivisionError

    attached.add(Buggy("buggy"), Numbers("fine"))
    with pytest.raises(ZeroDivisionError):
        main(("--device", "buggy,fine", *MODELS, *where))
    assert kept(runs).members[1].comparison is not None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--device one --device two,one", "device one is named twice"),
        ("--device one,nowhere", "unknown device 'nowhere'"),
        ("run --resume FLEET --device one", "is a run of one, two"),
        ("run --resume FLEET --device one,three", "is a run of one, two"),
        ("run --resume MEMBER --device two", "is a run of one"),
        ("run --resume FLEET --seed 0 --budget 9s", "leave out --budget, --seed"),
        ("explain --resume FLEET scenes_v2_ca", "leave out the models"),
        ("plan --device one,two ARTIFACTS", "a plan is for one device"),
    ],
)
def test_devices_that_do_not_fit_are_refused(
    words: str,
    says: str,
    attached: Attached,
    where: tuple[str, ...],
    runs: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    attached.add(Numbers("one"), Numbers("two"), Numbers("three"))
    assert main(("--device", "one,two", *MODELS, *where)) == 0
    made = sorted(runs.iterdir())
    member = next(runs.glob("*-one"))
    words = words.replace("FLEET", str(fleet.latest(runs))).replace("MEMBER", str(member))
    capsys.readouterr()
    words = words.replace("ARTIFACTS", f"--artifacts {where[1]}")
    assert main((*words.split(), *where[2:])) == 2
    assert says in capsys.readouterr().err
    assert sorted(runs.iterdir()) == made


def test_a_member_is_resumed_on_the_device_it_was_begun_on(
    attached: Attached, where: tuple[str, ...], runs: Path
) -> None:
    attached.add(Interrupting("one"), Numbers("two"))
    assert main(("--device", "one", *MODELS, *where)) == 130
    attached.add(Numbers("one"))
    (folder,) = runs.iterdir()
    assert main(("run", "--resume", str(folder), "--runs", str(runs))) == 0
    assert json.loads((folder / "comparison.json").read_bytes())["device"] == "one"


def test_members_are_runs_like_any_other(
    attached: Attached, where: tuple[str, ...], runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attached.add(Numbers("one"), Numbers("two", overhead=0.3))
    for _ in range(2):
        assert main(("--device", "one,two", *MODELS, *where)) == 0
    capsys.readouterr()
    assert main(("runs", "--runs", str(runs), "--device", "two", "--json")) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["state"] for one in listed] == ["complete"] * 2
    assert main(("trend", "--device", "two", "--runs", str(runs), "--json")) == 0
    assert len(json.loads(capsys.readouterr().out)["series"][0]["points"]) == 2
    names = [one["name"] for one in listed]
    assert main(("compare", *names, "--runs", str(runs))) == 0
    assert main(("report", names[0], "--runs", str(runs))) == 0
    assert "No: attention costs more than 5 % here." in capsys.readouterr().out
    assert main(("report", "--runs", str(runs), "--json")) == 0
    whole = json.loads(capsys.readouterr().out)
    assert whole["schema"] == fleet.FleetComparison.SCHEMA
    assert [one["device"] for one in whole["members"]] == ["one", "two"]


def test_noise_floors_of_several_devices_are_measured_at_once(
    attached: Attached, where: tuple[str, ...], tmp_path: Path
) -> None:
    attached.add(Numbers("one"), Numbers("two"))
    words = ("noise", "scenes_v2", "--device", "one,two", "--precisions", "fp32", "--budget", "20s")
    assert main((*words, *where)) == 0
    assert {path.name for path in (tmp_path / "data" / "noise").iterdir()} == {
        "one.json",
        "two.json",
    }
