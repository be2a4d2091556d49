"""A place to measure phones from: a sandbox with the real adb, and a user's home."""

from __future__ import annotations

import platform
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from sandbox import Sandbox
from services import executable

from edgebench.deploy.transports.emulated.debian import fetch_packages
from edgebench.places import cache_folder

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
SERVER_PORT = 15037

OWN_LIBRARIES = ("libc.so", "libm.so", "libdl.so", "librt.so", "libpthread.so", "ld-linux")
"""What adb takes from this system: a C library and its loader have to be of one version."""


def prepare() -> tuple[Path, Path]:
    """Unpack adb and adbd: their folders."""
    architecture = ARCHITECTURES[platform.machine()]
    folder = cache_folder() / "rigs"
    adb = fetch_packages(["adb"], "bookworm", architecture, folder / "adb")
    adbd = fetch_packages(["adbd"], "trixie", architecture, folder / "adbd")
    return adb, adbd


def libraries(root: Path) -> Path:
    return root / "usr" / "lib" / str(sysconfig.get_config_var("MULTIARCH"))


class Bench:
    """A sandbox with adb, and a user's home: where edgebench is run with phones at hand."""

    def __init__(self, folder: Path) -> None:
        adb, self.adbd = prepare()
        self.folder = folder
        self.sandbox = Sandbox()
        self.env = {
            "PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "ANDROID_ADB_SERVER_PORT": str(SERVER_PORT),
            "EDGEBENCH_CONFIG": str(folder / "config"),
            "EDGEBENCH_DATA": str(folder / "data"),
            "EDGEBENCH_CACHE": str(cache_folder()),
        }
        (folder / "bin").mkdir(parents=True)
        found = _without_system(libraries(adb), folder / "lib")
        program = adb / "usr/lib/android-sdk/platform-tools/adb"
        script = f'LD_LIBRARY_PATH={found}/android:{found} exec {program} "$@"'
        executable(folder / "bin" / "adb", f"#!/bin/sh\n{script}\n")
        (folder / "config").mkdir()

    @property
    def adb(self) -> str:
        return str(self.folder / "bin" / "adb")

    def ask_adb(self, *words: str) -> str:
        """What adb prints, on either channel."""
        done = self.sandbox.run([self.adb, *words], self.env)
        return done.stdout + done.stderr

    def command(self, *words: str) -> list[str]:
        """The words of an edgebench command."""
        return [sys.executable, "-m", "edgebench.cli", *words]

    def edgebench(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run an edgebench command to its end, in the bench's own folder."""
        inside = ["env", "-C", str(self.folder), *self.command(*words)]
        return self.sandbox.run(inside, {**self.env, **env})

    def register(self, **tables: Mapping[str, object]) -> None:
        """Write the user's list of devices."""
        text = ""
        for name, fields in tables.items():
            text += f"[{name}]\n" + "".join(f"{key} = {_toml(v)}\n" for key, v in fields.items())
        (self.folder / "config" / "devices.toml").write_text(text)

    def close(self) -> None:
        self.sandbox.close()


def _without_system(source: Path, target: Path) -> Path:
    """Links to all libraries of a folder but those that the system's loader belongs to."""
    target.mkdir()
    for path in source.iterdir():
        if not path.name.startswith(OWN_LIBRARIES):
            (target / path.name).symlink_to(path)
    return target


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
