"""Qualcomm's delegate for LiteRT's Interpreter, from libraries that the user gets from Qualcomm.

The delegate loads QNN's libraries on the CPU, these load a `Stub` for the generation of the NPU,
and the NPU itself loads the `Skel`. So all of them lie in one folder on the phone, named by their
content: libraries of two versions never meet.

Sources: Qualcomm's documents 80-63442-10 (libraries, options of the delegate) and 80-70014-54Y
(`benchmark_model`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebench.deploy.npu import socs
from edgebench.deploy.remote.shell import Shell
from edgebench.deploy.remote.store import Store
from edgebench.documents import sha256
from edgebench.errors import DeviceError, UnknownNameError
from edgebench.places import data_folder
from edgebench.progress import Progress

DELEGATE = "libQnnTFLiteDelegate.so"
LIBRARIES = (DELEGATE, "libQnnHtp.so", "libQnnHtpPrepare.so", "libQnnSystem.so")
"""Those that every generation needs."""

BURST = "2"
"""`htp_performance_mode`: the highest clock while it computes, as in Qualcomm's own benchmarks."""

SDK = "Qualcomm AI Runtime SDK (QAIRT), lib/aarch64-android and lib/hexagon-vNN/unsigned"

VERSION = re.compile(rb"AISW_VERSION: (\d+\.\d+\.\d+)|\bv(\d+\.\d+\.\d+)\.\d{12}")


@dataclass(frozen=True)
class QualcommLibraries:
    """The libraries in `folder` on the phone, with the SHA-256 of each by name."""

    folder: str
    hashes: Mapping[str, str]

    @property
    def environment(self) -> str:
        """The shell's assignments before a command, for the loaders of the CPU and the NPU."""
        return f"LD_LIBRARY_PATH={self.folder} ADSP_LIBRARY_PATH={self.folder}"

    @property
    def options(self) -> tuple[str, ...]:
        """The options of `benchmark_model`."""
        options = {
            "backend_type": "htp",
            "library_path": f"{self.folder}/libQnnHtp.so",
            "skel_library_dir": self.folder,
            "htp_performance_mode": BURST,
        }
        said = ";".join(f"{key}:{value}" for key, value in options.items())
        return (
            f"--external_delegate_path={self.folder}/{DELEGATE}",
            f"--external_delegate_options={said}",
        )


def folder() -> Path:
    """Where the user puts the libraries on this machine, in folders or not."""
    return data_folder() / "android" / "qnn"


def send(store: Store, progress: Progress) -> QualcommLibraries:
    """Send the libraries that the phone's NPU needs. Raises `DeviceError`."""
    found = find(hexagon(store.shell))
    hashes = {name: sha256(path) for name, path in found.items()}
    together = hashlib.sha256("".join(hashes.values()).encode()).hexdigest()[:16]
    there = f"{store.home}/files/qnn-{together}"
    store.send(found, there, progress)
    return QualcommLibraries(there, hashes)


def hexagon(shell: Shell) -> int:
    """The generation of the phone's NPU. Raises `DeviceError`."""
    model = shell.check_output("getprop ro.soc.model").strip()
    try:
        soc = socs.soc(model)
    except UnknownNameError as error:
        raise DeviceError(
            f"{shell.name} has no NPU of Qualcomm: its SoC is '{model}'",
            "use another delegate",
        ) from error
    if soc.vendor is not socs.QUALCOMM or soc.hexagon is None:
        raise DeviceError(
            f"edgebench does not know the generation of the NPU of {shell.name} ({model})",
            "add it to deploy/npu/socs.py, or use another delegate",
        )
    return soc.hexagon


def names(generation: int) -> tuple[str, ...]:
    """The libraries that a generation of the NPU needs, such as 75."""
    return (*LIBRARIES, f"libQnnHtpV{generation}Stub.so", f"libQnnHtpV{generation}Skel.so")


def find(generation: int) -> dict[str, Path]:
    """The libraries on this machine, by name.

    Raises `DeviceError` if one is missing, or if there are several versions.
    """
    wanted = names(generation)
    found = {name: sorted(folder().rglob(name)) for name in wanted}
    missing = [name for name, paths in found.items() if not paths]
    if missing:
        raise DeviceError(
            f"{', '.join(missing)} not found in {folder()}",
            f"copy them there from Qualcomm's {SDK}; the delegate is in the package of its "
            "TFLite delegate",
        )
    for name, paths in found.items():
        if len({sha256(path) for path in paths}) > 1:
            raise DeviceError(
                f"there are several {name} in {folder()}", "leave the libraries of one SDK there"
            )
    chosen = {name: paths[0] for name, paths in found.items()}
    versions = {version for path in chosen.values() if (version := version_of(path))}
    if len(versions) > 1:
        raise DeviceError(
            f"the libraries in {folder()} are of several versions: {', '.join(sorted(versions))}",
            "leave the libraries of one SDK there",
        )
    return chosen


def version_of(path: Path) -> str | None:
    """The version of the SDK that a library is of, as it is written in it; None if it is not."""
    found = VERSION.search(path.read_bytes())
    return None if found is None else (found[1] or found[2]).decode()
