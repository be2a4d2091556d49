"""Swift in a cache folder: Debian's own compiler, which this system need not have.

    swift/    Debian's swiftlang with all that it needs, as a system of its own
    built/    what was compiled; a second build compiles what has changed

The compiler runs in that system (chroot), in a namespace where the repository is mounted. What it
has made runs outside of it, with the libraries of that system.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edgebench.deploy.transports.emulated import debian
from edgebench.deploy.transports.emulated.fetching import locked_folder
from edgebench.errors import DeviceError
from edgebench.places import cache_folder

SUITE = "trixie"
PACKAGES = ("swiftlang", "libc6-dev", "libstdc++-14-dev", "bash", "coreutils")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "amd64")
MULTIARCH = f"{platform.machine()}-linux-gnu"
REPOSITORY = Path(__file__).parents[2]
APP = REPOSITORY / "ios_app"

ENTER = """\
set -e
mount --rbind /proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/src"
mount --bind "$3" "$1/build"
root=$1
shift 3
exec chroot "$root" /usr/bin/env -i HOME=/build TERM=dumb LC_ALL=C.UTF-8 \\
    PATH=/usr/libexec/swift/bin:/usr/bin:/usr/sbin "$@"
"""


def folder() -> Path:
    return cache_folder() / "ios"


def root() -> Path:
    """The system with the compiler. Raises `DeviceError` where it cannot be fetched."""
    into = folder() / "swift"
    made = debian.fetch_packages(PACKAGES, SUITE, ARCHITECTURE, into)
    for name in ("proc", "dev", "src", "build", "tmp"):
        (made / name).mkdir(exist_ok=True)
    (folder() / "built").mkdir(exist_ok=True)
    return made


def inside(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in that system; the repository is /src, and /build is kept.

    Raises `DeviceError` where no namespace can be made.
    """
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    enter = ["unshare", *user, "--mount", "sh", "-c", ENTER, "sh"]
    places = [str(root()), str(REPOSITORY), str(folder() / "built")]
    with locked_folder(folder() / "built"):
        done = subprocess.run(
            [*enter, *places, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
    if done.returncode != 0 and done.stderr.startswith(("unshare:", "mount:", "chroot:")):
        raise DeviceError(f"no namespaces can be made here: {done.stderr.splitlines()[0]}")
    return done


def package(verb: str, where: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`swift build` or `swift test` of a package of the repository."""
    scratch = f"/build/{where.replace('/', '-')}"
    more = ("--disable-sandbox", "--jobs", "2", "--scratch-path", scratch)
    return inside("swift", verb, "--package-path", f"/src/{where}", *more, *words)


def program(where: str, name: str) -> list[str]:
    """The words of a command that runs a program of a package outside of that system."""
    scratch = folder() / "built" / where.replace("/", "-") / "release" / name
    system = root()
    libraries = [f"usr/lib/{MULTIARCH}", "usr/libexec/swift/lib/swift/linux"]
    (loader,) = (system / f"usr/lib/{MULTIARCH}").glob("ld-linux-*.so.*")
    path = ":".join(str(system / one) for one in libraries)
    return [str(loader), "--library-path", path, str(scratch)]


def output(done: subprocess.CompletedProcess[str]) -> str:
    """What a command has said, of which the end tells most."""
    return (done.stdout + done.stderr)[-20000:]


def compiled(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return inside("swiftc", *words)
