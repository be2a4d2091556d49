"""Swift in a cache folder: Debian's own compiler, which this system need not have.

    swift/    Debian's swiftlang with all that it needs, as a system of its own
    built/    what was compiled of this checkout; a second build compiles what has changed

The compiler runs in that system (chroot), in a namespace where the repository is mounted. What it
has made runs outside of it, with the libraries of that system.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from edgebench.deploy.transports.emulated import debian
from edgebench.deploy.transports.emulated.fetching import locked_folder
from edgebench.places import cache_folder

SUITE = "trixie"
PACKAGES = ("swiftlang", "libc6-dev", "libstdc++-14-dev", "bash", "coreutils")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
MULTIARCH = f"{platform.machine()}-linux-gnu"
REPOSITORY = Path(__file__).parents[2]
APP = REPOSITORY / "ios_app"
LONGEST_S = 600.0

NAMESPACE = ("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), "--mount")
ENTER = """\
set -e
mount --rbind /proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/src"
mount --bind "$3" "$1/build"
root=$1
shift 3
exec chroot "$root" /usr/bin/env -i -C /src HOME=/build TERM=dumb LANG=C \\
    PATH=/usr/libexec/swift/bin:/usr/bin:/usr/sbin "$@"
"""


def folder() -> Path:
    return cache_folder() / "ios"


def root() -> Path:
    """The system with the compiler. Raises `DeviceError` where it cannot be fetched."""
    made = debian.fetch_packages(PACKAGES, SUITE, ARCHITECTURE, folder() / "swift")
    for name in ("proc", "dev", "src", "build", "tmp"):
        (made / name).mkdir(exist_ok=True)
    built().mkdir(parents=True, exist_ok=True)
    return made


def built() -> Path:
    """Another checkout has a folder of its own: it may be tested at the same time."""
    return folder() / "built" / hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:8]


def require_namespaces() -> None:
    """Skip a test where nothing can be mounted, such as in most containers that are not trusted."""
    tried = [*NAMESPACE, "sh", "-c", "mount --rbind /proc /proc && chroot / true"]
    done = subprocess.run(tried, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        pytest.skip(f"Swift's compiler needs a namespace of mounts: {reason}")


def inside(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in that system; the repository is /src, and /build is kept."""
    require_namespaces()
    places = [str(root()), str(REPOSITORY), str(built())]
    with locked_folder(built()):
        return subprocess.run(
            [*NAMESPACE, "sh", "-c", ENTER, "sh", *places, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        )


def package(verb: str, where: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`swift build` or `swift test` of a package of the repository."""
    scratch = f"/build/{where.replace('/', '-')}"
    more = ("--disable-sandbox", "--jobs", "2", "--scratch-path", scratch)
    return inside("swift", verb, "--package-path", f"/src/{where}", *more, *words)


@functools.cache
def program(where: str, name: str) -> list[str]:
    """Build a program of a package: the words of a command that runs it, outside of that system."""
    scratch = built() / where.replace("/", "-")
    done = package("build", where, "-c", "release", "--product", name)
    if done.returncode != 0 and scratch.exists():
        # A file that is new in a package that this one needs is not always seen: build all anew.
        shutil.rmtree(scratch)
        done = package("build", where, "-c", "release", "--product", name)
    assert done.returncode == 0, said(done)
    made = scratch / "release" / name
    system = root()
    libraries = (f"usr/lib/{MULTIARCH}", "usr/libexec/swift/lib/swift/linux")
    (loader,) = (system / f"usr/lib/{MULTIARCH}").glob("ld-linux-*.so.*")
    path = ":".join(str(system / one) for one in libraries)
    return [str(loader), "--library-path", path, str(made)]


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a command has said, of which the end tells most."""
    return (done.stdout + done.stderr)[-20000:]
