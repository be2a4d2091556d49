"""An iPhone by devicectl: a stand-in answers in the form that devicectl prints."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import stand_in_app
from toy_models import MakeRun

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.documents.staging import RUNNER, stage_runner
from edgebench.deploy.transports.apple import devicectl, iphone
from edgebench.deploy.transports.apple.iphone import IPhone
from edgebench.errors import DeviceError
from edgebench.progress import silent

LISTED: dict[str, Any] = {
    "identifier": "6F2C1E1A-0D5B-4C35-9C3E-2B1B7A0C9D11",
    "connectionProperties": {
        "pairingState": "paired",
        "transportType": "wired",
        "tunnelState": "disconnected",
    },
    "deviceProperties": {
        "name": "Bench phone",
        "osVersionNumber": "18.1",
        "developerModeStatus": "enabled",
        "ddiServicesAvailable": True,
    },
    "hardwareProperties": {
        "platform": "iOS",
        "productType": "iPhone15,4",
        "reality": "physical",
        "udid": "00008120-000A000000000001",
    },
    "visibilityClass": "default",
}
ENTRY = DeviceEntry("Apple iPhone 15", "devicectl", name="iphone15", match=("iPhone15,4",))


def refusal(sentence: str, code: int = 1, domain: str = "com.apple.dt.CoreDeviceError") -> Any:
    described = {"NSLocalizedDescription": {"string": sentence}}
    return {"code": code, "domain": domain, "userInfo": described}


class Mac:
    """A Mac with Xcode and one phone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.phone = folder / "phone"
        self.phone.mkdir()
        program = Path(__file__).with_name("xcrun.py").read_text()
        (folder / "xcrun").write_text(f"#!{sys.executable}\n{program}")
        (folder / "xcrun").chmod(0o755)
        self.installs(sys.executable, str(Path(stand_in_app.__file__).resolve()))
        stage_runner(self.phone)
        assert (self.phone / RUNNER).exists()
        self.lists()
        self.refuses()

    def installs(self, *command: str) -> None:
        """The app is this command."""
        (self.phone / "app.txt").write_text(shlex.join(command))

    def lists(self, **changed: dict[str, Any]) -> None:
        """One phone, with some properties changed."""
        groups = {key: {**LISTED[key], **change} for key, change in changed.items()}
        body = {"devices": [{**LISTED, **groups}]}
        (self.phone / "devices.json").write_text(json.dumps(body))

    def refuses(self, **by_call: Any) -> None:
        """Errors of devicectl by words of a call, with _ for spaces."""
        body = {words.replace("_", " "): error for words, error in by_call.items()}
        (self.phone / "refusals.json").write_text(json.dumps(body))

    def calls(self, words: str) -> list[str]:
        lines = (self.phone / "calls.txt").read_text().splitlines()
        return [line for line in lines if words in line]


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mac]:
    folder = tmp_path / "mac"
    folder.mkdir()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    yield Mac(folder)
    with suppress(OSError, ValueError):
        os.kill(int((folder / "phone/pid").read_text()), signal.SIGKILL)


@pytest.fixture
def phone() -> IPhone:
    return IPhone(ENTRY, poll_s=0.05, reconnect_s=0.0)


