"""Rows of arrays by name as the inputs of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebench.converters.artifact import stored_name
from edgebench.converters.mapped import MadeSequence
from edgebench.converters.onnx.graph import TensorInfo
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.errors import DataError
from edgebench.models.data.dataset import Row


@dataclass(frozen=True)
class ArraySamples(MadeSequence[Sample]):
    """Rows with an array for each input, in its shape, or without the batch axis of length one.

    `source` says where they are from. Raises `DataError` where the first does not fit; so does
    every other when it is asked for.
    """

    rows: Sequence[Row]
    ports: tuple[TensorInfo, ...]
    source: str

    def __post_init__(self) -> None:
        if self.rows:
            self[0]

    def __len__(self) -> int:
        return len(self.rows)

    def made(self, place: int) -> Sample:
        return {port.name: self._fitted(place, port) for port in self.ports}

    def stored(self) -> dict[str, Array]:
        """The inputs as an evaluation's .npz holds them: (N, *shape) each."""
        every = self[:]
        return {
            stored_name(port.name): np.stack([sample[port.name] for sample in every])
            for port in self.ports
        }

    def _fitted(self, place: int, port: TensorInfo) -> Array:
        found = self.rows[place].get(port.name)
        batchless = port.shape[1:] if port.shape[:1] == (1,) else None
        if found is None or found.shape not in (port.shape, batchless):
            have = "nothing" if found is None else f"{found.shape}"
            each = ", ".join(f"{one.name} {one.shape}" for one in self.ports)
            raise DataError(
                f"{self.source} has {have} for the input '{port.name}' {port.shape} in its example "
                f"{place + 1}",
                f"give an array for each input in every example: {each}",
            )
        if found.dtype.kind not in "biuf":
            raise DataError(
                f"{self.source} has {found.dtype} for the input '{port.name}', no numbers",
                f"give it as {port.dtype}",
            )
        return np.ascontiguousarray(found.reshape(port.shape), port.dtype)
