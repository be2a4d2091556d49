"""The lock of a device: by what it is, not by what it is called, and never left behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edgebench import places
from edgebench.deploy.device.lock import locked
from edgebench.deploy.transports.ssh.shell import SshShell
from edgebench.errors import DeviceError

HOLD = """
import sys, time
from edgebench.deploy.device.lock import locked
with locked("serial 1234", "pixel7"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(places.DATA, str(tmp_path / "data"))
    return tmp_path / "data"


def test_two_names_of_one_device_share_its_lock() -> None:
    with (
        locked("serial 1234", "pixel7"),
        pytest.raises(DeviceError, match=r"my-phone is in use by another run .*pixel7 since"),
        locked("serial 1234", "my-phone"),
    ):
        pass


@pytest.mark.skipif(shutil.which("ssh") is None, reason="ssh is not installed")
def test_whoever_logs_in_there_it_is_one_board() -> None:
    alice, bob = (SshShell(f"{user}@127.0.0.1", user) for user in ("alice", "bob"))
    assert alice.identity == bob.identity
    assert alice.identity != SshShell("alice@127.0.0.2", "other").identity


def test_devices_of_other_identities_are_free() -> None:
    with locked("a/b", "one"), locked("a_b", "two"), locked("a%2Fb", "three"):
        pass


def test_a_thread_of_the_same_process_has_to_stay_out_too() -> None:
    caught: list[DeviceError] = []

    def enter() -> None:
        try:
            with locked("serial 1234", "pixel7"):
                pass
        except DeviceError as error:
            caught.append(error)

    with locked("serial 1234", "pixel7"):
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    assert len(caught) == 1
    enter()
    assert len(caught) == 1


def test_the_message_says_who_has_it_and_a_killed_holder_leaves_it_free() -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with (
            pytest.raises(DeviceError, match=f"process {holder.pid}: -c") as caught,
            locked("serial 1234", "pixel7"),
        ):
            pass
        assert "stop it" in caught.value.remedy
    finally:
        holder.kill()
        holder.communicate()
    with locked("serial 1234", "pixel7"):
        pass


def test_an_error_inside_sets_it_free() -> None:
    with pytest.raises(ZeroDivisionError), locked("serial 1234"):
        raise ZeroDivisionError
    with locked("serial 1234"):
        pass


@pytest.mark.parametrize("left", [b"", b"1234", b"\x00\xff", b'{"device": 1}'])
def test_what_an_old_file_says_holds_nobody_up(left: bytes, data: Path) -> None:
    with locked("serial"):
        (path,) = (data / "locks").iterdir()
    path.write_bytes(left)
    with locked("serial"), pytest.raises(DeviceError, match="in use"), locked("serial"):
        pass
