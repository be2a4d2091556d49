"""The NPU in LiteRT's CompiledModel API: which libraries, and the tool's options.

The tool compiles a model on the phone with the vendor's plugin, or takes what was compiled before
from a cache, and hands it to the NPU by the vendor's dispatch library. The CPU is never among the
accelerators: asked for both, LiteRT says "fully accelerated" of a model that the CPU ran.

Sources: litert/tools/benchmark_litert_model.{h,cc} and litert/vendors/*/{compiler,dispatch}/BUILD
in google-ai-edge/LiteRT.
"""

from __future__ import annotations

from dataclasses import replace

from edgebench.deploy.benchmark_model import qualcomm
from edgebench.deploy.benchmark_model.libraries import LibrarySet, VendorLibraries, send, soc_of
from edgebench.deploy.npu.socs import GOOGLE, MEDIATEK, QUALCOMM, SAMSUNG, Vendor
from edgebench.deploy.remote.shell import Shell, quoted
from edgebench.deploy.remote.store import Store
from edgebench.places import data_folder
from edgebench.progress import Progress

ALONE = ("--use_cpu=false", "--require_full_delegation=true")
"""The accelerator runs all of a model, or the tool fails."""

SUFFIXES: dict[Vendor, tuple[str, str]] = {
    QUALCOMM: ("Qualcomm", "Qualcomm"),
    MEDIATEK: ("MediaTek", "MediaTek"),
    SAMSUNG: ("Samsung", "Samsung"),
    GOOGLE: ("GoogleTensor", "google_tensor"),
}
"""The ends of the names of a vendor's dispatch library and of its compiler's plugin."""

RELEASE = "LiteRT's releases for Android (libLiteRt*)"


def wanted(shell: Shell) -> LibrarySet:
    """The libraries that a phone needs. Raises `DeviceError`.

    MediaTek's, Samsung's and Google's own runtimes are part of the phone's system.
    """
    soc = soc_of(shell)
    dispatch, plugin = SUFFIXES[soc.vendor]
    names = [f"libLiteRtDispatch_{dispatch}.so", f"libLiteRtCompilerPlugin_{plugin}.so"]
    source = RELEASE
    if soc.vendor is QUALCOMM:
        number = qualcomm.generation(shell)
        more = ("libQnnIr.so", "libQnnSaver.so", *qualcomm.of_generation(number))
        names += [*qualcomm.RUNTIME, *more]
        source = f"{RELEASE} and {qualcomm.SDK}"
    return LibrarySet(tuple(names), data_folder() / "android" / "npu", source)


def place(store: Store, there: str, progress: Progress) -> VendorLibraries:
    """Send the libraries, with the options that use them. Raises `DeviceError`.

    What is compiled is kept in the run's folder `there`, so that every run compiles anew, once.
    """
    libraries = send(store, wanted(store.shell), progress)
    cache = f"{there}/compiled"
    store.shell.check_output(f"mkdir -p {quoted(cache)}")
    return replace(
        libraries,
        options=(
            *ALONE,
            "--use_npu=true",
            f"--dispatch_library_path={libraries.folder}",
            f"--compiler_plugin_library_path={libraries.folder}",
            f"--compiler_cache_path={cache}",
        ),
    )
