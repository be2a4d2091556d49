"""Two ways to install a Python with its runtimes on a board, in HOME/python.

With the board's own pip, in a virtual environment. That needs the board's network, and the board's
settings decide where packages come from, such as Raspberry Pi OS's builds for 32-bit Arm. Or with
wheels that this machine downloads for the board and sends. That needs neither network nor pip nor
venv on the board, because a wheel is a zip file and Python can import from it once it is unpacked.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path

from edgebench.deploy.remote.python_check import PythonFacts
from edgebench.deploy.remote.shell import quoted
from edgebench.deploy.remote.store import Store
from edgebench.errors import DeviceError
from edgebench.progress import Progress

PACKAGES = {
    "tflite": (("numpy", "ai-edge-litert"), ("numpy<2", "tflite-runtime")),
    "onnx": (("numpy", "onnxruntime"),),
    "openvino": (("numpy", "openvino"),),
}
"""By format, what to install; the first alternative that there are wheels of is taken."""

PIP = "-m pip --disable-pip-version-check --no-input"
PIP_LIMIT_S = 3600.0
"""For packages of a hundred megabytes through a slow network, onto a slow card."""

OLDEST_GLIBC = 17
"""Of glibc 2: that of the oldest wheels (manylinux2014, PEP 599)."""

# Beside each other, so that the folder can be moved.
LAUNCHER = """\
#!/bin/sh
PYTHONPATH="${{0%/bin/*}}/site" exec {python} "$@"
"""

UNPACK = """\
import glob, sys, zipfile
for wheel in sorted(glob.glob(sys.argv[1] + "/*.whl")):
    zipfile.ZipFile(wheel).extractall(sys.argv[2])
"""


class Install(ABC):
    """One way to make HOME/python, based on the board's own Python, whose facts are given.

    `mark` is a file or folder in it that no other way makes.
    """

    mark: str

    def __init__(self, store: Store, facts: PythonFacts) -> None:
        self.store = store
        self.facts = facts
        self.folder = f"{store.home}/python"

    def made(self) -> bool:
        """Whether the existing Python was made in this way. Raises `DeviceError`."""
        return self.store.shell.run(f"[ -e {quoted(self.folder)}/{self.mark} ]").status == 0

    @abstractmethod
    def make(self, progress: Progress) -> None:
        """Make the Python, without packages yet. Raises `DeviceError`."""

    @abstractmethod
    def add(self, packages: tuple[str, ...], progress: Progress) -> None:
        """Add packages and their dependencies. Raises `DeviceError`."""

    def install(self, form: str, progress: Progress) -> None:
        """Add a runtime for a format. Raises the `DeviceError` of the first alternative."""
        failures = []
        for packages in PACKAGES[form]:
            try:
                return self.add(packages, progress)
            except DeviceError as error:
                failures.append(error)
        raise failures[0]


class PipOnBoard(Install):
    """A virtual environment, filled through the board's own network."""

    mark = "pyvenv.cfg"

    def make(self, progress: Progress) -> None:
        progress("making a Python environment on the board", 0, 0)
        # If there are few wheels, the system's packages are better than nothing.
        system = "--system-site-packages " if self.facts.bits == 32 else ""
        folder, python = quoted(self.folder), quoted(self.facts.executable)
        made = self.store.shell.run(
            f"rm -rf {folder} && mkdir -p {folder} && {python} -m venv {system}{folder}",
            timeout_s=PIP_LIMIT_S,
        )
        if made.status != 0:
            raise DeviceError(
                "its Python cannot make environments (venv): sudo apt install python3-venv"
            )

    def add(self, packages: tuple[str, ...], progress: Progress) -> None:
        progress(f"installing {packages[-1]} on the board", 0, 0)
        done = self.store.shell.run(
            f"{quoted(self.store.python)} {PIP} install --quiet --retries 1 --only-binary=:all: "
            f"{shlex.join(packages)}",
            timeout_s=PIP_LIMIT_S,
        )
        if done.status != 0:
            raise DeviceError(f"its pip cannot install {packages[-1]}: {done.reason}")


class WheelsFromHost(Install):
    """A folder of unpacked wheels, and a launcher with which the board's Python imports from it."""

    mark = "site"

    def make(self, progress: Progress) -> None:
        folder, python = quoted(self.folder), quoted(self.facts.executable)
        self.store.shell.check_output(f"rm -rf {folder} && mkdir -p {folder}/bin {folder}/site")
        with tempfile.TemporaryDirectory() as temporary:
            launcher = Path(temporary, "python3")
            launcher.write_text(LAUNCHER.format(python=python))
            self.store.shell.send(launcher, self.store.python)
        self.store.shell.check_output(f"chmod +x {quoted(self.store.python)}")

    def add(self, packages: tuple[str, ...], progress: Progress) -> None:
        wheels = f"{self.folder}/wheels"
        with tempfile.TemporaryDirectory() as temporary:
            progress(f"downloading {packages[-1]} on this machine", 0, 0)
            self._download(packages, temporary)
            files = {path.name: path for path in sorted(Path(temporary).glob("*.whl"))}
            self.store.send(files, wheels, progress)
        progress(f"unpacking {packages[-1]} on the board", 0, 0)
        self.store.shell.check_output(
            f"{quoted(self.facts.executable)} -c {shlex.quote(UNPACK)} "
            f"{quoted(wheels)} {quoted(self.folder)}/site && rm -rf {quoted(wheels)}",
            timeout_s=PIP_LIMIT_S,
        )

    def _download(self, packages: tuple[str, ...], folder: str) -> None:
        """Download wheels for the board. Markers of dependencies are evaluated for this Python."""
        version = ".".join(map(str, self.facts.version[:2]))
        platforms = [word for one in platforms_of(self.facts) for word in ("--platform", one)]
        done = subprocess.run(
            [
                *(sys.executable, *PIP.split(), "download", "--quiet", "--only-binary=:all:"),
                *("--python-version", version, *platforms, "--dest", folder, *packages),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["pip gives no reason"])[-1]
            raise DeviceError(f"wheels of {packages[-1]} cannot be downloaded: {reason}")


METHODS: tuple[type[Install], ...] = (PipOnBoard, WheelsFromHost)


def platforms_of(facts: PythonFacts) -> list[str]:
    """The platforms whose wheels run there, by its C library, newest first (PEP 600)."""
    newest = int(facts.glibc.split(".")[1])
    tags = [f"manylinux_2_{minor}" for minor in range(newest, OLDEST_GLIBC - 1, -1)]
    return [f"{tag}_{facts.platform}" for tag in [*tags, "manylinux2014", "linux"]]
