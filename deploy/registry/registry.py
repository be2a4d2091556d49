"""The registry: every device that edgebench knows by name, and the facts about it.

`devices.toml` beside this file is edgebench's own. A file of the same form in the user's
configuration folder (`user_devices` writes it) adds devices and may replace others. A table with
`like = "rpi5"` starts with the facts about that device.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from edgebench.deploy.device.entry import (
    CLUSTER_FIELDS,
    FIELDS,
    DeviceEntry,
    RunnerName,
    user_file,
)
from edgebench.deploy.transports.table import ROWS, misplaced_field
from edgebench.documents import convert
from edgebench.errors import InvalidFileError

SHIPPED = Path(__file__).with_name("devices.toml")

LIKE = "like"
"""The field of a table that names the device which it begins with."""


def load() -> dict[str, DeviceEntry]:
    """Every entry by name, the user's own last. Raises `InvalidFileError`."""
    mine = user_entries()
    return {name: entry for name, entry in shipped_entries().items() if name not in mine} | mine


def shipped_entries() -> dict[str, DeviceEntry]:
    """The entries that come with edgebench."""
    return _entries(SHIPPED, _tables(SHIPPED, text(SHIPPED), {}))


def user_entries(content: str | None = None) -> dict[str, DeviceEntry]:
    """The entries of the user's file, or of a new text for it. Raises `InvalidFileError`."""
    path = user_file()
    if content is None:
        content = text(path) if path.exists() else ""
    return _entries(path, _tables(path, content, _tables(SHIPPED, text(SHIPPED), {})))


def text(path: Path) -> str:
    """The content of a file of devices. Raises `InvalidFileError`."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidFileError(f"cannot read {path}: {error.strerror}", "check the path") from error
    except UnicodeDecodeError as error:
        raise InvalidFileError(f"{path} is not TOML: {error}", "correct it") from error


def _tables(
    path: Path, said: str, before: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """A file's tables by name, each merged with the one in its `like`.

    That is one of `before`, or an earlier one in the file. Raises `InvalidFileError`.
    """
    try:
        content = tomllib.loads(said)
    except tomllib.TOMLDecodeError as error:
        raise InvalidFileError(f"{path} is not TOML: {error}", "correct it") from error
    known = dict(before)
    for name, table in content.items():
        if not isinstance(table, dict):
            raise _wrong(path, name, "this is a value, but a device is a table", f"write [{name}]")
        if LIKE in table:
            like = table[LIKE]
            if not isinstance(like, str) or like not in known:
                near = difflib.get_close_matches(str(like), known, n=1)
                remedy = f"did you mean '{near[0]}'?" if near else "edgebench devices lists them"
                raise _wrong(path, name, f"like is not the name of a device: {like!r}", remedy)
            table = known[like] | {key: value for key, value in table.items() if key != LIKE}
        known[name] = table
    return {name: known[name] for name in content}


def _entries(path: Path, tables: Mapping[str, dict[str, Any]]) -> dict[str, DeviceEntry]:
    return {name: _entry(path, name, table) for name, table in tables.items()}


def _entry(path: Path, name: str, table: dict[str, Any]) -> DeviceEntry:
    _known(path, name, table, FIELDS, "field")
    clusters = table.get("clusters", ())
    for cluster in clusters if isinstance(clusters, list) else ():
        if isinstance(cluster, dict):
            _known(path, name, cluster, CLUSTER_FIELDS, "field of a cluster")
    transports = frozenset(row.name for row in ROWS if row.in_registry)
    for key, known in (("transport", transports), ("runner", frozenset(get_args(RunnerName)))):
        if isinstance(table.get(key), str):
            _known(path, name, (table[key],), known, key)
    try:
        entry = convert({**table, "name": name}, DeviceEntry)
    except msgspec.ValidationError as error:
        raise _wrong(path, name, str(error).replace("`$.", "`"), "correct it") from error
    misplaced = misplaced_field(entry)
    if misplaced:
        raise _wrong(path, name, misplaced, "correct it")
    return entry


def _known(path: Path, name: str, words: Iterable[str], known: frozenset[str], kind: str) -> None:
    for word in words:
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            remedy = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known))}"
            raise _wrong(path, name, f"unknown {kind} '{word}'", remedy)


def _wrong(path: Path, name: str, what: str, remedy: str) -> InvalidFileError:
    return InvalidFileError(f"{path}, device {name}: {what}", remedy)
