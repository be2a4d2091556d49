"""Qualcomm's delegate for LiteRT's Interpreter: which libraries, and the tool's options.

The delegate loads QNN's libraries on the CPU, these load a `Stub` for the generation of the NPU,
and the NPU itself loads the `Skel`.

Sources: Qualcomm's documents 80-63442-10 (libraries, options of the delegate) and 80-70014-54Y
(`benchmark_model`).
"""

from __future__ import annotations

from dataclasses import replace

from edgebench.deploy.benchmark_model.libraries import LibrarySet, VendorLibraries, send, soc_of
from edgebench.deploy.npu.socs import QUALCOMM
from edgebench.deploy.remote.shell import Shell
from edgebench.deploy.remote.store import Store
from edgebench.errors import DeviceError
from edgebench.places import data_folder
from edgebench.progress import Progress

DELEGATE = "libQnnTFLiteDelegate.so"
RUNTIME = ("libQnnHtp.so", "libQnnHtpPrepare.so", "libQnnSystem.so")
"""QNN's libraries that every generation of the NPU needs."""

BURST = "2"
"""`htp_performance_mode`: the highest clock while it computes, as in Qualcomm's own benchmarks."""

SDK = "the Qualcomm AI Runtime SDK (lib/aarch64-android, lib/hexagon-vNN/unsigned)"


def wanted(shell: Shell) -> LibrarySet:
    """The libraries that a phone needs. Raises `DeviceError`."""
    names = (DELEGATE, *RUNTIME, *of_generation(generation(shell)))
    return LibrarySet(names, data_folder() / "android" / "qnn", SDK)


def of_generation(number: int) -> tuple[str, ...]:
    """The libraries of one generation of the NPU, such as 75."""
    return (f"libQnnHtpV{number}Stub.so", f"libQnnHtpV{number}Skel.so")


def generation(shell: Shell) -> int:
    """The generation of the phone's NPU. Raises `DeviceError`."""
    soc = soc_of(shell)
    if soc.vendor is not QUALCOMM:
        raise DeviceError(
            f"{shell.name} has no NPU of Qualcomm, but a {soc.model}", "use --delegate npu"
        )
    if soc.hexagon is None:
        raise DeviceError(
            f"edgebench does not know the generation of the NPU of {shell.name} ({soc.model})",
            "add it to deploy/npu/socs.py, or use another delegate",
        )
    return soc.hexagon


def place(store: Store, there: str, progress: Progress) -> VendorLibraries:
    """Send the libraries, with the options that use them. Raises `DeviceError`."""
    libraries = send(store, wanted(store.shell), progress)
    options = {
        "backend_type": "htp",
        "library_path": f"{libraries.folder}/libQnnHtp.so",
        "skel_library_dir": libraries.folder,
        "htp_performance_mode": BURST,
    }
    said = ";".join(f"{key}:{value}" for key, value in options.items())
    return replace(
        libraries,
        options=(
            f"--external_delegate_path={libraries.folder}/{DELEGATE}",
            f"--external_delegate_options={said}",
        ),
    )