def test_a_run_on_an_iphone_is_the_same_run(mac: Mac, phone: IPhone, make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", evaluate=True)
    seen: set[str] = set()
    with phone.reserved():
        result = phone.run(folder, lambda step, done, total: seen.add(step))
        phone.run(make_run("plain", "attention", blocks=2, where="second"), silent)
    assert result.complete and result.context.python is None
    for one in result.evaluations.values():
        assert one.outputs and all((folder / name).exists() for name in one.outputs.values())
    assert seen >= {"sending files (KiB)", "measuring blocks"}
    sent = [line for line in mac.calls("copy to") if ".tflite" in line]
    assert len(sent) == 2  # Each file once, for both runs.
    assert not (mac.phone / "Documents/edgebench").exists()


def test_a_crash_costs_the_block_and_nothing_else(
    mac: Mac, phone: IPhone, make_run: MakeRun
) -> None:
    (mac.phone / "crash once at block 1").touch()
    result = phone.run(make_run("plain", "attention"), silent)
    assert ["crashed" in str(block.error) for block in result.blocks] == [False, True, False, False]


@pytest.mark.parametrize(
    ("change", "said", "remedy"),
    [
        ({"connectionProperties": {"pairingState": "unpaired"}}, "is not paired", "tap Trust"),
        ({"connectionProperties": {"tunnelState": "unavailable"}}, "is not connected", "cable"),
        (
            {"deviceProperties": {"developerModeStatus": "disabled"}},
            "Developer Mode off",
            "switch it on",
        ),
        ({"hardwareProperties": {"productType": "iPhone17,3"}}, "is iPhone17,3", "cable"),
        ({"hardwareProperties": {"reality": "virtual"}}, "no iphone15", "cable"),
    ],
)
def test_what_the_list_of_devices_tells_is_said(
    mac: Mac, phone: IPhone, change: Any, said: str, remedy: str
) -> None:
    mac.lists(**change)
    problem = phone.problem()
    assert problem is not None and said in problem.message and remedy in problem.remedy
    assert [step.state for step in phone.check()][-1] == "missing"


@pytest.mark.parametrize(
    ("sentence", "said", "remedy"),
    [
        (
            "The developer disk image could not be mounted on this device.",
            "cannot mount the developer disk image",
            "Devices and Simulators",
        ),
        (
            "The operation failed because Developer Mode is disabled.",
            "Developer Mode off",
            "Settings",
        ),
        (
            "Unable to launch the app because the device was not, or could not be, unlocked.",
            "is locked",
            "unlock it",
        ),
        (
            "The requested application org.edgebench.app is not installed.",
            "no edgebench app",
            "Xcode",
        ),
        ("Something nobody has seen yet.", "Something nobody has seen yet.", "unlock"),
    ],
)
def test_what_devicectl_refuses_is_said_with_what_to_do(
    mac: Mac, phone: IPhone, make_run: MakeRun, sentence: str, said: str, remedy: str
) -> None:
    mac.refuses(process_launch=refusal(sentence))
    with pytest.raises(DeviceError) as caught:
        phone.run(make_run("plain", "attention"), silent)
    assert said in caught.value.message and remedy in caught.value.remedy
    assert "\n" not in caught.value.message


def test_a_phone_that_goes_away_says_how_to_go_on(
    mac: Mac, phone: IPhone, make_run: MakeRun
) -> None:
    folder = make_run("plain", "attention", blocks=6)

    def unplug(step: str, done: int, total: int) -> None:
        if step == "measuring blocks":
            mac.refuses(copy_from=refusal("The specified device was not found.", 1000))

    with pytest.raises(DeviceError, match="is not connected") as caught:
        phone.run(folder, unplug)
    assert "--resume" in caught.value.remedy
    mac.refuses()
    assert phone.run(folder, silent).complete


def test_check_goes_step_by_step_and_leaves_nothing(mac: Mac, phone: IPhone) -> None:
    assert [(step.name, step.state) for step in phone.check()] == [
        (name, "ok") for name in ("found", "usable", "disk image", "app", "contract")
    ]
    assert not (mac.phone / "Documents/edgebench").exists()
    phone.bundle = "com.example.other"
    steps = list(phone.check())
    assert steps[-1].state == "missing" and "ios_app" in steps[-1].remedy


def test_the_phones_that_a_mac_knows_are_listed_by_their_entries(mac: Mac) -> None:
    listed = iphone.attached([ENTRY])
    assert [(one.name, one.state, one.model) for one in listed] == [
        ("iphone15", "ready", "iPhone15,4")
    ]
    mac.lists(deviceProperties={"developerModeStatus": "disabled"})
    assert "Developer Mode off" in iphone.attached([])[0].state


def no_xcrun(mac: Mac) -> None:
    (mac.folder / "xcrun").unlink()


def only_command_line_tools(mac: Mac) -> None:
    text = "echo 'xcrun: error: unable to find utility \"devicectl\"' >&2; exit 72"
    (mac.folder / "xcrun").write_text(f"#!/bin/sh\n{text}\n")


@pytest.mark.parametrize("lacking", [no_xcrun, only_command_line_tools])
def test_a_mac_without_xcode_says_how_to_get_it(
    mac: Mac, phone: IPhone, lacking: Callable[[Mac], None]
) -> None:
    content = (mac.folder / "xcrun").read_text()
    lacking(mac)
    problem = phone.problem()
    (mac.folder / "xcrun").write_text(content)
    (mac.folder / "xcrun").chmod(0o755)
    assert problem is not None and "Xcode 15 or newer is not installed" in problem.message


def test_no_other_system_reaches_an_iphone(phone: IPhone) -> None:
    with pytest.raises(DeviceError, match="not a Mac") as caught, phone.reserved():
        pass
    assert "Mac with Xcode 15 or newer" in caught.value.remedy
    assert [step.state for step in phone.check()] == ["missing"]
    with pytest.raises(DeviceError, match="not a Mac"):
        devicectl.call("phone", "list", "devices")
