"""The sample app on an iPhone, started and read by devicectl. Not verified on hardware.

devicectl can read only the app's data container, and only the app can remove files there. There is
no shell, so files are sent one by one, and the app removes what is no longer needed.

    Documents/edgebench/files/<sha256>.<ext>
    Documents/edgebench/runs/<id>/plan.json, result.json, changes.jsonl, outputs/
"""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgebench.deploy.app.contract import AppOutput
from edgebench.deploy.documents.change_lines import CHANGES, CONTRACT
from edgebench.deploy.documents.staging import FILES, PLAN, RESULT
from edgebench.deploy.remote.shell import DeviceLostError
from edgebench.deploy.remote.store import SENDING
from edgebench.deploy.transports.apple import devicectl
from edgebench.deploy.transports.apple.devicectl import NOT_INSTALLED, DevicectlError
from edgebench.errors import DeviceError
from edgebench.progress import Progress

HOME = "Documents/edgebench"
COPY_S = 300.0
SLOWEST_BYTES_PER_S = 100_000
"""A copy that is slower than this, after a while, is taken for a broken connection."""


class IPhoneApp:
    """The app with one run; see `edgebench.deploy.app.contract.App`."""

    install = NOT_INSTALLED.remedy

    def __init__(self, phone: str, name: str, bundle: str, run: str, poll_s: float) -> None:
        self.phone = phone
        self.name = name
        self.bundle = bundle
        self.run = f"{HOME}/runs/{run}"
        self.poll_s = poll_s
        self.pid: int | None = None

    @property
    def where(self) -> str:
        return f"the app {self.bundle} on {self.name}"

    def require_installed(self) -> str:
        """The app's version. Raises `DeviceError` if it is not installed."""
        listed = self._device("info", "apps", "--bundle-id", self.bundle).get("apps", [])
        if not listed:
            raise NOT_INSTALLED.of(self.name)
        return str(listed[0].get("version", ""))

    def send_plan(self, folder: Path, sent: set[str], progress: Progress) -> None:
        """Send the plan and those of its files that are not in `sent`. Raises `DeviceError`."""
        files = [path for path in sorted((folder / FILES).rglob("*")) if path.is_file()]
        names = {path.relative_to(folder).as_posix(): path for path in files}
        missing = {name: path for name, path in names.items() if name not in sent}
        total = max(sum(path.stat().st_size for path in missing.values()) // 1024, 1)
        done = 0
        for name, path in missing.items():
            progress(SENDING, min(done // 1024, total - 1), total)
            self._send(path, f"{HOME}/{name}")
            done += path.stat().st_size
            sent.add(name)
        if missing:
            progress(SENDING, total, total)
        self._send(folder / PLAN, f"{self.run}/{PLAN}")

    def start(self, result: Path | None) -> None:
        """See `App.start`."""
        if result is not None:
            self._send(result, f"{self.run}/{RESULT}")
        self._launch(EDGEBENCH_CONTRACT=CONTRACT, EDGEBENCH_RUN=self.run)

    def stop(self) -> None:
        """See `App.stop`.

        An app that an earlier host started is ended by the next start.
        """
        if self.pid is not None:
            with suppress(DevicectlError):  # It has already ended.
                self._device("process", "terminate", "--pid", str(self.pid), "--kill")
            self.pid = None

    def read_output(self, offset: int) -> AppOutput:
        """See `App.read_output`.

        Each call of devicectl takes the phone some work, so whether the app runs is asked only if
        it wrote nothing new.
        """
        text = self._written(offset)
        if "\n" in text or self._running():
            return AppOutput(text, True)
        return AppOutput(self._written(offset), False)

    def clear(self) -> None:
        """Have the app remove all that was sent and measured. Raises `DeviceError`."""
        self._launch(EDGEBENCH_CONTRACT=CONTRACT, EDGEBENCH_CLEAR="1")

    def _running(self) -> bool:
        listed = self._device("info", "processes").get("runningProcesses", [])
        return self.pid in [one.get("processIdentifier") for one in listed]

    def fetch(self, name: str, target: Path, size_bytes: int) -> None:
        """See `App.fetch`."""
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            copy = Path(folder, target.name)  # devicectl does not overwrite files.
            self._copy_from(name, copy, COPY_S + size_bytes / SLOWEST_BYTES_PER_S)
            copy.replace(target)

    def _copy_from(self, name: str, target: Path, timeout_s: float = COPY_S) -> None:
        place = ("--source", f"{self.run}/{name}", "--destination", str(target))
        self._device("copy", "from", *self._container(), *place, timeout_s=timeout_s)

    def _written(self, offset: int) -> str:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, CHANGES)
            try:
                self._copy_from(CHANGES, target)
            except DeviceLostError:
                raise
            except DeviceError:
                pass  # Nothing is written yet. The time limit ends an app that never writes.
            return target.read_bytes()[offset:].decode(errors="replace") if target.exists() else ""

    def _send(self, source: Path, target: str) -> None:
        place = ("--source", str(source), "--destination", target)
        self._device("copy", "to", *self._container(), *place, timeout_s=COPY_S)

    def _launch(self, **environment: str) -> None:
        options = ("--terminate-existing", "--environment-variables", json.dumps(environment))
        found = self._device("process", "launch", *options, self.bundle)
        self.pid = found.get("process", {}).get("processIdentifier")

    def _container(self) -> tuple[str, ...]:
        return "--domain-type", "appDataContainer", "--domain-identifier", self.bundle

    def _device(
        self, noun: str, verb: str, *words: str, timeout_s: float = devicectl.TIMEOUT_S
    ) -> dict[str, Any]:
        return devicectl.call(
            self.name, "device", noun, verb, "--device", self.phone, *words, timeout_s=timeout_s
        )
