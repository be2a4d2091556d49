"""The registry: every device that edgebench knows by name, and what is known of it.

`devices.toml` beside this file is edgebench's own; a file of the same form in the user's
configuration folder adds to it, and may replace what a name means.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from edgebench.errors import InvalidFileError
from edgebench.places import config_folder

Transport = Literal["local", "adb", "ssh", "emulated", "devicectl", "mac"]

SHIPPED = Path(__file__).with_name("devices.toml")


@dataclass(frozen=True)
class Cluster:
    """Cores of one kind. `cores` are their numbers in Linux, `max_khz` their highest frequency."""

    name: str
    core: str
    cores: tuple[int, ...]
    max_khz: int | None = None


@dataclass(frozen=True)
class Entry:
    """One device, as the registry has it.

    transport: how it is reached.
    match: how it is recognised where it is attached: Android's `ro.product.device` or
        `ro.product.model`, an iPhone's product type such as iPhone14,5; any of them will do.
    serial: the one phone that is meant, where several of a model are attached.
    host: what `ssh` is to connect to, as its own configuration names it.
    soc, gpu, npu, os_minimum: for people. clusters: from the slowest to the fastest.
    delegates: those that its runtimes have, of the plan's.
    runner: what carries out plans there; None for the first of its transport's that works.
    python, benchmark_model, home: where these are, or are to be; None for the usual places.
    keep: leave what was sent on the device.
    verified: whether edgebench itself was seen to work with this hardware.
    sources: where each fact is from, by field: a document's address or name, and its date.
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
    runner: Literal["python", "benchmark_model", "app"] | None = None
    python: str | None = None
    benchmark_model: str | None = None
    home: str | None = None
    keep: bool = False
    verified: bool = False
    sources: Mapping[str, str] = msgspec.field(default_factory=dict)


def own_file() -> Path:
    """The user's file of devices, whether or not it is there."""
    return config_folder() / "devices.toml"


def load() -> dict[str, Entry]:
    """Every entry by name. Raises `InvalidFileError`."""
    entries = read(SHIPPED)
    if own_file().exists():
        entries |= read(own_file())
    return entries


def read(path: Path) -> dict[str, Entry]:
    """The entries of one file, by name. Raises `InvalidFileError`."""
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            name: msgspec.convert({**table, "name": name}, Entry) for name, table in tables.items()
        }
    except OSError as error:
        raise InvalidFileError(f"cannot read {path}: {error.strerror}", "check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InvalidFileError(f"{path} is no list of devices: {error}", "correct it") from error
