"""Wheels of PyPI for another processor, unpacked into a separate folder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from edgebench.deploy.transports.emulated.fetching import (
    CONTENTS,
    is_built_from,
    locked_folder,
    run,
)
from edgebench.documents import replacing
from edgebench.progress import Progress, silent

WHEELS = ("any", "manylinux2014_{0}", *(f"manylinux_2_{minor}_{{0}}" for minor in range(17, 42)))
"""The platforms whose wheels Debian 13's C library (2.41) runs, by architecture."""

PIP = (
    *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check"),
    *("--no-deps", "--only-binary=:all:", "--no-compile"),
)

FETCHING_WHEELS = "downloading wheels"


def fetch_wheels(
    requirements: Sequence[str],
    python: str,
    architecture: str,
    into: Path,
    progress: Progress = silent,
) -> Path:
    """Unpack wheels from PyPI into a folder, without their dependencies, and return it.

    `python` is a version such as 3.13, `architecture` the kernel's name such as aarch64. Raises
    `DeviceError` if there is no pip, no network or no such wheel, and `UnwritableError`.
    """
    request = " ".join((python, architecture, *requirements))
    with locked_folder(into):
        if is_built_from(into, request):
            return into
        platforms = [word for one in WHEELS for word in ("--platform", one.format(architecture))]
        with replacing(into) as temporary:
            temporary.unlink()
            temporary.mkdir()
            progress(FETCHING_WHEELS, 0, 0)
            install = [*PIP, "--python-version", python, *platforms, "--target", str(temporary)]
            run([*install, *requirements], "pip")
            progress(FETCHING_WHEELS, 1, 1)
            (temporary / CONTENTS).write_text(request + "\n")
    return into
