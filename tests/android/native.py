"""The app's part in C, compiled for Arm by zig, and called under QEMU by what plays Java."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import toolbox

from edgebench.deploy.transports.emulated import system
from edgebench.deploy.transports.emulated.debian import fetch_packages
from edgebench.deploy.transports.emulated.fetching import (
    CONTENTS,
    is_built_from,
    locked_folder,
    run,
)
from edgebench.documents import replacing

ZIG = "ziglang==0.13.0"
SOURCE = toolbox.APP / "app/src/main/cpp/measure.c"


def zig() -> Path:
    """The compiler, of PyPI."""
    into = toolbox.folder() / "zig"
    with locked_folder(into):
        if not is_built_from(into, ZIG):
            with replacing(into) as temporary:
                temporary.unlink()
                pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
                run([*pip, "--target", str(temporary), ZIG], "pip")
                (temporary / CONTENTS).write_text(ZIG + "\n")
    return into / "ziglang" / "zig"


def java_headers() -> list[str]:
    """Where jni.h lies."""
    home = Path(os.path.realpath(shutil.which("javac") or "javac")).parents[1]
    return [f"-I{home / 'include'}", f"-I{home / 'include/linux'}"]


def compiled(caller: Path, folder: Path) -> list[str]:
    """The command that runs the part in C and its caller as Arm code."""
    target = folder / "native"
    run(
        [
            *("env", f"ZIG_GLOBAL_CACHE_DIR={toolbox.folder() / 'zig-cache'}"),
            *(str(zig()), "cc", "-target", "aarch64-linux-musl", "-static", "-O2"),
            *("-Wall", "-Wextra", "-Werror", *java_headers()),
            *("-o", str(target), str(SOURCE), str(caller)),
        ],
        "zig",
    )
    emulator = fetch_packages(
        ["qemu-user"],
        system.SUITE,
        toolbox.ARCHITECTURE,
        system.folder() / "emulator",
        only=[system.EMULATOR],
    )
    return [str(emulator / system.EMULATOR), str(target)]
