"""The core of the iOS app as a program of this Mac: `edgebench-coreml`, built by Xcode's tools.

It follows the contract of the apps, one job a process. Not verified on hardware: on other systems
the tests give it the evaluator of programs in the place of Core ML.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgebench import deploy
from edgebench.deploy.app.contract import AppOutput
from edgebench.deploy.app.session import Session
from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.documents.change_lines import CHANGES
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import FILES, PLAN, RESULT
from edgebench.documents import load
from edgebench.errors import DeviceError
from edgebench.places import cache_folder
from edgebench.progress import Progress

NAME = "edgebench-coreml"
PACKAGE = Path(deploy.__file__).resolve().parents[1] / "ios_app" / "EdgebenchCore"
"""In edgebench's repository; an installed edgebench has no Swift sources."""

BUILD_S = 900.0
POLL_S = 0.2


def find() -> Path | None:
    """The program: on the PATH, or built from this repository; None where neither can be had.

    Building it again takes a second where nothing has changed. Raises `DeviceError` for a build
    that fails.
    """
    if found := shutil.which(NAME):
        return Path(found)
    if not _can_be_built():
        return None
    scratch = cache_folder() / "mac"
    words = ["swift", "build", "-c", "release", "--product", NAME]
    places = ["--package-path", str(PACKAGE), "--scratch-path", str(scratch)]
    try:
        done = subprocess.run(
            ["xcrun", *words, *places],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"{NAME} cannot be built: {error}", _remedy(words)) from error
    if done.returncode != 0:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in lines if "error:" in line] or lines or ["no reason given"]
        raise DeviceError(f"{NAME} cannot be built: {errors[0].strip()}", _remedy(words))
    return scratch / "release" / NAME


def _can_be_built() -> bool:
    if shutil.which("xcrun") is None or not (PACKAGE / "Package.swift").exists():
        return False
    asked = ["xcrun", "--find", "swift"]
    return subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


def _remedy(words: Sequence[str]) -> str:
    return f"see what it says: cd {PACKAGE}; xcrun {' '.join(words)}"


def check() -> CheckStep:
    """Which program measures Core ML packages here."""
    if found := shutil.which(NAME):
        return CheckStep(NAME, "ok", found)
    if _can_be_built():
        return CheckStep(NAME, "ok", "is built from ios_app when it is needed")
    return CheckStep(
        NAME,
        "note",
        "cannot be built here, so coremltools measures Core ML, and its copies are in the times",
        "install Xcode, and run edgebench from its repository",
    )


def run(command: Sequence[str], folder: Path, progress: Progress) -> RunResult:
    """Carry out the plan of a run folder with the program. Raises `DeviceError`."""
    with tempfile.TemporaryDirectory() as temporary:
        app = MacTool(command, Path(temporary, "runs", "run"))
        app.prepare(folder)
        try:
            Session(app, folder, progress).execute()
        finally:
            app.stop()
    return load(folder / RESULT, RunResult)


class MacTool:
    """The program with one run; see `edgebench.deploy.app.contract.App`."""

    install = f"build it anew: remove {cache_folder() / 'mac'}"
    where = f"{NAME} on this Mac"
    poll_s = POLL_S

    def __init__(self, command: Sequence[str], run: Path) -> None:
        self.command = list(command)
        self.run = run
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self, folder: Path) -> None:
        """Put the plan and its files where the contract has them."""
        self.run.mkdir(parents=True)
        (self.run.parents[1] / FILES).symlink_to((folder / FILES).resolve())
        shutil.copyfile(folder / PLAN, self.run / PLAN)

    def start(self, result: Path | None) -> None:
        """See `App.start`."""
        if result is not None:
            shutil.copyfile(result, self.run / RESULT)
        try:
            self.process = subprocess.Popen(
                [*self.command, str(self.run)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for edgebench, which ends it.
            )
        except OSError as error:
            raise DeviceError(f"cannot start {self.command[0]}: {error.strerror}") from error

    def stop(self) -> None:
        """See `App.stop`."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
            self.process.wait()
            self.process = None

    def read_output(self, offset: int) -> AppOutput:
        """See `App.read_output`."""
        running = self.process is not None and self.process.poll() is None
        written = self.run / CHANGES
        content = written.read_bytes() if written.exists() else b""
        return AppOutput(content[offset:].decode(errors="replace"), running)

    def fetch(self, name: str, target: Path, size_bytes: int) -> None:
        """See `App.fetch`."""
        try:
            shutil.copyfile(self.run / name, target)
        except OSError as error:
            raise DeviceError(f"cannot read {self.run / name}: {error.strerror}") from error
