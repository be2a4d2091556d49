"""A sequence whose elements are made when they are taken, so that it needs the memory of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class Mapped(Sequence[T], Generic[S, T]):
    """What `make` makes of each of `sources`, anew each time."""

    sources: Sequence[S]
    make: Callable[[S], T]

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Mapped(self.sources[index], self.make)
        return self.make(self.sources[index])
