"""A vendor's libraries for an NPU: found here, of one version, in one folder on the phone.

edgebench contains none of them and downloads none: the user gets them from the vendor. The folder
on the phone is named by their content, so that libraries of two versions never meet.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebench.deploy.npu import socs
from edgebench.deploy.npu.socs import Soc
from edgebench.deploy.remote.shell import Shell
from edgebench.deploy.remote.store import Store
from edgebench.documents import sha256
from edgebench.errors import DeviceError, UnknownNameError
from edgebench.progress import Progress

QNN_VERSION = re.compile(rb"AISW_VERSION: (\d+\.\d+\.\d+)|\bv(\d+\.\d+\.\d+)\.\d{12}")


@dataclass(frozen=True)
class LibrarySet:
    """What an NPU needs: the files of these names, below `place` on this machine.

    `source` is where a user gets them, for messages.
    """

    names: tuple[str, ...]
    place: Path
    source: str


@dataclass(frozen=True)
class VendorLibraries:
    """The libraries in `folder` on the phone, with the SHA-256 of each by name.

    `options` are those of `benchmark_model` that use them.
    """

    folder: str
    hashes: Mapping[str, str]
    options: tuple[str, ...] = ()

    @property
    def environment(self) -> str:
        """The shell's assignments before a command, for the loaders of the CPU and a Hexagon."""
        return f"LD_LIBRARY_PATH={self.folder} ADSP_LIBRARY_PATH={self.folder}"


def soc_of(shell: Shell) -> Soc:
    """The phone's SoC. Raises `DeviceError` if no vendor's compiler knows it."""
    said = shell.check_output("getprop ro.soc.model").strip()
    try:
        return socs.of_property(said)
    except UnknownNameError as error:
        raise DeviceError(
            f"no compiler for NPUs is known for the SoC '{said}' of {shell.name}",
            "use another delegate",
        ) from error


def send(store: Store, wanted: LibrarySet, progress: Progress) -> VendorLibraries:
    """Send the libraries that the phone does not have. Raises `DeviceError`."""
    found = find(wanted)
    hashes = {name: sha256(path) for name, path in found.items()}
    together = hashlib.sha256("".join(hashes.values()).encode()).hexdigest()[:16]
    there = f"{store.home}/files/npu-{together}"
    store.send(found, there, progress)
    return VendorLibraries(there, hashes)


def find(wanted: LibrarySet) -> dict[str, Path]:
    """The libraries on this machine, by name.

    Raises `DeviceError` if one is missing, or if there are several versions.
    """
    found = {name: sorted(wanted.place.rglob(name)) for name in wanted.names}
    missing = [name for name, paths in found.items() if not paths]
    if missing:
        raise DeviceError(
            f"{', '.join(missing)} not found in {wanted.place}",
            f"copy them there; they come from {wanted.source}",
        )
    for name, paths in found.items():
        if len({sha256(path) for path in paths}) > 1:
            raise DeviceError(
                f"there are several {name} in {wanted.place}",
                "leave the libraries of one version there",
            )
    chosen = {name: paths[0] for name, paths in found.items()}
    versions = sorted(qnn_versions(list(chosen.values())))
    if len(versions) > 1:
        raise DeviceError(
            f"the libraries in {wanted.place} are of several versions: {', '.join(versions)}",
            "leave the libraries of one SDK there",
        )
    return chosen


def qnn_versions(paths: Sequence[Path]) -> set[str]:
    """The versions of QNN that are written in libraries; nothing is said of others."""
    found = (QNN_VERSION.search(path.read_bytes()) for path in paths)
    return {(one[1] or one[2]).decode() for one in found if one is not None}
