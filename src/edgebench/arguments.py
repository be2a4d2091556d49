"""How the words of a command line become values; `argparse` reports what does not fit."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from edgebench.errors import MissingExtraError, UsageError


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help that says the defaults of options, where there is something to say."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if isinstance(action.default, bool) or action.default in (None, "", ()):
            return action.help
        return super()._get_help_string(action)


def names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise argparse.ArgumentTypeError("expected one or more names, separated by commas")
    return names


def devices(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Devices, each named once; this machine where none is. Raises `UsageError`."""
    found = [name.strip() for text in texts or () for name in text.split(",") if name.strip()]
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice:
        raise UsageError(f"device {twice} is named twice", "name each device once")
    return tuple(found) or ("local",)


def floats(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers") from None


def cores(text: str) -> tuple[int, ...] | str:
    """Core numbers such as 0,1 or 4-7, or the name of a cluster, which the device's entry knows."""
    from edgebench.deploy.device.cores import numbers

    if text[:1].isalpha():
        return text
    try:
        return numbers(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is neither a list of core numbers, such as 0,1 or 4-7, nor a cluster's name"
        ) from None


def cluster(text: str) -> dict[str, object]:
    """A cluster as a device's table has it, from NAME=0-3 or NAME=0-3:Cortex-A55."""
    from edgebench.deploy.device.cores import numbers

    name, _, rest = text.partition("=")
    where, _, core = rest.partition(":")
    try:
        return {"name": name, "core": core or "not said", "cores": list(numbers(where))}
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no cluster such as big=4-7") from None


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")
    return int(text)


def fraction(text: str) -> float:
    number = text.removesuffix("%")
    try:
        value = float(number) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share such as 5% or 0.05")
    return value


def seconds(text: str) -> float:
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
    unit = next(unit for unit in units if text.endswith(unit))
    try:
        value = float(text.removesuffix(unit)) * units[unit]
    except ValueError:
        value = -1.0
    if not 0 < value < 86_400 * 7:
        raise argparse.ArgumentTypeError(f"'{text}' is not a time such as 60s or 5m")
    return value


def shapes(texts: Sequence[str] | None) -> Mapping[str, tuple[int, ...]] | tuple[int, ...] | None:
    """Read `1,3,224,224`, or `name=1,3,224,224` once per input. Raises `UsageError`."""
    if not texts:
        return None
    named: dict[str, tuple[int, ...]] = {}
    for text in texts:
        # An input's name may hold an equals sign; a shape cannot.
        name, _, numbers = text.rpartition("=")
        parts = numbers.split(",")
        if not all(part.strip().isdecimal() for part in parts):
            raise UsageError(f"'{text}' is not a shape", "give one such as 1,3,224,224")
        named[name] = tuple(int(part) for part in parts)
    if "" in named and len(texts) > 1:
        raise UsageError("several shapes need the inputs' names", "give each as name=1,3,224,224")
    return named.get("", named)


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Turn the missing import of an optional package into the name of its extra."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "a package", extra) from error
