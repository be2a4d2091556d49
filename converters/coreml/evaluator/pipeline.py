"""A pipeline of programs that ends in Core ML's suppression, computed on this machine.

The suppression is Apple's specification of it (NonMaximumSuppression.proto), not its code: a row's
class is the most likely one; rows that are no likelier than the threshold go; then, from the best
row down, each suppresses the worse ones of its class that overlap it by more than the threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgebench.converters.coreml.evaluator import package, program
from edgebench.converters.coreml.evaluator.ports import Port
from edgebench.converters.coreml.evaluator.program import Feeds, Program
from edgebench.converters.coreml.evaluator.specification import specification_of
from edgebench.errors import UnsupportedModelError

Array = NDArray[Any]


@dataclass(frozen=True)
class Suppression:
    """The last model of a pipeline. Coordinates are centre, width and height of each row."""

    given: tuple[str, str]
    made: tuple[str, str]
    overlap: float
    least: float
    by_class: bool

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """The rows that stay, the best first: coordinates (rows, 4), confidence (rows, classes)."""
        places, likely = (np.asarray(values[name], np.float32) for name in self.given)
        best, kinds = likely.max(1), likely.argmax(1)
        order = np.argsort(-best, kind="stable")
        waiting = order[best[order] > np.float32(self.least)]
        kept: list[int] = []
        while len(waiting):
            first, waiting = waiting[0], waiting[1:]
            kept.append(int(first))
            alike = kinds[waiting] == kinds[first] if self.by_class else True
            waiting = waiting[~(alike & (_overlaps(places[first], places[waiting]) > self.overlap))]
        return dict(zip(self.made, (places[kept], likely[kept]), strict=True))


@dataclass(frozen=True)
class DetectorPipeline:
    """The programs, each of which takes what those before it made, and the suppression."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    programs: tuple[Program, ...]
    last: Suppression

    def run_all(self, samples: Iterable[Feeds]) -> Iterator[dict[str, Array]]:
        """The outputs of each sample in turn. Raises `DataError`, `UnsupportedModelError`."""
        for sample in samples:
            values = dict(sample)
            for one in self.programs:
                values |= one.run({port.name: values[port.name] for port in one.inputs})
            yield self.last.run(values)


def load(path: Path) -> DetectorPipeline | None:
    """Read a saved pipeline; None for a package that is none.

    Raises `InvalidFileError`, and `UnsupportedModelError` for models that are neither programs nor
    a suppression at the end.
    """
    models = parts(path)
    if models is None:
        return None
    programs = tuple(program.of(package.read_model(one, path)) for one in models[:-1])
    found = models[-1].nonMaximumSuppression
    names = (found.coordinatesOutputFeatureName, found.confidenceOutputFeatureName)
    return DetectorPipeline(
        programs[0].inputs,
        tuple(Port(name, (None, None), "float32") for name in names),
        programs,
        Suppression(
            (found.coordinatesInputFeatureName, found.confidenceInputFeatureName),
            names,
            found.iouThreshold,
            found.confidenceThreshold,
            found.pickTop.perClass,
        ),
    )


def parts(path: Path) -> list[Any] | None:
    """The specifications of a pipeline's models, in their order; None for a package that is none.

    Raises the same as `load`.
    """
    specification = specification_of(path)
    if specification.WhichOneof("Type") != "pipeline":
        return None
    models = list(specification.pipeline.models)
    kinds = [one.WhichOneof("Type") for one in models]
    if set(kinds[:-1]) != {"mlProgram"} or kinds[-1] != "nonMaximumSuppression":
        raise UnsupportedModelError(
            f"{path} is a pipeline of {', '.join(map(str, kinds))}",
            "only ML programs with a NonMaximumSuppression model at the end can be evaluated here",
        )
    return models


def _overlaps(one: Array, others: Array) -> Array:
    """The intersections of a box with others over their unions."""
    low = np.maximum(one[:2] - one[2:] / 2, others[:, :2] - others[:, 2:] / 2)
    high = np.minimum(one[:2] + one[2:] / 2, others[:, :2] + others[:, 2:] / 2)
    shared: Array = np.clip(high - low, 0, None).prod(1)
    union = one[2:].prod() + others[:, 2:].prod(1) - shared
    share: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return share
