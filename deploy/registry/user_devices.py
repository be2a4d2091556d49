"""The user's own file of devices: add and remove devices, and leave the rest as it is.

The file is edited as text, a table's lines at a time, so that the user's comments and order stay.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgebench.deploy.device.entry import user_file
from edgebench.deploy.registry import registry
from edgebench.deploy.registry.devices import is_simulated
from edgebench.documents import replacing
from edgebench.errors import InvalidFileError, UnknownNameError, UsageError

Value = str | bool | int | Sequence["Value"] | Mapping[str, "Value"]
"""What a device's table may hold."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

HEAD = """\
# Your own devices. `edgebench devices add` writes this file, and you can edit it: one table for
# each device. `like` starts with the fields of another device.
"""


def add(name: str, facts: Mapping[str, Value], *, replace: bool = False) -> Path:
    """Write a device's table and return the file that it is in.

    Raises `UsageError` if the name is invalid or exists and may not be replaced, or if the facts
    contradict each other; `InvalidFileError`, and `UnwritableError`.
    """
    if is_simulated(name):
        raise UsageError(f"'{name}' is a name of simulated devices", "choose another name")
    if not NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot be a device's name",
            "use letters, digits, '-', '_' and '.', such as rack-2",
        )
    path = user_file()
    said = registry.text(path) if path.exists() else HEAD
    table = [f"[{_key(name)}]", *(f"{key} = {toml(value)}" for key, value in facts.items())]
    lines = said.splitlines()
    if name not in registry.user_entries(said):
        lines += ["", *table]
    elif replace:
        first, last = _span(lines, name)
        lines[first:last] = table
    else:
        raise UsageError(
            f"{name} is in {path} already", "use --replace to replace it, or another name"
        )
    return _write(path, lines)


def remove(name: str) -> Path:
    """Remove a device from the user's file and return the file.

    Raises `UsageError` for a device that is not in it, `InvalidFileError` and `UnwritableError`.
    """
    path = user_file()
    own = registry.user_entries()
    if name not in own:
        if name in registry.load():
            raise UsageError(
                f"{name} is one of edgebench's own devices, not one of yours",
                "nothing has to be removed; edgebench devices add changes its fields",
            )
        raise UnknownNameError("device of your own", name, own)
    lines = registry.text(path).splitlines()
    first, last = _span(lines, name)
    while last < len(lines) and not lines[last].strip():
        last += 1
    del lines[first:last]
    return _write(path, lines)


def toml(value: Value) -> str:
    """A value as TOML; a list of tables with a line for each."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
    if any(isinstance(one, Mapping) for one in value):
        return "[\n" + "".join(f"  {toml(one)},\n" for one in value) + "]"
    return "[" + ", ".join(map(toml, value)) + "]"


def _key(name: str) -> str:
    return f'"{name}"' if "." in name else name


def _span(lines: Sequence[str], name: str) -> tuple[int, int]:
    """The first line of a device's tables and the one after the last.

    Comments and empty lines at their end belong to what follows and are not included.
    """
    tables = [(number, _named(line)) for number, line in enumerate(lines) if _named(line)]
    first = next(number for number, named in tables if named == name)
    last = next(
        (number for number, named in tables if number > first and named != name), len(lines)
    )
    while not lines[last - 1].strip() or lines[last - 1].lstrip().startswith("#"):
        last -= 1
    return first, last


def _named(line: str) -> str | None:
    """The device whose table, or table in a table, a line begins."""
    if not line.lstrip().startswith("["):
        return None
    try:
        return next(iter(tomllib.loads(line)), None)
    except tomllib.TOMLDecodeError:
        return None


def _write(path: Path, lines: Sequence[str]) -> Path:
    """Write the file if edgebench can read it again."""
    said = "\n".join(lines) + "\n"
    try:
        registry.user_entries(said)
    except InvalidFileError as error:
        # The file is unchanged, so the error is the command's and not the file's.
        what = error.message.removeprefix(f"{path}, device ")
        raise UsageError(f"the device is not valid: {what}", error.remedy) from error
    with replacing(path) as temporary:
        temporary.write_text(said, encoding="utf-8")
    return path
