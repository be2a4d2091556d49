"""The sample app on a phone, through the whole command line: a real adbd, and a stand-in app."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import stand_in_app
import unplug
from phones import Bench, Phone

from edgebench.deploy.documents.staging import stage_runner
from edgebench.deploy.transports.adb.app import PACKAGE

pytestmark = pytest.mark.rig


@pytest.fixture
def app(bench: Bench, phone: Phone) -> Path:
    """The folder of the phone's programs; files in it say how the app is to fail."""
    return install(bench, phone)


def install(bench: Bench, phone: Phone, program: Sequence[str] = ()) -> Path:
    """Put the app on the phone; `program` is the command that it is, the stand-in without it."""
    programs = phone.folder / "bin"
    runner = bench.folder / stage_runner(bench.folder)
    stand_in_app.install(programs, phone.storage, PACKAGE, str(runner), program)
    (programs / "python3").unlink(missing_ok=True)
    bench.register(fake={**phone.entry, "runner": "app"})
    return programs


def app_left(phone: Phone) -> list[Path]:
    return list(phone.storage.rglob("edgebench/*"))


def test_a_run_in_the_app_goes_on_when_the_phone_is_back(
    bench: Bench, phone: Phone, app: Path, toy_artifacts: Path
) -> None:
    process = unplug.start(bench, toy_artifacts, "app")
    end = time.monotonic() + 120
    while not any(result.blocks for result in unplug.results(bench, "app").values()):
        assert process.poll() is None and time.monotonic() < end, unplug.said(bench, "app")
        time.sleep(0.05)
    before = unplug.results(bench, "app")
    phone.unplug()
    time.sleep(1)
    phone.plug_in()
    assert process.wait(timeout=300) in unplug.MEASURED, unplug.said(bench, "app")
    after = unplug.results(bench, "app")
    for folder, result in before.items():
        assert after[folder].blocks[: len(result.blocks)] == result.blocks
    (whole,) = (one for folder, one in after.items() if folder.name != unplug.PILOT)
    assert whole.complete and whole.context.python is None
    for evaluation in whole.evaluations.values():
        for name in (evaluation.outputs or {"": "nothing"}).values():
            assert list(bench.folder.glob(f"runs-app/*/{name}"))
    assert not phone.left_behind() and not app_left(phone)


def test_check_tells_of_the_app_step_by_step(bench: Bench, phone: Phone, app: Path) -> None:
    done = bench.edgebench("devices", "check", "fake")
    said = " ".join(done.stdout.split())
    assert done.returncode == 0 and "edgebench.app/3, followed by version 0.1.0" in said, said
    assert not phone.left_behind() and not app_left(phone)
    (app / "installed").unlink()
    done = bench.edgebench("devices", "check", "fake")
    said = " ".join(done.stdout.split())
    assert done.returncode != 0 and "is not installed" in said and "adb install" in said
