"""Finding the outputs that hold a task's roles, and words for those that do not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import msgspec

from edgebench.documents import convert
from edgebench.errors import UnknownNameError, UsageError
from edgebench.tasks.task import ModelOutput, Signature, Value

L = TypeVar("L")


def split(
    task: str, signature: Signature, given: Mapping[str, str], roles: Mapping[str, str], layout: L
) -> tuple[dict[str, ModelOutput], L]:
    """What the user has `given`, parted into outputs by role and a layout.

    `layout` is a frozen dataclass with the defaults. Raises `UnknownNameError` for a key or an
    output that does not exist, `UsageError` for a value that does not fit.
    """
    words = asdict(layout)  # type: ignore[call-overload]
    outputs = {output.name: output for output in signature.outputs}
    named: dict[str, ModelOutput] = {}
    for key, value in given.items():
        if key in roles:
            if value not in outputs:
                raise UnknownNameError("output", value, outputs)
            named[key] = outputs[value]
        elif key in words:
            words[key] = value
        else:
            raise UnknownNameError(f"role or layout of {task}", key, [*roles, *words])
    try:
        return named, convert(words, type(layout), strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"the layout of {task} does not fit: {error}", "correct it") from error


def stored(layout: object) -> dict[str, Value]:
    """A layout as the data that an assignment holds."""
    return {name: value for name, value in asdict(layout).items() if value is not None}  # type: ignore[call-overload]


def layout_of(stored_layout: Mapping[str, Any], kind: type[L]) -> L:
    """The layout that an assignment holds."""
    return convert(dict(stored_layout), kind)


def misfit(task: str, wanted: str, signature: Signature, remedy: str) -> UsageError:
    """The error that says which shapes were wanted, and which there are."""
    found = ", ".join(f"{one.name} {shape_text(one.shape)}" for one in signature.outputs)
    return UsageError(f"{task} needs {wanted}; the outputs are: {found or 'none'}", remedy)


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as people read it: 1x21x513x513."""
    return "x".join(str(side) for side in shape) or "scalar"


def label(number: int, labels: Sequence[str] | None) -> str:
    """A class in words: its label, or where there is none its number."""
    known = labels is not None and 0 <= number < len(labels)
    return labels[number] if known and labels else f"class {number}"
