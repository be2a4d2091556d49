"""Packages of Debian and PyPI, unpacked into a folder of their own; the system stays as it is.

Debian's packages come through this machine's own `apt-get`, from the mirror that it is set up
with and checked against Debian's keys, but with lists, cache and status of a private folder: so
neither root is needed nor does the system learn of them. What they depend on comes along; their
maintainer scripts are not run. A folder is there whole or not at all, and says inside what it was
made of, so that asking for the same again costs nothing.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgebench.documents import replacing
from edgebench.errors import DeviceError, UnwritableError
from edgebench.places import cache_folder
from edgebench.progress import Progress, silent

CONTENTS = ".packages"
"""In a folder of packages: the request that it answers, then each package with its version."""

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

PRIVATE = """\
#clear APT::Update;
#clear DPkg;
#clear APT::Architectures;
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::GzipIndexes "true";
Acquire::Retries "3";
Debug::NoLocking "true";
Dir::Cache "{folder}";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{folder}";
Dir::State::status "{folder}/status";
"""
"""What differs from the machine's own configuration, whose proxies, say, remain."""

WHEELS = ("any", "manylinux2014_{0}", *(f"manylinux_2_{minor}_{{0}}" for minor in range(17, 42)))
"""The platforms whose wheels Debian 13's C library (2.41) runs, by architecture."""

PIP = (
    *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check"),
    *("--no-deps", "--only-binary=:all:", "--no-compile"),
)

TARGET = "$(COMPONENT)\t$(LABEL)\t$(RELEASE)\t$(REPO_URI)"
"""What `apt-get indextargets` is to tell of each list of packages."""

DOWNLOADING = "downloading Debian's packages"
UNPACKING = "unpacking Debian's packages"
FETCHING_WHEELS = "downloading wheels"


def fetch_packages(
    names: Sequence[str],
    suite: str,
    architecture: str,
    into: Path,
    progress: Progress = silent,
    only: Sequence[str] = (),
) -> Path:
    """Unpack Debian packages and all that they depend on into a folder, and return it.

    `suite` is such as trixie, `architecture` Debian's name such as arm64. With `only` no more than
    those files are unpacked, by their paths such as usr/bin/qemu-aarch64. What an interrupted call
    has downloaded is not downloaded again; a second call at the same time waits for the first.
    Raises `DeviceError` where this system has no apt-get and dpkg-deb, there is no network, or no
    such package, and `UnwritableError`.
    """
    request = " ".join((suite, architecture, *names, *only))
    with _alone(into):
        if _answers(into, request):
            return into
        for program in ("apt-get", "dpkg-deb"):
            _need(program)
        with replacing(into) as temporary:
            temporary.unlink()
            temporary.mkdir()
            with _downloaded(names, suite, architecture, progress) as archives:
                _unpack(archives, temporary, only, progress)
            _merge_usr(temporary)
            contents = "\n".join((request, *(one.stem for one in archives)))
            (temporary / CONTENTS).write_text(contents + "\n")
    return into


def fetch_wheels(
    requirements: Sequence[str],
    python: str,
    architecture: str,
    into: Path,
    progress: Progress = silent,
) -> Path:
    """Unpack wheels from PyPI into a folder, without what they depend on, and return it.

    `python` is such as 3.13, `architecture` the kernel's name such as aarch64. Raises
    `DeviceError` where there is no pip, no network or no such wheel, and `UnwritableError`.
    """
    request = " ".join((python, architecture, *requirements))
    with _alone(into):
        if _answers(into, request):
            return into
        platforms = [word for one in WHEELS for word in ("--platform", one.format(architecture))]
        with replacing(into) as temporary:
            temporary.unlink()
            temporary.mkdir()
            progress(FETCHING_WHEELS, 0, 0)
            install = [*PIP, "--python-version", python, *platforms, "--target", str(temporary)]
            _run([*install, *requirements], "pip")
            progress(FETCHING_WHEELS, 1, 1)
            (temporary / CONTENTS).write_text(request + "\n")
    return into


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else makes that folder. Raises `UnwritableError`."""
    path = folder.with_name(f".{folder.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise UnwritableError(
            f"cannot write {path}: {error.strerror}", "free some space or set EDGEBENCH_CACHE"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _answers(folder: Path, request: str) -> bool:
    try:
        return (folder / CONTENTS).read_text().splitlines()[:1] == [request]
    except OSError:
        return False


def _need(program: str) -> None:
    if shutil.which(program) is None:
        raise DeviceError(
            f"this system has no {program}, and what is to be emulated comes from Debian",
            "do this on Debian, or in a container with Debian; the measured files are the same",
        )


@contextmanager
def _downloaded(
    names: Sequence[str], suite: str, architecture: str, progress: Progress
) -> Iterator[list[Path]]:
    """The packages' archives, in order; they are removed once they were of use."""
    folder = cache_folder() / "debian" / f"{suite}-{architecture}"
    with _alone(folder):
        for name in ("lists/partial", "archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").write_text("")
        source = f"deb [arch={architecture} signed-by={KEYRING}] {mirror()} {suite} main\n"
        (folder / "sources.list").write_text(source)
        settings = folder / "apt.conf"
        settings.write_text(PRIVATE.format(architecture=architecture, folder=folder))
        apt = ["apt-get", "-c", str(settings), "-q"]
        progress(DOWNLOADING, 0, 0)
        _run([*apt, "update"], "apt-get")
        archives = folder / "archives"
        install = [*apt, "-y", "--download-only", "install"]
        nowhere = f"Dir::Cache::archives={folder}/none"  # What is there is not listed otherwise.
        wanted = _run([*install, "--print-uris", "-o", nowhere, *names], "apt-get")
        # Such a line is 'http://...' name_version_arch.deb size MD5Sum:...
        files = re.findall(r"^'.*' (\S+\.deb) \d+", wanted, re.MULTILINE)
        there = sum((archives / name).exists() for name in files)

        def heard(line: str) -> None:
            if line.startswith("Get:"):
                done = there + int(line[4:].split(maxsplit=1)[0])
                progress(DOWNLOADING, min(done, len(files)), len(files))

        _run([*install, *names], "apt-get", heard)
        found = [archives / name for name in files]
        yield found
        for one in found:
            one.unlink()


