"""LiteRT's `benchmark_model` on a device: where it comes from, its options, how it is started."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.deploy.benchmark_model.compiled_model import ALONE
from edgebench.deploy.benchmark_model.libraries import VendorLibraries
from edgebench.deploy.benchmark_model.output import NAME, flags
from edgebench.deploy.device.entry import user_file
from edgebench.deploy.remote.shell import Shell, quoted
from edgebench.deploy.remote.store import Store
from edgebench.documents import sha256
from edgebench.errors import DeviceError
from edgebench.places import data_folder
from edgebench.progress import Progress, silent

COMPILED_NAME = "benchmark_litert_model"
"""The CompiledModel API's tool in LiteRT's sources; some releases call it `NAME` too."""

ON_PHONE = f"/data/local/tmp/{NAME}"
PAGE = "https://ai.google.dev/edge/litert/models/measurement"
"""LiteRT's page "Benchmark Interpreter API", which links ready-made programs for Android."""

TIMEOUT_S = 180
"""How long one process may take; a GPU delegate's compiler is slow at its first start."""

QNN, NPU = "qnn", "npu"

DELEGATES: Mapping[str, tuple[str, ...]] = {
    "xnnpack": ("--use_xnnpack=true",),
    "none": ("--use_xnnpack=false",),
    "gpu": ("--use_gpu=true",),
    "nnapi": ("--use_nnapi=true",),
    QNN: ("--external_delegate_path=",),
}
"""The options of the Interpreter's tool for each delegate; those of `QNN` name its libraries."""

COMPILED_DELEGATES: Mapping[str, tuple[str, ...]] = {
    "xnnpack": ("--use_cpu=true",),
    "gpu": (*ALONE, "--use_gpu=true"),
    NPU: ("--use_npu=true", "--dispatch_library_path="),
}
"""The options of the CompiledModel API's tool, of which those of `NPU` name its libraries."""


def own_copy(given: str | None, delegate: str = "") -> Path | None:
    """The user's copy on this machine: the path in the registry, or the default place.

    None if there is none in the default place; it may be on the phone. For an NPU it is the tool of
    the CompiledModel API, where the user has both.
    """
    if given is not None:
        return Path(given).expanduser()
    names = (COMPILED_NAME, NAME) if delegate == NPU else (NAME, COMPILED_NAME)
    usual = (data_folder() / "android" / name for name in names)
    return next((path for path in usual if path.exists()), None)


@dataclass(frozen=True)
class Tool:
    """The program at `path` on a device, the options in its help, and a vendor's libraries."""

    shell: Shell
    path: str
    flags: frozenset[str]
    libraries: VendorLibraries | None = None

    @property
    def compiles(self) -> bool:
        """Whether it is the tool of the CompiledModel API."""
        return "use_npu" in self.flags

    @property
    def _options(self) -> Mapping[str, tuple[str, ...]]:
        return COMPILED_DELEGATES if self.compiles else DELEGATES

    def command(self, plan: Mapping[str, Any], graph: str, *options: str) -> str:
        """The shell command of one run, on the plan's cores; it prints everything to stdout."""
        own = self.libraries
        delegate = own.options if own else self._options[plan["delegate"]]
        words = (f"--graph={graph}", f"--num_threads={plan['threads']}", *delegate)
        found = f"{own.environment} " if own else ""
        pinned = f"taskset {mask(plan['cores'])} " if plan["cores"] is not None else ""
        return (
            f"{found}{pinned}timeout {TIMEOUT_S} {quoted(self.path)} "
            + " ".join(map(quoted, (*words, *options)))
            + " </dev/null 2>&1"
        )

    def run(self, plan: Mapping[str, Any], graph: str, *options: str) -> tuple[int, str]:
        """Run it once and return the exit status and the output. Raises `DeviceError`."""
        done = self.shell.run(self.command(plan, graph, *options), TIMEOUT_S + 30.0)
        return done.status, done.stdout

    @property
    def delegates(self) -> tuple[str, ...]:
        """The delegates that this build of the program has."""
        return tuple(
            name
            for name, options in self._options.items()
            if flags(" ".join(options)) <= self.flags
        )


def mask(cores: list[int]) -> str:
    """The hexadecimal mask that `taskset` takes, such as f0 for the cores 4 to 7."""
    return f"{sum(1 << core for core in cores):x}"


def place(store: Store, given: str | None, progress: Progress = silent, delegate: str = "") -> Tool:
    """Send the user's copy to the device, or use the one that is there, and try it.

    Raises `DeviceError` if there is none or if it does not run.
    """
    copy = own_copy(given, delegate)
    path = ON_PHONE if copy is None else _sent(store, copy, progress)
    usage = store.shell.run(f"{quoted(path)} --help 2>&1", 30.0)
    found = flags(usage.stdout)
    if "graph" in found and {"use_xnnpack", "use_npu"} & found:
        return Tool(store.shell, path, found)
    if copy is None and usage.status in (126, 127):
        raise DeviceError(
            f"{store.shell.name} has no {NAME}, LiteRT's own benchmark program",
            f"get it for Android from {PAGE} and put it at {data_folder() / 'android' / NAME}",
        )
    # Before it are the names of the shell and the path.
    said = usage.reason.rpartition(": ")[2] if usage.status else "it lists no options"
    if copy is not None and said == "Permission denied":
        raise DeviceError(
            f"{store.shell.name} does not start programs in {store.home}",
            store.shell.other_folder_remedy,
        )
    raise DeviceError(
        f"{copy or path} does not work on {store.shell.name}: {said}",
        f"get the one for this phone's processor from {PAGE}",
    )


def _sent(store: Store, copy: Path, progress: Progress) -> str:
    """Send the copy and return its path on the device."""
    try:
        if copy.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder, not the program")
        name = f"{sha256(copy)}.{NAME}"
    except OSError as error:
        raise DeviceError(
            f"cannot read {copy}: {error.strerror}",
            f"put the program there, or set its path: {NAME} in {user_file()}",
        ) from error
    store.shell.check_output(f"mkdir -p {quoted(store.files)}")
    store.send({name: copy}, store.files, progress)
    path = f"{store.files}/{name}"
    store.shell.check_output(f"chmod 755 {quoted(path)}")
    return path
