"""A place of its own for real daemons: its own network, processes and mounts.

A daemon that trusts everybody who reaches it, such as Debian's adbd, is safe where nobody can: in
a network namespace with nothing but a loopback. A process namespace makes cleaning up certain,
for the kernel ends all that is in it when its first process ends; and that one, a `cat`, ends with
its standard input, so even when the tests are killed. Root is not needed where the kernel lets
users have namespaces.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from waiting import wait_for

KINDS = ("--net", "--pid", "--mount")
ROOT = os.geteuid() == 0


class Sandbox:
    """Namespaces that live as long as this object, or until `close`."""

    def __init__(self) -> None:
        user = [] if ROOT else ["--user", "--map-root-user"]
        words = ["unshare", *user, *KINDS, "--fork", "--kill-child", "--mount-proc"]
        begin = "ip link set lo up && echo ready && exec cat"
        pipe = subprocess.PIPE
        self._holder = subprocess.Popen(
            [*words, "sh", "-c", begin], stdin=pipe, stdout=pipe, stderr=pipe
        )
        assert self._holder.stdout is not None and self._holder.stderr is not None
        if self._holder.stdout.readline() != b"ready\n":
            reason = self._holder.stderr.read().decode(errors="replace").strip()
            raise OSError(f"no namespaces can be made here: {reason}")
        self._first = only_child(self._holder.pid)

    def words(self, words: Sequence[str]) -> list[str]:
        """The words of a command that runs another in here."""
        user = [] if ROOT else ["--user", "--preserve-credentials"]
        return ["nsenter", "--target", str(self._first), *user, *KINDS, "--", *words]

    def run(
        self, words: Sequence[str], env: Mapping[str, str] | None = None, timeout_s: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in here, to its end."""
        return subprocess.run(
            self.words(words),
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def start(
        self, words: Sequence[str], env: Mapping[str, str], log: Path, folder: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command in here that goes on; what it says goes to a file.

        The process that is returned is `nsenter`, which waits for it: see `only_child`.
        """
        with log.open("ab") as file:
            return subprocess.Popen(
                self.words(words),
                env=dict(env),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def processes(self) -> dict[int, str]:
        """The command lines of all that runs in here but its first process, by number outside."""
        mine = os.readlink(f"/proc/{self._first}/ns/pid")
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(path / "ns/pid") == mine and int(path.name) != self._first:
                    line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if line:  # A process that has ended and was not waited for has none.
                        found[int(path.name)] = line.strip()
            except OSError:
                continue
        return found

    def close(self) -> None:
        """End all that is in here."""
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait()
        assert self._holder.stdout is not None and self._holder.stderr is not None
        self._holder.stdout.close()
        self._holder.stderr.close()


def only_child(pid: int) -> int:
    """The process that another one has started, such as that of `nsenter`. Waits until it has."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_for(lambda: bool(children.read_text()), f"process {pid} has started another")
    return int(children.read_text().split()[0])
