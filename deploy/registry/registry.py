"""The registry: every device that edgebench knows by name, and what is known of it.

`devices.toml` beside this file is edgebench's own; a file of the same form in the user's
configuration folder (`user_devices` writes it) adds to it, and may replace what a
name means. A table that says `like = "rpi5"` begins with what is known of that device.
"""

from __future__ import annotations

import difflib
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from edgebench.errors import InvalidFileError, UnknownNameError, UsageError
from edgebench.places import config_folder

Transport = Literal["local", "adb", "ssh", "emulated", "devicectl", "mac"]
RunnerName = Literal["python", "benchmark_model", "app"]

SHIPPED = Path(__file__).with_name("devices.toml")

LIKE = "like"
"""The field of a table that names the device which it begins with."""

BY_TRANSPORT = {
    "host": ("ssh",),
    "serial": ("adb", "devicectl"),
    "match": ("adb", "devicectl", "ssh"),
    "benchmark_model": ("adb", "ssh", "emulated"),
    "app": ("adb", "devicectl"),
}
"""Fields that mean something to these transports only."""


@dataclass(frozen=True)
class Cluster:
    """Cores of one kind. `cores` are their numbers in Linux, `max_khz` their highest frequency."""

    name: str
    core: str
    cores: tuple[int, ...]
    max_khz: int | None = None

    def __post_init__(self) -> None:
        if not self.cores or any(core < 0 for core in self.cores):
            raise ValueError(f"cluster '{self.name}' needs the numbers of its cores, from 0")


@dataclass(frozen=True)
class Entry:
    """One device, as the registry has it.

    transport: how it is reached.
    match: how it is recognised: Android's `ro.product.device` or `ro.product.model`, an iPhone's
        product type such as iPhone14,5, how a board's model begins; any of them will do.
    serial: the one phone that is meant, where several of a model are attached.
    host: what `ssh` is to connect to, as its own configuration names it.
    soc, gpu, npu, os_minimum: for people. clusters: from the slowest to the fastest.
    delegates: those that its runtimes have, of the plan's.
    runner: what carries out plans there; None for the first of its transport's that works.
    python, benchmark_model, home: where these are, or are to be; None for the usual places.
    app: the sample app's package or bundle identifier; None for the one it comes with.
    keep: leave what was sent on the device.
    verified: whether edgebench itself was seen to work with this hardware.
    sources: where each fact is from, by field: a document's address or name, and its date.

    Raises `ValueError` where fields do not fit together.
    """

    description: str
    transport: Transport
    name: str = ""
    match: tuple[str, ...] = ()
    serial: str | None = None
    host: str | None = None
    soc: str | None = None
    clusters: tuple[Cluster, ...] = ()
    gpu: str | None = None
    npu: str | None = None
    delegates: tuple[str, ...] = ("xnnpack", "none")
    os_minimum: str | None = None
    runner: RunnerName | None = None
    python: str | None = None
    benchmark_model: str | None = None
    app: str | None = None
    home: str | None = None
    keep: bool = False
    verified: bool = False
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, transports in BY_TRANSPORT.items():
            if getattr(self, name) and self.transport not in transports:
                raise ValueError(f"{name} is for {' and '.join(transports)} only")
        _once("cluster", (cluster.name for cluster in self.clusters))
        _once("core", (core for cluster in self.clusters for core in cluster.cores))
        unknown = sorted(self.sources.keys() - FIELDS)
        if unknown:
            raise ValueError(f"sources names no field of a device: {', '.join(unknown)}")

    def cluster(self, name: str) -> Cluster:
        """A cluster by name. Raises `UnknownNameError`, and `UsageError` if none is known."""
        if not self.clusters:
            raise UsageError(
                f"the clusters of {self.name}'s cores are not known",
                "give the cores by number: --cores 0,1",
            )
        for cluster in self.clusters:
            if cluster.name == name:
                return cluster
        raise UnknownNameError("cluster", name, (cluster.name for cluster in self.clusters))