def mirror() -> str:
    """The address of the Debian archive that this machine's own packages come from.

    Raises `DeviceError` where its sources have none, as on another distribution.
    """
    rows = _run(("apt-get", "indextargets", "--format", TARGET, "Created-By: Packages"), "apt-get")
    system = _system()
    for row in rows.splitlines():
        component, label, release, address = row.split("\t")
        # The label is known only once the machine's own lists were loaded.
        debian = label == "Debian" or (
            system.get("ID") == "debian" and release == system.get("VERSION_CODENAME")
        )
        if component == "main" and debian and "-" not in release:
            return address
    raise DeviceError(
        "this system's package sources name no mirror of Debian",
        "do this on Debian, or in a container with Debian",
    )


def _system() -> dict[str, str]:
    """os-release(5), by key."""
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {key: value.strip('"') for key, _, value in pairs}


def _unpack(archives: Sequence[Path], into: Path, only: Sequence[str], progress: Progress) -> None:
    for number, archive in enumerate(archives):
        if only:
            _unpack_files(archive, into, only)
        else:
            _run(["dpkg-deb", "-x", str(archive), str(into)], "dpkg-deb")
        progress(UNPACKING, number + 1, len(archives))


def _unpack_files(archive: Path, into: Path, only: Sequence[str]) -> None:
    """Unpack some files of a package, which may be hundreds of megabytes."""
    words = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    with (
        subprocess.Popen(words, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as members,
    ):
        for member in members:
            if member.name.removeprefix("./") in only:
                members.extract(member, into, filter="tar")
    if process.returncode != 0:
        raise DeviceError(f"dpkg-deb cannot unpack {archive.name}", "prepare it again")


def _merge_usr(root: Path) -> None:
    """Add the links such as /lib -> usr/lib that an installed Debian gets from its installer."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if (root / "usr" / name).is_dir() and not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")


def _run(
    words: Sequence[str], program: str, heard: Callable[[str], None] = lambda line: None
) -> str:
    """Run a program to its end and return what it printed; `heard` gets each line as it comes.

    Raises `DeviceError` with what it complained of, and `UnwritableError` for a full disk.
    """
    lines = []
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except OSError as error:
        raise DeviceError(f"cannot start {words[0]}: {error.strerror}") from error
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            heard(line)
    if process.returncode != 0:
        raise _failure(program, lines)
    return "".join(lines)


def _failure(program: str, lines: Sequence[str]) -> UnwritableError | DeviceError:
    """The sentence of a program that failed: its own, of an error before that of a warning."""
    said = [line.strip() for line in lines if line.strip()] or ["it says nothing"]
    marked = [one for mark in ("E:", "Err:", "ERROR:") for one in said if one.startswith(mark)]
    if any("No space left" in line or "enough free space" in line for line in said):
        return UnwritableError(
            f"the disk with {cache_folder()} is full",
            "free some space, or set EDGEBENCH_CACHE to a folder elsewhere",
        )
    reason = (marked or said)[0].split(maxsplit=1)[-1] if marked else said[-1]
    return DeviceError(
        f"{program} failed: {reason}", "check the network, then try again; it goes on from there"
    )
