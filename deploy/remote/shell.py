"""A shell on a device: run commands and send files, whatever the connection is.

`adb` and `ssh` are both programs that take a command and connect it to a remote shell. What they
share is here: commands are POSIX shell, and their output is between two lines of ours. The first
separates it from what a login prints. The last has the exit status, so that output that was cut off
is never taken for complete.
"""

from __future__ import annotations

import shlex
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgebench.deploy.device.entry import user_file
from edgebench.deploy.device.interface import CheckStep
from edgebench.errors import DeviceError

BEGIN = "edgebench-answer:"
"""The line before every command's output. A login may have printed before it."""

END = "edgebench-status:"
"""Begins the last line of every command's output; its exit status follows."""

FULL = ("No space left on device", "Disk quota exceeded")
CLOSED = ("Read-only file system", "Permission denied")
"""What a file system there says when it does not take a file."""


class DeviceLostError(DeviceError):
    """The connection broke and may come back; the work can then be continued."""


@dataclass(frozen=True)
class CommandResult:
    """The output of a command on the device, and its exit status."""

    status: int
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """The last line of its errors."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return lines[-1] if lines else f"exit status {self.status}"


class Shell(ABC):
    """One device's shell. `name` is the device's name, for messages."""

    name: str

    @property
    def identity(self) -> str:
        """See `Device.identity`: a serial, or a host's address."""
        return self.name

    @abstractmethod
    def argv(self, command: str) -> list[str]:
        """The command line on this machine that runs a shell command on the device."""

    @abstractmethod
    def send(self, source: Path, target: str) -> None:
        """Copy a file to a path on the device, completely or not at all; its folder exists.

        Raises `DeviceLostError`, and `DeviceError`, such as for a full disk.
        """

    def stream_argv(self, command: str) -> list[str]:
        """The same, for a command whose output is binary and must not be changed."""
        return self.argv(command)

    def fetch(self, source: str, target: Path, size_bytes: int) -> None:
        """Copy a file of that size, given as a word of a shell command, to a path on this machine.

        Raises `DeviceLostError`, and `DeviceError` for a file that does not exist or has another
        size. The file at `target` is then invalid.
        """
        words = self.stream_argv(f"echo; echo {BEGIN}; cat {source} 2>/dev/null")
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                words, stdin=null, stdout=pipe, stderr=null, start_new_session=True
            )
        except OSError as error:
            raise _cannot_start(words[0], error) from error
        with process, target.open("wb") as file:
            assert process.stdout is not None
            left = _copy(process.stdout, file, size_bytes)
            process.kill()  # If the file has grown, only that many bytes are read.
        if left == 0:
            return
        found = self.run(f"wc -c <{source}")
        if found.status != 0:
            raise DeviceError(
                f"{self.name} does not give {source}: {found.reason}", "continue with --resume"
            )
        if found.stdout.strip() != str(size_bytes):
            raise DeviceError(
                f"{source} on {self.name} has {found.stdout.strip()} bytes, not {size_bytes}",
                "continue with --resume",
            )
        raise self.lost(f"{source} ended early")

    @abstractmethod
    def problem(self) -> DeviceError | None:
        """Why the device cannot be used now, with what to do; None if it can.

        The cause of a `DeviceLostError` may pass by itself or when a cable is plugged in. That of
        any other error will not.
        """

    def check(self) -> Iterator[CheckStep]:
        """Check step by step whether it can be used now."""
        problem = self.problem()
        if problem is not None:
            yield CheckStep("found", "missing", problem.message, problem.remedy)
        else:
            yield CheckStep("found", "ok", f"{self.name} answers")

    def run(
        self, command: str, timeout_s: float | None = 60.0, stdin: IO[bytes] | None = None
    ) -> CommandResult:
        """Run a command and wait for it. A given file is its stdin.

        Raises `DeviceLostError`, and `DeviceError`.
        """
        source = " </dev/null" if stdin is None else ""
        words = self.argv(
            f"echo; echo {BEGIN}; {{ {command}\n}}{source}; status=$?; echo; echo {END}$status"
        )
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                start_new_session=True,  # Without a terminal nothing waits for an answer.
            )
        except subprocess.TimeoutExpired:
            raise self.lost(f"gave no answer in {timeout_s:.0f} s") from None
        except OSError as error:
            raise _cannot_start(words[0], error) from error
        _, begun, output = done.stdout.replace("\r\n", "\n").partition(BEGIN + "\n")
        output, ended, status = output.rpartition("\n" + END)
        if not begun or not ended or not status.strip().isdigit():
            raise self.lost((done.stderr.strip().splitlines() or ["the connection broke"])[-1])
        return CommandResult(int(status), output, done.stderr)

    def check_output(self, command: str, timeout_s: float = 60.0) -> str:
        """Run a command that has to succeed, and return its output.

        Raises `DeviceError` with the device's message if it fails.
        """
        answer = self.run(command, timeout_s)
        if answer.status != 0:
            raise self.file_error(answer.reason) or DeviceError(
                f"{self.name}: {answer.reason}", f"the command was: {command}"
            )
        return answer.stdout

    def file_error(self, reason: str) -> DeviceError | None:
        """The error if the file system does not accept a file; None for any other reason."""
        remedies = dict.fromkeys(FULL, "free some space there, or measure fewer models at once")
        remedies |= dict.fromkeys(CLOSED, self.other_folder_remedy)
        for sign, remedy in remedies.items():
            if sign in reason:
                return DeviceError(f"{self.name} cannot store files: {reason}", remedy)
        return None

    @property
    def other_folder_remedy(self) -> str:
        """What to do if the store's folder cannot be used."""
        return (
            "use another folder: edgebench devices add "
            f"{self.name} --home FOLDER, or set `home` in {user_file()}"
        )

    def start(self, command: str, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a command, with its stdin and stdout connected and its stderr in a file.

        The first line of the output is empty, so that it does not continue a line of the login.
        The last line is `END` and the exit status. Raises `DeviceError`.
        """
        pipe = subprocess.PIPE
        words = self.argv(f"echo\n{command}\necho {END}$?")
        try:
            # In its own process group, so that Ctrl-C at the terminal reaches it only through us.
            return subprocess.Popen(
                words, stdin=pipe, stdout=pipe, stderr=complaints, start_new_session=True
            )
        except OSError as error:
            raise _cannot_start(words[0], error) from error

    def lost(self, reason: str) -> DeviceError:
        """The error of a broken connection: the device's current problem, or this reason."""
        return self.problem() or DeviceLostError(
            f"the connection to {self.name} broke: {reason}", "check the cable or the network"
        )


def _copy(stream: IO[bytes], file: IO[bytes], size_bytes: int) -> int:
    """Copy what follows the line `BEGIN`. Returns how many of the bytes are missing."""
    while (line := stream.readline()) and line.strip() != BEGIN.encode():
        pass
    left = size_bytes
    while left and (part := stream.read(min(left, 1 << 20))):
        file.write(part)
        left -= len(part)
    return left + len(stream.read(1)) if left == 0 else left


def _cannot_start(program: str, error: OSError) -> DeviceError:
    return DeviceError(f"cannot start {program}: {error.strerror}", f"install {program}")


def quoted(path: str) -> str:
    """A path as a word of a shell command. The shell expands a leading ~/."""
    if path.startswith("~/"):
        return "~/" + shlex.quote(path[2:])
    return shlex.quote(path)
