"""The platform's own `adb`: where it is, its server, and the phones that it sees.

`adb` is a client of a server on this machine, which all programs share. A client that finds a
server of another version ends it without asking, and so the connections of all other programs.
Therefore the server is asked for its version, in its own protocol, before any `adb` command.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebench.errors import DeviceError

INSTALL = (
    "install Android's platform tools (Debian, Ubuntu: sudo apt install adb; macOS: brew install "
    "--cask android-platform-tools), or set ANDROID_HOME to an SDK that contains them"
)
SDKS = ("ANDROID_HOME", "ANDROID_SDK_ROOT")
"""Environment variables that name a folder with `platform-tools/adb` in it."""

USUAL_PORT = 5037
ANSWER_S = 3.0
"""How long a server on this machine may take to say its version."""

LIST_S = 30.0
"""How long listing may take; it starts the server where none runs."""

CONNECT_S = 15.0

_PHONE = re.compile(r"(?P<serial>\(no serial number\)|\S+)\s+(?P<rest>.+)")
_FACT = re.compile(r"\b(product|model|device|usb|transport_id):(\S+)")


@dataclass(frozen=True)
class AdbPhone:
    """One line of `adb devices -l`.

    `state` is adb's word: "device" if it is ready. `facts` are the phone's own facts in that line.
    """

    serial: str
    state: str
    facts: Mapping[str, str]

    @property
    def ready(self) -> bool:
        return self.state == "device"


def program() -> str:
    """The path of `adb`. Raises `DeviceError` if it is not installed."""
    found = shutil.which("adb")
    if found:
        return found
    for name in SDKS:
        path = Path(os.environ.get(name, "")) / "platform-tools" / "adb"
        if os.environ.get(name) and os.access(path, os.X_OK):
            return str(path)
    raise DeviceError("adb is not installed; edgebench uses it to connect to phones", INSTALL)


@functools.cache
def version(adb: str) -> str:
    """The version of an adb program, such as "1.0.41". Raises `DeviceError`."""
    done = _run([adb, "version"], LIST_S)
    found = re.search(r"version (\d+\.\d+\.\d+)", done.stdout)
    if not found:
        *_, reason = ["it is not adb", *done.stderr.strip().splitlines()]
        raise DeviceError(f"{adb} does not print its version: {reason}", INSTALL)
    return found[1]


def check_server() -> str:
    """Check that using adb disturbs no other program; says what was found. Raises `DeviceError`."""
    adb = program()
    running = server_version()
    own = version(adb)
    if running is None:
        return f"adb {own}; its server starts when needed"
    if running != int(own.rpartition(".")[2]):
        raise DeviceError(
            f"the adb server that is running has version {running}, but {adb} has version {own}: "
            "using it would stop that server and disconnect the programs that use it",
            "put the adb that started the server first on the PATH, or, if no program needs it, "
            "stop the server with: adb kill-server",
        )
    return f"adb {own}, and its server is running"


def server_version() -> int | None:
    """The server's answer to `host:version`; None if none runs. Raises `DeviceError`."""
    family, address = _server_address()
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(address)
            connection.sendall(b"000chost:version")
            answer = connection.makefile("rb").read(12)
        if answer[:4] != b"OKAY":
            raise ValueError(answer)
        return int(answer[8:], 16)
    except (ConnectionRefusedError, FileNotFoundError):
        return None
    except (OSError, ValueError):
        raise DeviceError(
            f"the program that listens at {_spoken(address)} is not an adb server, or it hangs",
            "stop it, or set another port for adb with ANDROID_ADB_SERVER_PORT",
        ) from None


def _server_address() -> tuple[socket.AddressFamily, str | tuple[str, int]]:
    """Where adb looks for its server, by its environment variables.

    They are described in adb's own `adb help`, under "environment variables".
    """
    named = os.environ.get("ADB_SERVER_SOCKET", "")
    kind, _, place = named.partition(":")
    if kind == "localfilesystem":
        return socket.AF_UNIX, place
    host, _, port = place.rpartition(":") if kind == "tcp" else ("", "", "")
    host = host or os.environ.get("ANDROID_ADB_SERVER_ADDRESS", "") or "127.0.0.1"
    port = port or os.environ.get("ANDROID_ADB_SERVER_PORT", "") or str(USUAL_PORT)
    if not port.isdigit():
        raise DeviceError(f"the adb server's port '{port}' is not a number", "correct or unset it")
    return socket.AF_INET, (host, int(port))


def _spoken(address: str | tuple[str, int]) -> str:
    return address if isinstance(address, str) else f"{address[0]}:{address[1]}"


def phones() -> list[AdbPhone]:
    """The phones that adb sees, ready or not. Raises `DeviceError`."""
    check_server()
    done = _run([program(), "devices", "-l"], LIST_S)
    _, header, listed = done.stdout.partition("List of devices attached")
    if done.returncode != 0 or not header:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason given"]
        raise DeviceError(
            f"adb's server does not start: {lines[-1].removeprefix('error: ')}",
            "see what this prints: adb start-server",
        )
    return [phone for line in listed.splitlines() if (phone := _phone(line))]


def _phone(line: str) -> AdbPhone | None:
    found = _PHONE.match(line.strip())
    if not found:
        return None
    rest = found["rest"]
    state = "no permissions" if rest.startswith("no permissions") else rest.split()[0]
    return AdbPhone(found["serial"], state, dict(_FACT.findall(rest)))


def connect(serial: str, stale: bool) -> None:
    """Connect again to a phone whose serial is an address; `stale` if adb lists it as offline."""
    if stale:
        _run([program(), "disconnect", serial], CONNECT_S)
    _run([program(), "connect", serial], CONNECT_S)


def ask(serial: str, command: str, timeout_s: float) -> str:
    """The output of a command on a phone, which may be cut off. Raises `DeviceError`."""
    return _run([program(), "-s", serial, "shell", command], timeout_s).stdout


def _run(words: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(
            f"adb gave no answer in {timeout_s:.0f} s", "restart its server with: adb kill-server"
        ) from None
    except OSError as error:
        raise DeviceError(f"cannot start {words[0]}: {error.strerror}", INSTALL) from error
