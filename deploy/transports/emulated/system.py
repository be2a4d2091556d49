"""The emulated Arm system: Debian's Python and PyPI's runtimes for aarch64, and QEMU to run them.

    <cache>/arm64/emulator/usr/bin/qemu-aarch64   QEMU's user-mode emulator, static
    <cache>/arm64/root/                           Debian 13's Python 3.13 for arm64
    <cache>/arm64/root/usr/local/lib/python3.13/dist-packages    the runtimes' wheels
    <cache>/arm64/root/usr/bin/python3            a shell script: that Python, under QEMU

The script is the Arm system's Python. It runs from any folder, and its `sys.executable` is the
script again, so that the processes it starts are Arm code too, without the kernel's binfmt_misc and
without root. It runs under the C library of Debian 13, because
QEMU 7.2 of Debian 12 crashes in the runtimes and OpenVINO's wheel needs glibc 2.35.
"""

from __future__ import annotations

import os
import platform
import shlex
from pathlib import Path

from edgebench.deploy.transports.emulated.debian import fetch_packages
from edgebench.deploy.transports.emulated.wheels import fetch_wheels
from edgebench.documents import replacing
from edgebench.errors import DeviceError
from edgebench.places import cache_folder
from edgebench.progress import Progress, silent

SUITE = "trixie"
PYTHON = "3.13"
ROOT_PACKAGES = (f"python{PYTHON}", "libstdc++6")

WHEELS = ("numpy==2.3.5", "ai-edge-litert==2.3.0", "onnxruntime==1.31.1", "openvino==2026.4.1")
"""The versions of constraints.txt: here and there the same release runs."""

CPU = "cortex-a76"
"""It has the dot-product instructions that int8 kernels choose, as phones since 2019 have."""

EMULATOR = "usr/bin/qemu-aarch64"

ADDRESSES = "0x2000000000"
"""The guest's address space, in bytes. Reserved at once, so that QEMU itself and not the kernel
places what the guest maps: at the same addresses every time."""

DEBIAN_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Debian's names of the machines that edgebench emulates on."""


def folder() -> Path:
    """The folder of the system, which may not exist yet."""
    return cache_folder() / "arm64"


def python() -> Path:
    """The Arm system's Python, a script that is run like any program.

    Raises `DeviceError` if the system is not prepared, or by another version of edgebench.
    """
    path = _python()
    try:
        if path.read_text() == _script():
            return path
        state = "was prepared by another version of edgebench"
    except OSError:
        state = "is not prepared"
    raise DeviceError(
        f"the emulated Arm system {state}", "prepare it: edgebench devices prepare arm64-emulated"
    )


def prepare(progress: Progress = silent) -> Path:
    """Make the missing parts of the system and return its Python.

    It takes about 120 MB of downloads and 350 MB of disk. Raises `DeviceError` and
    `UnwritableError`.
    """
    machine = platform.machine()
    if machine not in DEBIAN_NAMES:
        raise DeviceError(
            f"Arm code cannot be emulated on {platform.system()} {machine}",
            f"use Debian on {' or '.join(DEBIAN_NAMES)}",
        )
    emulator = folder() / "emulator"
    fetch_packages(["qemu-user"], SUITE, DEBIAN_NAMES[machine], emulator, progress, [EMULATOR])
    root = fetch_packages(ROOT_PACKAGES, SUITE, "arm64", _root(), progress)
    site = root / "usr/local/lib" / f"python{PYTHON}" / "dist-packages"
    fetch_wheels(WHEELS, PYTHON, "aarch64", site, progress)
    with replacing(_python()) as temporary:
        temporary.write_text(_script())
        temporary.chmod(0o755)
    return _python()


def emulated(*options: str) -> list[str]:
    """The command line that runs the Arm system's Python, with options for QEMU."""
    return [
        str(folder() / "emulator" / EMULATOR),
        *("-0", str(_python())),
        *("-cpu", CPU),
        *("-R", ADDRESSES),
        *("-L", str(_root())),
        # The caller's settings for libraries and packages are for another system.
        *("-U", "LD_LIBRARY_PATH", "-U", "LD_PRELOAD", "-U", "PYTHONHOME"),
        *("-E", "PYTHONNOUSERSITE=1"),
        *options,
        str(_root() / f"usr/bin/python{PYTHON}"),
    ]


def environment() -> dict[str, str]:
    """This process's environment without its Python packages, which are for another machine."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}


def _root() -> Path:
    return folder() / "root"


def _python() -> Path:
    # In its root, where Python searches its library and packages.
    return _root() / "usr/bin/python3"


def _script() -> str:
    made_of = " ".join((SUITE, *ROOT_PACKAGES, *WHEELS))
    return f'#!/bin/sh\n# {made_of}\nexec {shlex.join(emulated())} "$@"\n'
