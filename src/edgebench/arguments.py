"""How the words of a command line become a frozen dataclass; `argparse` reports what is wrong."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from edgebench.errors import MissingExtraError, UsageError

O = TypeVar("O")  # noqa: E741

Parser = argparse.ArgumentParser | argparse._ArgumentGroup


class Help(argparse.HelpFormatter):
    """Help that wraps sentences, and leaves lines as they are, such as those of examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


def adder(parser: Parser, kind: type) -> Callable[..., None]:
    """What adds an argument for a field of a dataclass: `add("--threads", help="...")`.

    The defaults stand in the dataclass alone; help shows them. To argparse all defaults are None,
    so that `read` sees what was given. Raises `KeyError` where there is no such field.
    """
    defaults = {field.name: field.default for field in fields(kind)}

    def add(*flags: str, help: str, **how: Any) -> None:
        name = how.get("dest") or flags[-1].lstrip("-").replace("-", "_")
        shown = _shown(defaults[name], how.get("type"))
        parser.add_argument(*flags, default=None, help=help + shown, **how)

    return add


def _shown(default: object, kind: object) -> str:
    if isinstance(default, tuple):
        default = ",".join(default) or None
    if isinstance(default, bool) or not isinstance(default, str | int | float | Path):
        return ""
    return f" (default: {f'{default:.0%}%' if kind is fraction else default})"


def read(kind: type[O], namespace: argparse.Namespace, **derived: object) -> O:
    """A dataclass of what was given, and of values that were derived from it.

    What is None was not given, and has the dataclass's default.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    given = {name: getattr(namespace, name, None) for name in names} | derived
    values = {name: value for name, value in given.items() if value is not None}
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise argparse.ArgumentTypeError("expected one or more names, separated by commas")
    return names


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


def words(text: str) -> dict[str, str]:
    """`name=value` pairs with commas between."""
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not (name and equals and value) for name, equals, value in pairs):
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form name=value,name=value")
    return {name: value for name, _, value in pairs}
