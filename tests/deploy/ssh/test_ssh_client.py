"""The parts of the way over ssh that need no server; tests/rigs/test_ssh.py has one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.remote import python_check
from edgebench.deploy.remote.python_check import FoundModule, PythonFacts
from edgebench.deploy.remote.shell import BEGIN, END, DeviceLostError, Shell
from edgebench.deploy.transports.ssh import device
from edgebench.deploy.transports.ssh.errors import SSH_FAILURES, Address, ssh_error
from edgebench.deploy.transports.ssh.install import PipOnBoard, WheelsFromHost, platforms_of
from edgebench.deploy.transports.ssh.shell import SshShell, for_any_shell, socket_folder
from edgebench.errors import DeviceError
from edgebench.progress import Progress, silent

ADDRESS = Address("rpi5", "pi", "rpi.local", "2222")


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_command_comes_through_a_login_shell_unchanged(shell: str) -> None:
    said = 'it\'s "so" `odd`! $HOME \\ %s {a,b} ü\n*'
    command = "printf %s '" + said.replace("'", "'\\''") + "'"
    words = [shell, "-c", for_any_shell(command)]
    assert subprocess.run(words, capture_output=True, text=True).stdout == said


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose file `settings` is all that `ssh -G` says."""
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/settings\n")
    program.chmod(0o755)
    (tmp_path / "settings").write_text(
        "user pi\nhostname rpi.local\nport 22\nconnecttimeout none\nserveraliveinterval 0\n"
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def test_a_users_own_settings_are_left_alone(ssh: Path) -> None:
    words = " ".join(SshShell("rpi5", "rpi5").argv("true"))
    assert "ConnectTimeout=10" in words and "ServerAliveInterval=5" in words
    assert "ControlMaster=auto" in words
    with (ssh / "settings").open("a") as file:
        file.write("connecttimeout 3\nserveraliveinterval 60\ncontrolpath /run/mine\n")
    words = " ".join(SshShell("rpi5", "rpi5").argv("true"))
    assert "BatchMode=yes" in words
    assert not any(one in words for one in ("ConnectTimeout", "ServerAlive", "Control"))


def test_two_names_of_one_host_are_one_device(ssh: Path) -> None:
    one = device(DeviceEntry("a board", "ssh", name="a", host="rpi"))
    other = device(DeviceEntry("a board", "ssh", name="b", host="pi@rpi.local"))
    assert one.identity == other.identity


def test_a_host_is_never_an_option(ssh: Path) -> None:
    words = SshShell("-oProxyCommand=true", "x").argv("true")
    assert words[words.index("-oProxyCommand=true") - 1] == "--"


def test_a_configuration_that_ssh_cannot_read_is_said(ssh: Path) -> None:
    (ssh / "ssh").write_text("#!/bin/sh\necho 'config: line 3: Bad option' >&2; exit 255\n")
    error = SshShell("rpi5", "rpi5").problem()
    assert error is not None and "line 3" in error.message


def test_sockets_go_to_a_private_folder_with_a_short_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    long = runtime / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    folder = socket_folder()
    assert folder is not None and folder.parent == Path("/tmp")
    assert folder.stat().st_mode & 0o077 == 0 and folder.stat().st_uid == os.getuid()


@pytest.mark.parametrize(
    ("said", "message", "passing"),
    [
        ("ssh: connect to host x port 22: No route to host", "does not answer", True),
        ("Received disconnect: 2: Too many authentication failures", "too many keys", False),
        ("System is booting up. See pam_nologin(8)", "starting or shutting down", True),
        ("kex_exchange_identification: Connection reset by peer", "broke", True),
        ("ControlPath too long ('/x' >= 108 bytes)", "cannot share the connection", False),
    ],
)
def test_troubles_that_no_test_server_has(said: str, message: str, passing: bool) -> None:
    error = ssh_error("rpi5", ADDRESS, 255, said)
    assert message in error.message
    assert isinstance(error, DeviceLostError) is passing


def test_each_trouble_says_what_to_do() -> None:
    for trouble in SSH_FAILURES:
        assert trouble.remedy
    changed = ssh_error("rpi5", ADDRESS, 255, "REMOTE HOST IDENTIFICATION HAS CHANGED!")
    assert "ssh-keygen -R '[rpi.local]:2222'" in changed.remedy
    assert isinstance(changed, DeviceError)


def facts(machine: str, bits: int) -> PythonFacts:
    return PythonFacts((3, 11, 2), machine, bits, "2.19", "/usr/bin/python3", FoundModule(), {})


def test_wheels_are_those_of_the_boards_library_and_of_its_pythons_width() -> None:
    assert platforms_of(facts("aarch64", 64)) == [
        "manylinux_2_19_aarch64",
        "manylinux_2_18_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
        "linux_aarch64",
    ]
    assert platforms_of(facts("aarch64", 32))[0] == "manylinux_2_19_armv7l"


class Told(Shell):
    """A shell where every command prints the same, with the same exit status."""

    name = "rpi"

    def __init__(self, text: str, status: int = 0) -> None:
        self.text, self.status = text, status

    def argv(self, command: str) -> list[str]:
        said = f"{BEGIN}\n{self.text}\n{END}{self.status}"
        return ["printf", "%s", said]

    def send(self, source: Path, target: str) -> None:
        raise AssertionError("a check sends nothing")

    def problem(self) -> DeviceError | None:
        return None


OLD = {
    "version": [3, 7, 3],
    "machine": "aarch64",
    "bits": 32,
    "glibc": "2.31",
    "executable": "/usr/bin/python3",
    "numpy": {"name": "numpy", "version": "1.24.2"},
    "runtimes": {"tflite": {"name": "tflite_runtime", "version": "2.14.0"}, "onnx": {}},
}


@pytest.mark.parametrize(
    ("told", "states"),
    [
        ({}, {"Python": "missing"}),
        (
            {"version": [3, 11, 2]},
            {"Python": "ok", "system": "note", "NumPy": "ok", "tflite": "ok", "onnx": "note"},
        ),
        (
            {"version": [3, 11, 2], "bits": 64, "runtimes": {"tflite": {"error": "GLIBC_2.27"}}},
            {"Python": "ok", "NumPy": "ok", "tflite": "missing"},
        ),
        (
            {"version": [3, 8, 0], "bits": 64, "numpy": {}},
            {"Python": "ok", "NumPy": "missing"},
        ),
    ],
)
def test_a_check_tells_what_a_python_lacks(told: dict[str, object], states: dict[str, str]) -> None:
    steps = list(python_check.steps(Told(json.dumps({**OLD, **told})), "python3"))
    assert {step.name: step.state for step in steps} == states
    assert all(step.remedy for step in steps if step.state != "ok")


def test_a_board_that_is_full_is_told_to_be_emptied() -> None:
    board = device(DeviceEntry("a board", "ssh", name="a", host="rpi"))
    board.store.shell = Told("")

    class NoVenv(PipOnBoard):
        def make(self, progress: Progress) -> None:
            raise DeviceError("it makes no environments")

    class Full(WheelsFromHost):
        def make(self, progress: Progress) -> None:
            raise DeviceError("4 MB are left", "free space there")

    ways = [kind(board.store, facts("aarch64", 64)) for kind in (NoVenv, Full)]
    with pytest.raises(DeviceError, match="no environments; 4 MB are left") as caught:
        board._first(ways, silent)
    assert caught.value.remedy == "free space there"
