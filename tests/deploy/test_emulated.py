"""The parts of the emulated device that need no emulator: its log, its packages, its sentences."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.registry import devices
from edgebench.deploy.transports.emulated import debian, fetching, system
from edgebench.deploy.transports.emulated.counting import counted
from edgebench.deploy.transports.emulated.device import EmulatedDevice
from edgebench.errors import DeviceError, UnwritableError
from edgebench.progress import Progress, silent

LOG = """\
24541 brk(NULL) = 0x0000000000ae1000
----------------
IN: start
0x0000a000:  d503201f  nop
0x0000a004:  d65f03c0  ret

Trace 0: 0x7f01 [00001001/000000000000a000/00000001/00008200] start
24541 faccessat(AT_FDCWD,"edgebench-inference",F_OK,0) = -1 errno=2 (No such file or directory)
Trace 0: 0x7f01 [00001001/000000000000a000/00000001/00008200] start
----------------
IN: kernel
0xab593c9cc:  4e20d400  fadd     v0.4s, v0.4s, v0.4s
0xab593c9d0:  4e20d400  fadd     v0.4s, v0.4s, v0.4s
0xab593c9d4:  54ffffc1  b.ne     #0xab593c9cc

Trace 0: 0x7f02 [00001001/0000000ab593c9cc/00000001/00008200] kernel
Trace 0: 0x7f02 [00001001/0000000ab593c9cc/00000001/00008200] kernel
Trace 0: 0x7f02 [00001001/0000000ab593c9cc/00000001/00008200] kernel
Stopped execution of TB chain before 0x7f02 [0000000ab593c9cc] kernel
24541 faccessat(AT_FDCWD,"edgebench-inference",F_OK,0) = -1 errno=2 (No such file or directory)
Trace 0: 0x7f01 [00001001/000000000000a000/00000001/00008200] start
24541 faccessat(AT_FDCWD,"edgebench-inference",F_OK,0) = -1 errno=2 (No such file or directory)
----------------
IN: kernel
0xab593c9cc:  4e20d400  fadd     v0.4s, v0.4s, v0.4s

Trace 0: 0x7f03 [00001001/0000000ab593c9cc/00000001/00008200] kernel
24541 faccessat(AT_FDCWD,"edgebench-inference",F_OK,0) = -1 errno=2 (No such file or directory)
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, and a cache of its own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    return folder


def program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    path.chmod(0o755)


def test_the_instructions_between_marks_are_counted_block_by_block() -> None:
    # Two of start and twice three of the kernel, then one of the kernel as translated anew.
    assert counted(LOG.encode().splitlines(keepends=True)) == (2 + 2 * 3, 1)


def test_a_log_without_marks_counts_nothing() -> None:
    lines = [line for line in LOG.encode().splitlines(keepends=True) if b"faccessat" not in line]
    assert counted(lines) == ()


def test_a_system_without_apt_is_told_where_this_works(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="no apt-get") as caught:
        debian.fetch_packages(["adbd"], "trixie", "amd64", tmp_path / "adbd")
    assert "Debian" in caught.value.remedy
    assert not (tmp_path / "adbd").exists()


def test_the_mirror_is_the_one_that_this_machine_has_debian_from(tools: Path) -> None:
    rows = (
        ("main", "", "nodistro", "https://node.example/"),
        ("main", "Debian-Security", "bookworm-security", "http://security.example/"),
        ("contrib", "Debian", "bookworm", "http://contrib.example/"),
        ("main", "Debian", "bookworm", "http://mirror.example/debian/"),
    )
    program(tools, "apt-get", f"for row in {rows!r}: print(*row, sep=chr(9))")
    assert debian.mirror() == "http://mirror.example/debian/"


def test_another_distribution_has_no_mirror_of_debian(tools: Path) -> None:
    program(tools, "apt-get", "print('main\\tUbuntu\\tnoble\\thttp://ubuntu.example/')")
    with pytest.raises(DeviceError, match="no Debian mirror"):
        debian.mirror()


@pytest.mark.parametrize(
    "said, error, sentence",
    [
        ("W: ignored\nE: Unable to locate package adbdx", DeviceError, "locate package adbdx"),
        ("E: Write error - write (28: No space left on device)", UnwritableError, "disk .* full"),
        ("E: You don't have enough free space in /c/.", UnwritableError, "disk .* full"),
        ("ERROR: No matching distribution found for numpy==99", DeviceError, "numpy==99"),
        ("", DeviceError, "no reason"),
    ],
)
def test_what_apt_and_pip_say_becomes_one_sentence(
    tools: Path, said: str, error: type[DeviceError], sentence: str
) -> None:
    program(tools, "apt-get", f"print({said!r}); sys.exit(100)")
    with pytest.raises(error, match=sentence) as caught:
        debian.mirror()
    assert caught.value.remedy and "\n" not in caught.value.message


def test_a_failed_fetch_leaves_what_stood_there(tools: Path, tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / fetching.CONTENTS).write_text("bookworm arm64 python3.11\npython3.11_1_arm64\n")
    program(tools, "apt-get", "print('E: no network'); sys.exit(100)")
    program(tools, "dpkg-deb", "")
    with pytest.raises(DeviceError, match="no network"):
        debian.fetch_packages(["python3.13"], "trixie", "arm64", folder)
    assert (folder / fetching.CONTENTS).read_text().startswith("bookworm")
    assert {path.name for path in tmp_path.iterdir()} == {"bin", "cache", "root", ".root.lock"}


def test_the_same_request_again_starts_nothing(tools: Path, tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    (folder / fetching.CONTENTS).write_text("trixie arm64 python3.13\npython3.13_1_arm64\n")
    assert debian.fetch_packages(["python3.13"], "trixie", "arm64", folder) == folder


def test_arm_runs_the_versions_that_are_pinned_here() -> None:
    text = Path(__file__, "../../../constraints.txt").resolve().read_text()
    assert set(system.WHEELS) <= set(re.findall(r"^\S+", text, re.MULTILINE))


def test_an_unprepared_device_says_what_to_do(tools: Path) -> None:
    device = devices.get("arm64-emulated")
    assert isinstance(device, EmulatedDevice)
    (step,) = device.check()
    assert step.state == "missing"
    assert step.remedy == "prepare it: edgebench devices prepare arm64-emulated"
    with pytest.raises(DeviceError, match="not prepared"):
        system.python()


def test_a_system_of_another_version_is_made_anew(tools: Path) -> None:
    script = system.folder() / "root/usr/bin/python3"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n# trixie python3.12\n")
    with pytest.raises(DeviceError, match="another version of edgebench"):
        system.python()


def test_the_callers_own_packages_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/x86/packages")
    assert "PYTHONPATH" not in system.environment()
    assert system.environment()["PATH"] == os.environ["PATH"]


def test_a_system_that_was_damaged_is_made_anew(
    tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def make(progress: Progress) -> None:
        assert not system.folder().exists()
        made.append(system.folder())

    def check(self: EmulatedDevice) -> Iterator[CheckStep]:
        state: Literal["ok", "missing"] = "missing" if len(made) < 2 else "ok"
        system.folder().mkdir(parents=True, exist_ok=True)
        yield CheckStep("NumPy", state, "not installed")

    monkeypatch.setattr(system, "prepare", make)
    monkeypatch.setattr(EmulatedDevice, "check", check)
    EmulatedDevice("arm", "").prepare(silent)
    assert len(made) == 2
