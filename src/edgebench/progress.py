"""How a stage says how far it is, without knowing who listens.

Stages never print. They call a `Progress`; the command line draws it on stderr.
"""

from __future__ import annotations

from typing import Protocol

DETAIL = " | "
"""What comes after it in a step's name may change while the step goes on."""


class Progress(Protocol):
    """Called with the step's name, how much of it is done and how much there is.

    A `total` of 0 means that the step's length is not known. A step ends when another begins or
    when `done == total`.
    """

    def __call__(self, step: str, done: int, total: int) -> None: ...


def silent(step: str, done: int, total: int) -> None:
    """Listen to nothing."""
