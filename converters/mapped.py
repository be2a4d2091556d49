"""Sequences whose elements are made when they are taken, so that they need the memory of one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

S = TypeVar("S")
T = TypeVar("T")


class MadeSequence(Sequence[T]):
    """Makes each element anew; a slice is made at once."""

    @abstractmethod
    def made(self, place: int) -> T:
        """The element at a place from 0 on."""

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        if isinstance(place, slice):
            return [self.made(i) for i in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self.made(place % len(self))


@dataclass(frozen=True)
class Mapped(MadeSequence[T], Generic[S, T]):
    """What `make` makes of each of `sources`."""

    sources: Sequence[S]
    make: Callable[[S], T]

    def __len__(self) -> int:
        return len(self.sources)

    def made(self, place: int) -> T:
        return self.make(self.sources[place])
