"""A board without the hardware: a real sshd on loopback, with throw-away keys.

sshd and the login shells are Debian's packages, unpacked and not installed. The board is this
machine with a home folder, a PATH and a login of its own. sshd lets in one key that the test made,
and ends with the test; all that is started through it carries a mark in its environment, by which
it is found again, whatever became of its connection.
"""

from __future__ import annotations

import os
import platform
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from waiting import wait_for

from edgebench.deploy.transports.emulated.debian import fetch_packages
from edgebench.places import cache_folder

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PACKAGES = ("openssh-server", "dropbear-bin", "tcsh", "fish", "busybox-static")
SUITE = "bookworm"

SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/hostkey
AuthorizedKeysFile {folder}/userkey.pub
UsePAM no
StrictModes no
PasswordAuthentication {password}
KbdInteractiveAuthentication no
PidFile none
SetEnv EDGEBENCH_RIG={folder} HOME={folder}/home PATH={path} {more}
{login}
"""

CLIENT = """\
Host {hosts}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {folder}/userkey
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile /dev/null
    ServerAliveInterval 1
"""

# As root, sshd wants a user of its own and a folder in /run. It gets both in a mount namespace,
# where the board's user also gets a plain login shell.
NAMESPACE = """\
mount --bind {folder}/passwd /etc/passwd && mount -t tmpfs -o mode=755 tmpfs /run && \
mkdir -m 755 /run/sshd && exec "$@"
"""


def tools() -> Path:
    """The folder with sshd and the shells, downloaded once. Raises `DeviceError`."""
    architecture = ARCHITECTURES[platform.machine()]
    return fetch_packages(PACKAGES, SUITE, architecture, cache_folder() / "rigs" / "ssh")


class SshBoard:
    """One board. `hosts` are the names that the client's configuration knows it by."""

    def __init__(self, hosts: str = "board") -> None:
        self.tools = tools()
        # Short, for the sockets of shared connections.
        self.folder = Path(tempfile.mkdtemp(prefix="board", dir="/tmp"))
        self.home, self.bin = self.folder / "home", self.folder / "bin"
        self.port = free_port()
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.hosts = hosts
        for name in ("home", "bin", "host", "run", "config", "data"):
            (self.folder / name).mkdir(mode=0o700)
        for name in ("hostkey", "userkey"):
            self.new_key(name)
        self.know(self.folder / "hostkey.pub")
        self.write_client()
        script(self.folder / "host/ssh", f'exec /usr/bin/ssh -F {self.folder}/client "$@"')
        self.python(sys.executable)
        self.entry()
        self.server: subprocess.Popen[bytes] | None = None

    # What the test sets up

    def new_key(self, name: str) -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)

    def know(self, public_key: Path) -> None:
        """What the client takes for the board's host key."""
        kind, key = public_key.read_text().split()[:2]
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def write_client(self, more: str = "") -> None:
        """The client's configuration; what is given comes first, and so wins."""
        text = CLIENT.format(hosts=self.hosts, port=self.port, user=self.user, folder=self.folder)
        (self.folder / "client").write_text(f"{more}\n{text}")

    def entry(self, **fields: str) -> None:
        """The board in the user's own file of devices."""
        table = {"description": "a board", "transport": "ssh", "host": "board"} | fields
        lines = [f'{name} = "{value}"' for name, value in table.items()]
        (self.folder / "config/devices.toml").write_text("[board]\n" + "\n".join(lines) + "\n")

    def python(self, program: str | None, before: str = "") -> None:
        """What `python3` is on the board."""
        (self.bin / "python3").unlink(missing_ok=True)
        if program is not None:
            script(self.bin / "python3", f'{before}\nexec {program} "$@"')

    @property
    def env(self) -> dict[str, str]:
        """The environment of an edgebench that knows the board."""
        return {
            **os.environ,
            "PATH": f"{self.folder}/host:{os.environ['PATH']}",
            "EDGEBENCH_CONFIG": str(self.folder / "config"),
            "EDGEBENCH_DATA": str(self.folder / "data"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "OMP_NUM_THREADS": "1",
        }

    def tool(self, name: str) -> str:
        """The words that run one of the tools, with the libraries that came with it."""
        loader = next(self.tools.glob("lib/*-linux-gnu/ld-linux*.so.*"))
        libraries = f"{loader.parent}:{self.tools}/usr/lib/{loader.parent.name}"
        program = next(path for path in (self.tools / f for f in FOLDERS) if (path / name).exists())
        return shlex.join([str(loader), "--library-path", libraries, str(program / name)])

    # The server

    def start(
        self, login: str = "", password: str = "no", path: str = ":/usr/bin:/bin", more: str = ""
    ) -> None:
        """Start sshd. `login` is a script that gets the command, instead of the user's shell.

        `path` is appended to the board's PATH, `more` to its environment.
        """
        if login:
            script(self.folder / "login", login)
            login = f'ForceCommand exec {self.folder}/login "$SSH_ORIGINAL_COMMAND"'
        text = SERVER.format(
            port=self.port,
            folder=self.folder,
            login=login,
            password=password,
            path=f"{self.bin}{path}",
            more=more,
        )
        (self.folder / "server").write_text(text)
        # -r: one sshd serves all connections, and does not start itself anew for each.
        self.serve(f"{self.tool('sshd')} -r -D -e -f {self.folder}/server")

    def serve(self, command: str) -> None:
        """Start a server with that command line, and wait until it listens."""
        words = ["setpriv", "--pdeathsig", "KILL"]
        if os.geteuid() == 0:
            lines = [
                line
                for line in Path("/etc/passwd").read_text().splitlines()
                if not line.startswith((f"{self.user}:", "sshd:"))
            ]
            me = pwd.getpwuid(os.getuid())
            lines.append(f"{self.user}:x:{me.pw_uid}:{me.pw_gid}::{self.home}:/bin/sh")
            lines.append("sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin")
            (self.folder / "passwd").write_text("\n".join(lines) + "\n")
            setup = NAMESPACE.format(folder=self.folder)
            words += ["unshare", "--mount", "sh", "-c", setup, "sh"]
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [*words, *shlex.split(command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._listens, "the server listens", 10)

    def _listens(self) -> bool:
        assert self.server is not None
        if self.server.poll() is not None:
            raise OSError((self.folder / "log").read_text())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def sessions(self) -> list[int]:
        """The server's processes for connections, by number."""
        if self.server is None:
            return []
        program = os.readlink(f"/proc/{self.server.pid}/exe")
        return [
            pid
            for pid in descendants(self.server.pid)
            if _quietly(lambda pid=pid: os.readlink(f"/proc/{pid}/exe")) == program
        ]

    def signal_sessions(self, number: signal.Signals) -> int:
        """Send a signal to all of them, and say how many there were."""
        found = self.sessions()
        for pid in found:
            _quietly(lambda pid=pid: os.kill(pid, number))
        return len(found)

    def stop(self) -> None:
        """End the server at once, with all its connections, as if its power went."""
        if self.server is not None:
            # Stopped first: a client that is faster than this would be back, and stay connected.
            self.server.send_signal(signal.SIGSTOP)
            self.signal_sessions(signal.SIGKILL)
            self.server.kill()
            self.server.wait()
            self.server = None

    def processes(self) -> dict[int, str]:
        """The command lines of all that runs on the board, by number."""
        mark = f"EDGEBENCH_RIG={self.folder}".encode()
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (path / "environ").read_bytes():
                    line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(path.name)] = line.strip()
            except OSError:
                continue
        return found

    def runners(self) -> dict[int, str]:
        """Those of the processes that are edgebench's runner, not its children.

        A child has the runner's command line until it executes its own.
        """
        found = {
            pid: line
            for pid, line in self.processes().items()
            if "runner.pyz" in line
            and "plan.json" in line
            and "--child" not in line
            and "sh -c" not in line
        }
        return {pid: line for pid, line in found.items() if _parent(pid) not in found}

    def left(self) -> list[str]:
        """The files that are in the board's home."""
        return sorted(
            str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file()
        )

    def close(self) -> None:
        """End all of it and remove it."""
        for _ in range(3):
            self.signal_sessions(signal.SIGCONT)
            self.stop()
            for pid in self.processes():
                _quietly(lambda pid=pid: os.kill(pid, signal.SIGKILL))
        shutil.rmtree(self.folder, ignore_errors=True)

    # Using it

    def edgebench(self, *words: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run an edgebench that knows the board, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "edgebench.cli", *words],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def begin(self, *words: str, reconnect_s: float = 600) -> subprocess.Popen[str]:
        """Start one, in a process group of its own, that waits so long for a board that is gone."""
        return subprocess.Popen(
            [sys.executable, "-c", IMPATIENT.format(reconnect_s), *words],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


IMPATIENT = """
import sys
from edgebench import cli
from edgebench.deploy.remote.remote_device import RemoteDevice
RemoteDevice.__init__.__kwdefaults__["reconnect_s"] = {}
sys.exit(cli.main(sys.argv[1:]))
"""

FOLDERS = ("usr/sbin", "usr/bin", "bin", "sbin")


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def descendants(pid: int) -> list[int]:
    """All processes that a process started, and those they did."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    children = [int(word) for word in (_quietly(path.read_text) or "").split()]
    return [one for child in children for one in (child, *descendants(child))]


def _quietly(call: Callable[[], str | None]) -> str | None:
    """What a call about a process says; None where the process is gone."""
    try:
        return call()
    except OSError:
        return None


def _parent(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # It has ended.
        return None
    return int(status.partition("PPid:")[2].split()[0])
