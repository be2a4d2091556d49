"""A board's shell over ssh.

It uses OpenSSH's own client, so that the user's configuration, keys, agent and jump hosts work. All
commands share one connection, because a handshake takes a slow board a second.
"""

from __future__ import annotations

import os
import stat
import subprocess
from functools import cached_property
from pathlib import Path

from edgebench.deploy.remote.shell import END, DeviceLostError, Shell, quoted
from edgebench.deploy.transports.ssh.errors import Address, ConnectionBrokenError, ssh_error
from edgebench.errors import DeviceError

ALWAYS = {
    "BatchMode": "yes",  # A question would wait forever.
    "LogLevel": "ERROR",  # No banners among a command's errors.
    "RequestTTY": "no",
    "RemoteCommand": "none",
    "ClearAllForwardings": "yes",
}

UNLESS_SET = {
    "ConnectTimeout": ("none", "10"),
    "ServerAliveInterval": ("0", "5"),
}
"""By option: what ssh says where the user has not set it, and what we take then.

A connection that goes silent is given up after three intervals (ServerAliveCountMax).
"""

UNSHARED = ("-o", "ControlPath=none", "-o", "ControlPersist=no")
"""For a connection of its own. One that others are to share says nothing of its jump hosts."""

PERSIST_S = 60
ANSWER_S = 40.0
"""For a first connection through jump hosts; longer than a silent connection lives."""

SOCKET_NAME = 40 + 17
"""Bytes that ssh needs for a socket's name: %C, and what it appends while it makes one."""

SOCKET_PATH = 104
"""The longest path of a socket: 108 bytes in Linux, 104 in macOS (unix(4))."""


class SshShell(Shell):
    """The shell at `host`, as ssh's configuration names it. `name` is the device's."""

    def __init__(self, host: str, name: str) -> None:
        self.host = host
        self.name = name

    @property
    def identity(self) -> str:
        return f"ssh:{self.address.known_as}"  # It is one board for every user who logs in.

    @property
    def address(self) -> Address:
        """What the host means in ssh's configuration. Raises `DeviceError`."""
        told = self._settings
        return Address(self.host, told["user"], told["hostname"], told["port"])

    def argv(self, command: str) -> list[str]:
        return ["ssh", *self._options, "--", self.host, for_any_shell(command)]

    def send(self, source: Path, target: str) -> None:
        # A broken connection looks like the end of the file there, hence the count of its bytes.
        part = f"{quoted(target)}.$$.part"
        with source.open("rb") as file:
            answer = self.run(
                f"cat >{part} && [ $(wc -c <{part}) -eq {source.stat().st_size} ] && "
                f"mv -f {part} {quoted(target)} || {{ rm -f {part}; false; }}",
                timeout_s=None,
                stdin=file,
            )
        if answer.status != 0:
            raise DeviceError(
                f"{source.name} could not be written to {target} on {self.name}: {answer.reason}",
                "check the free space and the permissions of the folder",
            )

    def problem(self) -> DeviceError | None:
        found = self._attempt()
        # A connection that was just breaking says nothing about the next.
        return self._attempt(*UNSHARED) if isinstance(found, ConnectionBrokenError) else found

    def _attempt(self, *options: str) -> DeviceError | None:
        try:
            # ssh does not report as an error that it cannot agree with a server.
            words = ["ssh", "-o", "LogLevel=INFO", *options, *self.argv(f"echo {END}0")[1:]]
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ANSWER_S,
                start_new_session=True,  # Without a terminal: the ssh to a jump host would ask.
            )
        except subprocess.TimeoutExpired:
            return DeviceLostError(
                f"{self.name} gave no answer at {self.address} in {ANSWER_S:.0f} s",
                f"check that it is running, and that this works: ssh {self.host} true",
            )
        except DeviceError as error:
            return error
        if END in done.stdout:
            return None
        return ssh_error(self.name, self.address, done.returncode, done.stderr or done.stdout)

    @cached_property
    def _options(self) -> list[str]:
        """Our options for ssh; the user's own settings stay."""
        told = self._settings
        options = ALWAYS | {
            name: ours
            for name, (unset, ours) in UNLESS_SET.items()
            if told.get(name.lower(), unset) == unset
        }
        folder = socket_folder()
        if "controlpath" not in told and folder is not None:
            options |= {
                "ControlMaster": "auto",
                "ControlPersist": str(PERSIST_S),
                "ControlPath": f"{folder}/%C",
            }
        return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]

    @cached_property
    def _settings(self) -> dict[str, str]:
        """ssh's configuration for the host, by option. Raises `DeviceError`."""
        try:
            done = subprocess.run(
                ["ssh", "-G", "--", self.host],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise DeviceError(
                f"cannot start ssh: {error.strerror}", "install OpenSSH's client"
            ) from error
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["it gives no reason"])[-1]
            raise DeviceError(
                f"ssh cannot read its configuration for {self.host}: {reason}",
                f"correct ~/.ssh/config, or the host of {self.name}",
            )
        lines = (line.partition(" ") for line in done.stdout.splitlines())
        return {name: value for name, _, value in lines}


def for_any_shell(command: str) -> str:
    """A command for a POSIX shell, quoted so that every login shell passes it on unchanged.

    Shells differ in how they treat newlines, exclamation marks and backslashes in quotes (csh,
    fish), so these are sent as numbers, and printf turns them back.
    """
    special = "\\'\"$`!\n"
    plain = "".join(f"\\0{ord(one):03o}" if one in special else one for one in command)
    return f"""exec sh -c 'eval "$(printf %b "{plain}")"'"""


def socket_folder() -> Path | None:
    """The user's own folder for the sockets of shared connections; None if there is none.

    Its path has to be short, so it is neither in the cache nor in the temporary folder, whose paths
    may be long.
    """
    bases = [Path("/tmp", f"edgebench-{os.getuid()}")]
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        bases.insert(0, Path(runtime, "edgebench"))
    for folder in bases:
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            found = folder.lstat()
        except OSError:
            continue
        own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        private = not found.st_mode & 0o077
        if own and private and len(f"{folder}/") + SOCKET_NAME < SOCKET_PATH:
            return folder
    return None
