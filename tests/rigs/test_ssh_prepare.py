"""What a board lacks for runs, and how it is prepared: a real sshd, real wheels."""

from __future__ import annotations

import sys

import pytest
from ssh_board import SshBoard
from toy_models import MakeRun

from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.transports.ssh.board import Board
from edgebench.errors import DeviceError
from edgebench.progress import silent

pytestmark = pytest.mark.rig

BARE = "/usr/bin/python3 -s"


def missing(device: RemoteDevice) -> dict[str, str]:
    """By step, what to do about each that a run cannot do without."""
    return {step.name: step.remedy for step in device.check() if step.state == "missing"}


def prepare(device: RemoteDevice) -> None:
    """Prepare for TFLite alone: the other runtimes are large."""
    assert isinstance(device, Board)
    device.wanted = ("tflite",)
    device.prepare(silent)


def prepared_home(board: SshBoard, device: RemoteDevice, make_run: MakeRun) -> None:
    """A run takes the prepared Python, and leaves it and nothing else."""
    with device.reserved():
        result = device.run(make_run("plain", "attention"), silent)
    assert result.complete
    assert {name.split("/")[2] for name in board.left()} == {"python"}


def test_a_board_with_a_network_is_prepared_by_its_own_pip(
    board: SshBoard, device: RemoteDevice, make_run: MakeRun
) -> None:
    board.python(BARE)
    board.start()
    assert missing(device) == {"NumPy": "edgebench devices prepare board"}
    prepare(device)
    assert missing(device) == {}
    prepared_home(board, device, make_run)
    assert (board.home / ".cache/edgebench/python/pyvenv.cfg").exists()
    done = board.edgebench("devices", "clean", "board")
    assert done.returncode == 0, done.stderr
    assert board.left() == []


def test_a_board_without_a_network_is_prepared_with_wheels_from_here(
    board: SshBoard, device: RemoteDevice, make_run: MakeRun
) -> None:
    board.python(BARE)
    board.start(more="PIP_NO_INDEX=1 PIP_FIND_LINKS=")
    prepare(device)
    assert missing(device) == {}
    prepared_home(board, device, make_run)
    assert not (board.home / ".cache/edgebench/python/pyvenv.cfg").exists()


def test_a_board_without_python_says_so(
    board: SshBoard, device: RemoteDevice, run: tuple[str, ...]
) -> None:
    board.python(None)
    board.start(path="")
    for name in (
        "sh",
        "cat",
        "mkdir",
        "rm",
        "mv",
        "wc",
        "df",
        "dirname",
        "sha256sum",
        "ln",
        "sleep",
    ):
        (board.bin / name).symlink_to(f"/bin/{name}")
    assert "apt install python3" in missing(device)["Python"]
    done = board.edgebench(*run)
    assert done.returncode == 1
    assert "edgebench devices check board" in done.stderr
    with pytest.raises(DeviceError, match="python3 does not work on board"):
        prepare(device)


def test_a_board_without_a_runtime_says_so(
    board: SshBoard, device: RemoteDevice, run: tuple[str, ...]
) -> None:
    nothing = board.folder / "nothing"
    for module in ("ai_edge_litert", "tflite_runtime", "tensorflow"):
        (nothing / module).mkdir(parents=True)
        (nothing / module / "__init__.py").write_text("raise ImportError('GLIBC_2.34 not found')")
    board.python(sys.executable, f"export PYTHONPATH={nothing}")
    board.start()
    steps = {step.name: step for step in device.check()}
    assert (steps["tflite"].state, steps["tflite"].found) == ("note", "GLIBC_2.34 not found")
    done = board.edgebench(*run)
    assert done.returncode == 1
    assert "no TFLite runtime can be imported" in done.stderr
    assert "edgebench devices check board" in done.stderr
