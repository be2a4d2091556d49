"""What a model's inputs and outputs are in bytes, by LiteRT on this machine.

The page only copies bytes. Images become tensors, and tensors values, by the code that does it on
devices with Python, so that a browser cannot differ in anything but what its runtime computes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgebench.deploy.runner.engines import engine
from edgebench.deploy.runner.messages import Json, RunnerError, first_line

Array = npt.NDArray[Any]


class Tensors:
    """The inputs and outputs of a .tflite file. Raises `RunnerError` if it cannot be opened."""

    def __init__(self, path: Path) -> None:
        try:
            self._engine: Any = engine("tflite")(str(path), {"threads": 1, "delegate": "none"})
        except RunnerError:
            raise
        except Exception as error:  # LiteRT raises ValueError, RuntimeError and others.
            raise RunnerError(first_line(error)) from error
        signatures = self._engine.interpreter._get_full_signature_list()
        empty: Json = {"inputs": {}, "outputs": {}}
        signature: Json = next(iter(signatures.values()), empty)
        self.inputs = [
            {**_named(place, one, signature["inputs"]), "bytes": size_bytes(one)}
            for place, one in enumerate(self._engine.inputs)
        ]
        self._outputs = [
            _named(place, one, signature["outputs"])
            for place, one in enumerate(self._engine.outputs)
        ]

    def content(self, given: Mapping[int, Array]) -> bytes:
        """All inputs in bytes, one after the other; what is not given is seeded noise in -1..1."""
        noise = np.random.RandomState(0)  # As `runner.engines.feeding` makes it.
        parts = []
        for place, detail in enumerate(self._engine.inputs):
            values = noise.uniform(-1, 1, tuple(detail["shape"]))
            tensor = self._engine.encoded(detail, given.get(place, values))
            parts.append(np.ascontiguousarray(tensor).tobytes())
        return b"".join(parts)

    def outputs(self, places: Sequence[int]) -> list[Json]:
        """How the page finds the outputs at those places of the file."""
        return [self._outputs[place] for place in places]

    def output_bytes(self, places: Sequence[int]) -> int:
        """The size of the outputs at those places."""
        return sum(size_bytes(self._engine.outputs[place]) for place in places)

    def name(self, place: int) -> str:
        return str(self._engine.outputs[place]["name"])

    @property
    def output_count(self) -> int:
        return len(self._outputs)

    def values(self, raw: bytes, places: Sequence[int]) -> dict[int, Array]:
        """The values of outputs at those places, from their bytes. Raises `RunnerError`."""
        details = {place: self._engine.outputs[place] for place in places}
        if len(raw) != sum(map(size_bytes, details.values())):
            raise RunnerError(f"the browser returned {len(raw)} bytes of outputs, which do not fit")
        found, start = {}, 0
        for place, detail in details.items():
            end = start + size_bytes(detail)
            tensor = np.frombuffer(raw[start:end], detail["dtype"])
            found[place] = self._engine.decoded(detail, tensor.reshape(tuple(detail["shape"])))
            start = end
        return found


def _named(place: int, detail: Json, signature: Mapping[str, int]) -> Json:
    """The tensor's name in the file's signature, by which LiteRT.js goes, and its place."""
    names = [name for name, index in signature.items() if index == detail["index"]]
    return {"name": names[0] if names else str(detail["name"]), "index": place}


def size_bytes(detail: Json) -> int:
    """The size of a tensor of the file."""
    return int(np.prod(detail["shape"], dtype=np.int64)) * np.dtype(detail["dtype"]).itemsize


def content_name(content: bytes) -> str:
    """The name under which the page loads some bytes."""
    return hashlib.sha256(content).hexdigest()
