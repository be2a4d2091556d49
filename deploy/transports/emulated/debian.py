"""Packages of Debian, unpacked into a separate folder; the system is not changed.

This machine's own `apt-get` downloads them from its mirror and checks them against Debian's keys,
but with lists, cache and status in a private folder. So no root is needed, and the system does not
know of them. Dependencies are included; maintainer scripts are not run.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edgebench.deploy.transports.emulated.fetching import (
    CONTENTS,
    is_built_from,
    locked_folder,
    run,
)
from edgebench.documents import replacing
from edgebench.errors import DeviceError
from edgebench.places import cache_folder
from edgebench.progress import Progress, silent

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

TARGET = "$(COMPONENT)\t$(LABEL)\t$(RELEASE)\t$(REPO_URI)"
"""What `apt-get indextargets` is to tell of each list of packages."""

DOWNLOADING = "downloading Debian's packages"
UNPACKING = "unpacking Debian's packages"


def fetch_packages(
    names: Sequence[str],
    suite: str,
    architecture: str,
    into: Path,
    progress: Progress = silent,
    only: Sequence[str] = (),
) -> Path:
    """Unpack Debian packages and their dependencies into a folder, and return it.

    `suite` is a name such as trixie, `architecture` Debian's name such as arm64. With `only`, only
    those files are unpacked, given as paths such as usr/bin/qemu-aarch64. Files that an interrupted
    call has downloaded are not downloaded again; a second call at the same time waits for the
    first. Raises `DeviceError` if this system has no apt-get or dpkg-deb, or if there is no network
    or no such package, and `UnwritableError`.
    """
    request = " ".join((suite, architecture, *names, *only))
    with locked_folder(into):
        if is_built_from(into, request):
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


def _need(program: str) -> None:
    if shutil.which(program) is None:
        raise DeviceError(
            f"this system has no {program}, but the emulated system is made of Debian packages",
            "use Debian, or a container with Debian; the measured files are the same",
        )


@contextmanager
def _downloaded(
    names: Sequence[str], suite: str, architecture: str, progress: Progress
) -> Iterator[list[Path]]:
    """The packages' archives, in order; they are removed after use."""
    folder = cache_folder() / "debian" / f"{suite}-{architecture}"
    with locked_folder(folder):
        for name in ("lists/partial", "archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "status").write_text("")
        source = f"deb [arch={architecture} signed-by={KEYRING}] {mirror()} {suite} main\n"
        (folder / "sources.list").write_text(source)
        settings = folder / "apt.conf"
        settings.write_text(PRIVATE.format(architecture=architecture, folder=folder))
        apt = ["apt-get", "-c", str(settings), "-q"]
        progress(DOWNLOADING, 0, 0)
        run([*apt, "update"], "apt-get")
        archives = folder / "archives"
        install = [*apt, "-y", "--download-only", "install"]
        nowhere = f"Dir::Cache::archives={folder}/none"  # Otherwise existing files are not listed.
        wanted = run([*install, "--print-uris", "-o", nowhere, *names], "apt-get")
        # A line is 'http://...' name_version_arch.deb size MD5Sum:...
        files = re.findall(r"^'.*' (\S+\.deb) \d+", wanted, re.MULTILINE)
        there = sum((archives / name).exists() for name in files)

        def heard(line: str) -> None:
            if line.startswith("Get:"):
                done = there + int(line[4:].split(maxsplit=1)[0])
                progress(DOWNLOADING, min(done, len(files)), len(files))

        run([*install, *names], "apt-get", heard)
        found = [archives / name for name in files]
        yield found
        for one in found:
            one.unlink()


def mirror() -> str:
    """The address of the Debian archive that this machine's own packages come from.

    Raises `DeviceError` if its sources have none, such as on another distribution.
    """
    rows = run(("apt-get", "indextargets", "--format", TARGET, "Created-By: Packages"), "apt-get")
    system = _system()
    for row in rows.splitlines():
        component, label, release, address = row.split("\t")
        # The label is known only after the machine's own lists were loaded.
        debian = label == "Debian" or (
            system.get("ID") == "debian" and release == system.get("VERSION_CODENAME")
        )
        if component == "main" and debian and "-" not in release:
            return address
    raise DeviceError(
        "this system's package sources have no Debian mirror",
        "use Debian, or a container with Debian",
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
            run(["dpkg-deb", "-x", str(archive), str(into)], "dpkg-deb")
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
    """Add links such as /lib -> usr/lib, which Debian's installer makes."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if (root / "usr" / name).is_dir() and not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
