"""A phone's shell, through `adb shell` and `adb push`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.remote.shell import Shell, quoted
from edgebench.deploy.transports.adb import client, phones
from edgebench.deploy.transports.adb.phones import Identity
from edgebench.errors import DeviceError

SLOWEST_BYTES_PER_S = 100_000
"""A push that is slower than this, after half a minute, is taken for a broken connection."""

ENV_SERIAL = "ANDROID_SERIAL"
"""The environment variable by which adb itself is told which phone is meant."""


class AdbShell(Shell):
    """The shell of the phone with that serial, or else of the only attached phone that matches.

    Once it is found its serial is kept, because a phone that is plugged in again has the same.
    """

    def __init__(self, name: str, match: Sequence[str] = (), serial: str | None = None) -> None:
        self.name = name
        self.match = tuple(match)
        self.serial = serial or os.environ.get(ENV_SERIAL) or None

    @property
    def identity(self) -> str:
        # A phone on a cable and in the network has two serials for adb, and one of its own.
        identity = self.find()
        return f"adb:{identity.serial or self.serial}"

    def find(self) -> Identity:
        """Find the phone now and keep its serial. Raises `DeviceError`."""
        phone, identity = phones.find(self.name, self.match, self.serial)
        self.serial = phone.serial
        return identity

    def problem(self) -> DeviceError | None:
        """See `Shell.problem`."""
        try:
            self.find()
        except DeviceError as error:
            return error
        return None

    def argv(self, command: str) -> list[str]:
        """See `Shell.argv`. Raises `DeviceError` for a phone not found."""
        if self.serial is None:
            self.find()
        assert self.serial is not None
        return [client.program(), "-s", self.serial, "shell", command]

    def stream_argv(self, command: str) -> list[str]:
        """See `Shell.stream_argv`. Before Android 7 `adb shell` would add carriage returns."""
        return [*self.argv("")[:-2], "exec-out", command]

    def send(self, source: Path, target: str) -> None:
        """See `Shell.send`."""
        part = f"{target}.part"
        limit_s = 30.0 + source.stat().st_size / SLOWEST_BYTES_PER_S
        words = [*self.argv("")[:-2], "push", str(source), part]
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=limit_s,
            )
        except subprocess.TimeoutExpired:
            raise self.lost(f"sending {source.name} took more than {limit_s:.0f} s") from None
        except OSError as error:
            raise DeviceError(
                f"cannot start {words[0]}: {error.strerror}", client.INSTALL
            ) from error
        if done.returncode != 0:
            raise self._not_sent(done.stderr.strip() or done.stdout.strip(), part)
        self.check_output(f"mv -f {quoted(part)} {quoted(target)}")

    def _not_sent(self, said: str, part: str) -> DeviceError:
        complaint = next((line for line in said.splitlines() if "error" in line), said)
        reason = complaint.rpartition(": ")[2] or "adb push failed"
        refused = self.file_error(reason)
        if refused is None:
            return self.lost(reason)
        self.run(f"rm -f {quoted(part)}")  # The part that was sent takes space.
        return refused

    def check(self) -> Iterator[CheckStep]:
        """See `Shell.check`."""
        try:
            yield CheckStep("adb", "ok", f"{client.program()}, {client.check_server()}")
        except DeviceError as error:
            yield CheckStep("adb", "missing", error.message, error.remedy)
            return
        try:
            identity = self.find()
        except DeviceError as error:
            yield CheckStep("found", "missing", error.message, error.remedy)
            return
        yield CheckStep("found", "ok", f"serial {self.serial}, authorised and answering")
        yield CheckStep(
            "model", "ok", f"{identity}, Android {identity.android or 'of unknown version'}"
        )