FIELDS = frozenset(field.name for field in fields(Entry)) - {"name"}
CLUSTER_FIELDS = frozenset(field.name for field in fields(Cluster))


def cores_of(entry: Entry, name: str) -> tuple[int, ...]:
    """The numbers of the cores in an entry's cluster, such as big.

    Raises `UnknownNameError`, and `UsageError` where the entry has no clusters.
    """
    return entry.cluster(name).cores


def own_file() -> Path:
    """The user's file of devices, whether or not it is there."""
    return config_folder() / "devices.toml"


def load() -> dict[str, Entry]:
    """Every entry by name, the user's own last. Raises `InvalidFileError`."""
    mine = own()
    return {name: entry for name, entry in shipped().items() if name not in mine} | mine


def shipped() -> dict[str, Entry]:
    """The entries that come with edgebench."""
    return _entries(SHIPPED, _tables(SHIPPED, text(SHIPPED), {}))


def own(content: str | None = None) -> dict[str, Entry]:
    """The entries of the user's file, or of what it is to say. Raises `InvalidFileError`."""
    path = own_file()
    if content is None:
        content = text(path) if path.exists() else ""
    return _entries(path, _tables(path, content, _tables(SHIPPED, text(SHIPPED), {})))


def text(path: Path) -> str:
    """What a file of devices says. Raises `InvalidFileError`."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidFileError(f"cannot read {path}: {error.strerror}", "check the path") from error
    except UnicodeDecodeError as error:
        raise InvalidFileError(f"{path} is not TOML: {error}", "correct it") from error


def _tables(
    path: Path, said: str, before: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """A file's tables by name, each on top of the one that it is like.

    That is one of `before`, or one further up in the file. Raises `InvalidFileError`.
    """
    try:
        content = tomllib.loads(said)
    except tomllib.TOMLDecodeError as error:
        raise InvalidFileError(f"{path} is not TOML: {error}", "correct it") from error
    known = dict(before)
    for name, table in content.items():
        if not isinstance(table, dict):
            raise _wrong(path, name, "this is a value, and a device is a table", f"write [{name}]")
        if LIKE in table:
            like = table[LIKE]
            if not isinstance(like, str) or like not in known:
                near = difflib.get_close_matches(str(like), known, n=1)
                remedy = f"did you mean '{near[0]}'?" if near else "edgebench devices lists them"
                raise _wrong(path, name, f"like names no known device: {like!r}", remedy)
            table = known[like] | {key: value for key, value in table.items() if key != LIKE}
        known[name] = table
    return {name: known[name] for name in content}


def _entries(path: Path, tables: Mapping[str, dict[str, Any]]) -> dict[str, Entry]:
    return {name: _entry(path, name, table) for name, table in tables.items()}


def _entry(path: Path, name: str, table: dict[str, Any]) -> Entry:
    _known(path, name, table, FIELDS, "field")
    clusters = table.get("clusters", ())
    for cluster in clusters if isinstance(clusters, list) else ():
        if isinstance(cluster, dict):
            _known(path, name, cluster, CLUSTER_FIELDS, "field of a cluster")
    for key, kind in (("transport", Transport), ("runner", RunnerName)):
        if isinstance(table.get(key), str):
            _known(path, name, (table[key],), frozenset(get_args(kind)), key)
    try:
        return msgspec.convert({**table, "name": name}, Entry)
    except msgspec.ValidationError as error:
        raise _wrong(path, name, str(error).replace("`$.", "`"), "correct it") from error


def _known(path: Path, name: str, words: Iterable[str], known: frozenset[str], kind: str) -> None:
    for word in words:
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            remedy = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known))}"
            raise _wrong(path, name, f"unknown {kind} '{word}'", remedy)


def _wrong(path: Path, name: str, what: str, remedy: str) -> InvalidFileError:
    return InvalidFileError(f"{path}, device {name}: {what}", remedy)


def _once(kind: str, values: Iterable[object]) -> None:
    """Raises `ValueError` where a value comes twice."""
    twice = [str(value) for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"{kind} {', '.join(twice)} is in more than one place")
