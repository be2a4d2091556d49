"""What the engines share: inputs that are filled before anything is timed, and outputs found."""

from __future__ import annotations

from typing import Any

from ..messages import Json


class Feeding:
    """Fills an engine's inputs: `inputs` says their shapes, `feed` sets one from real values."""

    np: Any
    inputs: Any
    on_the_cpu = True
    """Whether the CPU alone runs the model: then its time is the process's own CPU time."""

    def feed(self, detail: Json, values: Any) -> None:
        raise NotImplementedError

    def fill(self, given: Any) -> None:
        """Set inputs to the values that are given for their places, and others to seeded noise.

        The noise is in -1..1.
        """
        noise = self.np.random.RandomState(0)
        for number, detail in enumerate(self.inputs):
            values = noise.uniform(-1, 1, tuple(detail["shape"]))
            self.feed(detail, given.get(number, values))

    def place(self, kept: Json) -> int:
        """The place among the file's outputs of one that the plan keeps."""
        return int(kept["index"])


class Buffers(Feeding):
    """Inputs in arrays of the engine's own, which the runtime reads where they lie."""

    def __init__(self) -> None:
        import numpy

        self.np = numpy
        self.inputs: list[Json] = []

    def add_input(self, shape: Any, dtype: Any) -> Any:
        """A new input, as the array to give the runtime."""
        array = self.np.zeros(tuple(shape), dtype)
        self.inputs.append({"shape": array.shape, "array": array})
        return array

    def feed(self, detail: Json, values: Any) -> None:
        self.np.copyto(detail["array"], values, casting="unsafe")

    def delegation(self) -> Json:
        """Nothing: only TFLite hands parts of a graph to a delegate."""
        return {"partitions": None, "leftover_ops": None, "layer_types": None}


def real(values: Any) -> Any:
    """An output's own values: floats in float32, integers as they are."""
    return values.astype("float32") if values.dtype.kind == "f" else values
