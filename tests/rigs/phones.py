"""Phones without the hardware: a real adbd each, in a sandbox, with a real adb to reach them.

Debian packages both; what a phone has and Debian has not is on the daemon's PATH (see `services`).
A daemon listens at one of the ports where adb looks for emulators by itself: so it comes and goes
as on a cable, without `adb connect`, under the serial emulator-<port - 1>.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping

from bench import SERVER_PORT, Bench, libraries
from sandbox import only_child
from services import PIXEL_7, Services, executable
from waiting import wait_for

CABLE = 5555
"""The first port where adb looks for emulators."""

ANNOUNCE = f"""
import socket, sys
message = b"host:emulator:" + sys.argv[1].encode()
with socket.create_connection(("127.0.0.1", {SERVER_PORT})) as server:
    server.sendall(b"%04x" % len(message) + message)
"""
"""What an emulator says to adb's server when it starts."""


class Phone(Services):
    """One phone: its daemon, its file system, and what its services answer."""

    def __init__(
        self,
        bench: Bench,
        name: str,
        port: int = CABLE,
        about: Mapping[str, str] = PIXEL_7,
        python: str = sys.executable,
    ) -> None:
        self.bench = bench
        self.port = port
        self.folder = bench.folder / name
        self.home = self.folder / "data/local/tmp/edgebench"
        self.home.parent.mkdir(parents=True)
        self.storage = self.folder / "storage/emulated/0"
        super().__init__(self.folder, {**about, "ro.serialno": name})
        executable(self.folder / "bin" / "python3", f'#!/bin/sh\nexec {python} "$@"\n')
        self._nsenter: subprocess.Popen[bytes] | None = None

    @property
    def serial(self) -> str:
        """As on a cable: adb finds the phone itself."""
        return f"emulator-{self.port - 1}"

    @property
    def address(self) -> str:
        """As over the network: the user connects it."""
        return f"127.0.0.1:{self.port}"

    @property
    def entry(self) -> dict[str, object]:
        """Its table in the user's list of devices."""
        return {
            "description": "a phone of the tests",
            "transport": "adb",
            "match": ["panther"],
            "home": str(self.home),
        }

    def plug_in(self) -> None:
        """Start the daemon."""
        there = libraries(self.bench.adbd)
        loader = next(there.glob("ld-linux-*.so.*"))
        library_path = f"{there}:{there}/android"
        self._nsenter = self.bench.sandbox.start(
            [str(loader), "--library-path", library_path, f"{self.bench.adbd}/usr/sbin/adbd"],
            {
                "PATH": f"{self.folder}/bin:/usr/bin:/bin",
                "HOME": str(self.folder),
                "ADBD_PORT": str(self.port),
                "EXTERNAL_STORAGE": str(self.storage),
                "OMP_NUM_THREADS": "1",
            },
            self.folder / "adbd.log",
            self.folder,
        )

    @property
    def daemon(self) -> int:
        """The daemon's process."""
        assert self._nsenter is not None
        return only_child(self._nsenter.pid)

    def unplug(self) -> None:
        """Kill the daemon; what it has started only learns that nobody speaks to it any more."""
        os.kill(self.daemon, signal.SIGKILL)
        assert self._nsenter is not None
        self._nsenter.wait()
        self._nsenter = None

    def wait_until_seen(self) -> None:
        """Wait until adb lists it as ready, after telling it of the phone as emulators do."""
        self.bench.ask_adb("start-server")
        self.bench.sandbox.run([sys.executable, "-c", ANNOUNCE, str(self.port)])
        seen = f"{self.serial}\tdevice"
        wait_for(lambda: seen in self.bench.ask_adb("devices"), f"adb sees {self.serial}")

    def wait_until_forgotten(self) -> None:
        """Wait until adb lists it no more; for a moment after the cable is pulled it is offline."""
        wait_for(lambda: self.serial not in self.bench.ask_adb("devices"), "adb forgets the phone")

    def left_behind(self) -> list[str]:
        """The files that are left in the folder for programs of the shell."""
        return sorted(str(path) for path in self.home.parent.rglob("*"))
