"""A device's entry: what the registry knows about one device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from edgebench.errors import UnknownNameError, UsageError
from edgebench.places import config_folder

RunnerName = Literal["python", "benchmark_model", "app"]


@dataclass(frozen=True)
class Cluster:
    """Cores of one kind, with their numbers in Linux and their highest frequency in kHz."""

    name: str
    core: str
    cores: tuple[int, ...]
    max_khz: int | None = None

    def __post_init__(self) -> None:
        if not self.cores or any(core < 0 for core in self.cores):
            raise ValueError(f"cluster '{self.name}' needs core numbers, from 0")


@dataclass(frozen=True)
class DeviceEntry:
    """One device in the registry.

    transport: how it is reached, a name of `edgebench.deploy.transports.table`.
    match: any of these identifies it: Android's `ro.product.device` or `ro.product.model`, an
        iPhone's product type such as iPhone14,5, the beginning of a board's model.
    serial: selects one phone if several of a model are attached.
    host: the host for `ssh`, as in its configuration.
    soc_model: its SoC as LiteRT's compilers for NPUs name it, such as SM8650 or Tensor_G4; of an
        emulated NPU, the SoC that is emulated.
    soc, gpu, npu, os_minimum: for people. clusters: from the slowest to the fastest.
    delegates: the plan's delegates that its runtimes have.
    runner: what carries out plans there; None for the first one of its transport that works.
    python, benchmark_model, home: the paths of these on the device; None for the defaults.
    app: the sample app's package or bundle identifier; None for the default.
    app_formats: the formats that the sample app was built for; without it LiteRT's alone.
    keep: leave sent files on the device.
    verified: whether edgebench has been run on this hardware.
    sources: where each fact is from, by field: a document's address or name, and its date.

    Raises `ValueError` if fields contradict each other.
    """

    description: str
    transport: str
    name: str = ""
    match: tuple[str, ...] = ()
    serial: str | None = None
    host: str | None = None
    soc: str | None = None
    soc_model: str | None = None
    clusters: tuple[Cluster, ...] = ()
    gpu: str | None = None
    npu: str | None = None
    delegates: tuple[str, ...] = ("xnnpack", "none")
    os_minimum: str | None = None
    runner: RunnerName | None = None
    python: str | None = None
    benchmark_model: str | None = None
    app: str | None = None
    app_formats: tuple[str, ...] = ()
    home: str | None = None
    keep: bool = False
    verified: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _once("cluster", (cluster.name for cluster in self.clusters))
        _once("core", (core for cluster in self.clusters for core in cluster.cores))
        unknown = sorted(self.sources.keys() - FIELDS)
        if unknown:
            raise ValueError(
                f"sources has fields that a device does not have: {', '.join(unknown)}"
            )

    def cluster(self, name: str) -> Cluster:
        """A cluster by name. Raises `UnknownNameError`, and `UsageError` if there are none."""
        if not self.clusters:
            raise UsageError(
                f"{self.name} has no named clusters",
                "give the cores by number: --cores 0,1",
            )
        for cluster in self.clusters:
            if cluster.name == name:
                return cluster
        raise UnknownNameError("cluster", name, (cluster.name for cluster in self.clusters))


FIELDS = frozenset(field.name for field in fields(DeviceEntry)) - {"name"}
CLUSTER_FIELDS = frozenset(field.name for field in fields(Cluster))


def user_file() -> Path:
    """The path of the user's file of devices, which may not exist."""
    return config_folder() / "devices.toml"


def _once(kind: str, values: Iterable[object]) -> None:
    """Raises `ValueError` if a value is there twice."""
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"{kind} {', '.join(twice)} is listed twice")
