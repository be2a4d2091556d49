"""LiteRT.js on this machine: one npm package, of a fixed version and hash, unpacked into the cache.

The page gets it from edgebench's own server and fetches nothing from elsewhere.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import IO

from edgebench.documents import replacing
from edgebench.errors import DeviceError
from edgebench.places import cache_folder
from edgebench.progress import Progress

PACKAGE = "@litertjs/core"
VERSION = "2.5.3"
INTEGRITY = (
    "sha512-PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0"
    "FLaw48q4tz8IwqgqCIkviYGr9OFDL1kCnN4nzWoyJQ=="
)
"""npm's own form of the archive's hash."""

REGISTRY = "https://registry.npmjs.org/"
"""npm's default registry, for machines without npm."""

BUILDS = ("compat_internal", "internal", "threaded_internal", "jspi_internal")
"""What the package has: without relaxed SIMD, with it, with threads too, and for WebGPU."""

FILES = tuple(f"litert_wasm_{build}.{kind}" for build in BUILDS for kind in ("js", "wasm"))

TIMEOUT_S = 300.0


def folder() -> Path:
    return cache_folder() / "browser" / f"litertjs-{VERSION}"


def prepared() -> bool:
    """Whether all of its files are there."""
    return all((folder() / f"{name}.gz").exists() for name in FILES)


def lacking() -> DeviceError:
    return DeviceError(
        f"LiteRT.js {VERSION} is not installed yet, which browsers run models with",
        "get it with: edgebench devices prepare browser",
    )


def prepare(progress: Progress) -> None:
    """Install it unless it is there. Raises `DeviceError` and `UnwritableError`."""
    if prepared():
        return
    progress(f"downloading LiteRT.js {VERSION}", 0, 0)
    with tempfile.TemporaryDirectory() as temporary:
        archive = _downloaded(Path(temporary))
        found = hashlib.sha512(archive.read_bytes()).digest()
        if f"sha512-{base64.b64encode(found).decode()}" != INTEGRITY:
            raise DeviceError(
                f"what was downloaded is not {PACKAGE} {VERSION}: it has another hash",
                "check npm's configuration: npm config get registry",
            )
        progress(f"unpacking LiteRT.js {VERSION}", 0, 0)
        with tarfile.open(archive) as package, replacing(folder()) as target:
            target.unlink()
            target.mkdir()
            for name in FILES:
                member = package.extractfile(f"package/wasm/{name}")
                assert member is not None  # The hash says so.
                _compress(member, target / f"{name}.gz")


def _compress(source: IO[bytes], target: Path) -> None:
    """Keep a file in the form in which it is sent."""
    with target.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        shutil.copyfileobj(source, packed)


def _downloaded(target: Path) -> Path:
    """The package's archive, by npm, which knows the user's registry, or without it."""
    npm = shutil.which("npm")
    if npm is not None:
        return _by_npm(npm, target)
    registry = next(
        (one for name, one in os.environ.items() if name.lower() == "npm_config_registry"),
        REGISTRY,
    )
    address = f"{registry.rstrip('/')}/{PACKAGE}/-/core-{VERSION}.tgz"
    archive = target / "package.tgz"
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer, archive.open("wb") as to:
            shutil.copyfileobj(answer, to)
    except (OSError, ValueError) as error:
        raise DeviceError(
            f"cannot download {address}: {getattr(error, 'reason', error)}",
            "check the network and try again, or install npm and set its registry",
        ) from error
    return archive


def _by_npm(npm: str, target: Path) -> Path:
    words = [npm, "pack", f"{PACKAGE}@{VERSION}", "--json", "--pack-destination", str(target)]
    try:
        done = subprocess.run(
            words, cwd=target, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"npm failed: {error}", "check the network and try again") from error
    archives = list(target.glob("*.tgz"))
    if done.returncode != 0 or not archives:
        raise DeviceError(
            f"npm pack {PACKAGE}@{VERSION} failed: {_reason(done)}",
            "check the network and npm's registry (npm config get registry), then try again",
        )
    return archives[0]


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """What npm says went wrong: its JSON's summary, or its last line."""
    try:
        return str(json.loads(done.stdout)["error"]["summary"]).splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        lines = (done.stderr or done.stdout).strip().splitlines()
        return lines[-1] if lines else f"status {done.returncode}"
