"""The layers of a file, ranked by what their own errors do to the outputs.

A layer's own error is what the file makes of its inputs beside what the float model makes of the
same; so it holds nothing that came from before. Some layers' errors are large and vanish, and in
others a small one decides: so each error is put into the float model by itself, and what reaches
the outputs is compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import onnx

from edgebench import tasks
from edgebench.converters import targets
from edgebench.converters.analysis.attribution import WEIGHTED, NetworkPlace
from edgebench.converters.analysis.onnx_operations import places
from edgebench.converters.drift import causes
from edgebench.converters.drift.difference import floored
from edgebench.converters.drift.document import BlockDrift, LayerDrift
from edgebench.converters.drift.injection import Injected, Kinds, noise
from edgebench.converters.drift.numbers import LayerSums
from edgebench.converters.export.batches import Batch
from edgebench.converters.file_value import Value, Values
from edgebench.converters.layers import comparable
from edgebench.converters.onnx.cut import Layers, Ports, Watched, made
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.parity import aligned
from edgebench.converters.rounding import HALF, ROUNDINGS, Rounding, rounded
from edgebench.converters.targets import Target
from edgebench.progress import Progress
from edgebench.snr import decibels
from edgebench.tasks.task import Assignment

K = TypeVar("K")

EXPLAINED = 10
"""Of so many layers, those that cost most, the cause is looked for."""

_NEGLIGIBLE_DB = 90.0
"""An own error below this reaches no output: float32 itself is hardly better after a few layers."""


@dataclass(frozen=True)
class Ranked:
    """All layers, those that cost most first; the blocks likewise; and on how many images."""

    layers: tuple[LayerDrift, ...] = ()
    blocks: tuple[BlockDrift, ...] = ()
    images: int = 0


def of_file(
    batch: Batch,
    target: Target,
    samples: Sequence[Sample],
    task: Assignment | None,
    progress: Progress,
) -> Ranked:
    """Rank the layers of a target's file on the samples: a few, for each holds thousands of numbers
    of a layer.

    `task` says what the outputs hold.
    """
    backend, graph = targets.backend(target.format), batch.form.graph
    values = backend.values(graph, batch.contents[target], samples)
    half = ROUNDINGS[target.base].weights == HALF
    return rank(graph.model, samples, values, half, task, progress)


def rank(
    model: onnx.ModelProto,
    samples: Sequence[Sample],
    file_values: Iterable[Values],
    half: bool,
    task: Assignment | None,
    progress: Progress,
) -> Ranked:
    """Compare a file's values, for each of the samples, with the graph that it was made of.

    `half` says that its weights are float16, and `task` how outputs are read.
    A value that the file has not, or in another shape, is part of the layer that reads it.
    """
    found = iter(file_values)
    watched = Watched(model)
    outputs = [one.name for one in model.graph.output]
    study: _Study | None = None
    for number, sample in enumerate(samples):
        progress("layers", number, len(samples))
        there = next(found)
        if study is None:
            study = _Study(model, comparable(model, sample, there), task)
        wanted = watched.values(list(dict.fromkeys((*study.names, *outputs))), sample)
        study.add(sample, there, wanted, [wanted[name] for name in outputs])
        del there, wanted
    progress("layers", len(samples), len(samples))
    return study.ranked(half) if study else Ranked()


class _Study:
    """Adds up one file's layers over the samples."""

    def __init__(self, model: onnx.ModelProto, ports: Ports, task: Assignment | None) -> None:
        self._model = model
        self._outputs = [one.name for one in model.graph.output]
        self._task, self._kinds = task, _kinds(self._outputs, task)
        self._ports = ports
        self.names = [name for name in made(model) if name in ports]
        self._alone = Layers(model, ports, self.names)
        self._injected = Injected(
            model, [name for name in self.names if ports[name][0] == np.float32]
        )
        self._sums = {name: LayerSums() for name in self.names}
        self._places = places(model.graph)
        self._reached = dict.fromkeys(self.names, 0.0)
        self._blocks: dict[NetworkPlace, list[str]] = {}
        for name in self.names:
            place = self._places.get(name)
            if place is not None and place.block is not None:
                self._blocks.setdefault(place, []).append(name)
        self._by_block = dict.fromkeys(self._blocks, 0.0)
        self._samples = 0

    def add(
        self,
        sample: Sample,
        there: Values,
        wanted: Mapping[str, Array],
        outputs: Sequence[Array],
    ) -> None:
        def as_graph(name: str) -> Value:
            one, (dtype, _) = there[name], self._ports[name]
            return Value(np.asarray(one.array, dtype), one.step, one.low, one.high)

        expected = self._alone.run(sample, lambda name: as_graph(name).array)
        errors: dict[str, Array] = {}
        for name, sums in self._sums.items():
            error = sums.add(as_graph(name), expected[name], wanted[name])
            if error.dtype == np.float32 and not _negligible(error, expected[name]):
                errors[name] = error
        if not self._samples:
            self._try_weights(sample, lambda name: as_graph(name).array, expected)
        for name, error in errors.items():
            self._reached[name] += self._noise(sample, outputs, {name: error})
        for place, names in self._blocks.items():
            together = {name: errors[name] for name in names if name in errors}
            if together:
                self._by_block[place] += self._noise(sample, outputs, together)
        self._samples += 1

    def _noise(
        self, sample: Sample, outputs: Sequence[Array], errors: Mapping[str, Array]
    ) -> float:
        """What these errors of values do to the outputs."""
        found = self._injected.run(sample, errors)
        beside = aligned(self._task, self._outputs, outputs, found)
        return noise(outputs, beside, self._kinds)

    def _try_weights(
        self, sample: Sample, outside: Callable[[str], Array], expected: Mapping[str, Array]
    ) -> None:
        """What int8 weights would do to each layer, with scales by channel and with one for all."""
        tried = []
        for by_channel in (True, False):
            coarse = rounded(self._model, Rounding(8, per_channel=by_channel))
            found = Layers(coarse, self._ports, self.names).run(sample, outside)
            tried.append({name: _apart(expected[name], one) for name, one in found.items()})
        for name, sums in self._sums.items():
            sums.first_rest = sums.rest
            sums.weights_by_channel, sums.weights_by_tensor = (one[name] for one in tried)

    def ranked(self, half: bool) -> Ranked:
        nodes = {name: node for node in self._model.graph.node for name in node.output}
        shares = _shares(self._reached)
        layers = [
            LayerDrift(
                position=position,
                value=name,
                node=_weighted(group, nodes[name]).name or name,
                op_type=_weighted(group, nodes[name]).op_type,
                nodes=tuple(one.name or one.output[0] for one in group),
                block=place.block,
                attention=place.attention,
                own_db=_db(self._sums[name].own.decibels),
                total_db=_db(self._sums[name].total.decibels),
                max_abs_error=_finite(self._sums[name].own.largest_error),
                output_db=_db(decibels(1.0, self._reached[name] / self._samples)),
                share=shares[name],
            )
            for position, name in enumerate(self.names)
            for place in (self._places.get(name, NetworkPlace()),)
            for group in (self._group(name, nodes),)
        ]
        layers.sort(key=lambda one: (-one.share, one.position))
        explained = [self._explained(one, nodes, half) for one in layers[:EXPLAINED]]
        every = (*explained, *layers[EXPLAINED:])
        return Ranked(every, self._ranked_blocks(), self._samples)

    def _explained(
        self, one: LayerDrift, nodes: Mapping[str, onnx.NodeProto], half: bool
    ) -> LayerDrift:
        sums = self._sums[one.value]
        if one.share <= 0:
            return replace(one, numbers=sums.numbers())
        group = self._group(one.value, nodes)
        found = causes.cause(self._model, one.value, group, self._sums, half)
        return replace(one, cause=found, numbers=sums.numbers())

    def _group(self, name: str, nodes: Mapping[str, onnx.NodeProto]) -> list[onnx.NodeProto]:
        """The nodes between what the file holds before, and this value; in the graph's order."""
        group: dict[str, onnx.NodeProto] = {}
        todo = [name]
        while todo:
            value = todo.pop()
            node = nodes.get(value)
            if node is None or (value != name and value in self._ports):
                continue
            if node.output[0] not in group:
                group[node.output[0]] = node
                todo += node.input
        return [node for node in self._model.graph.node if node.output[0] in group]

    def _ranked_blocks(self) -> tuple[BlockDrift, ...]:
        shares = _shares(self._by_block)
        blocks = [
            BlockDrift(
                block=place.block or 0,
                attention=place.attention,
                layers=len(names),
                output_db=_db(decibels(1.0, self._by_block[place] / self._samples)),
                share=shares[place],
            )
            for place, names in self._blocks.items()
        ]
        return tuple(sorted(blocks, key=lambda one: -one.share))


def _kinds(outputs: Sequence[str], task: Assignment | None) -> Kinds:
    known = tasks.get(task.task).kinds(task) if task else {}
    return [known.get(name, ()) for name in outputs]


def _weighted(group: Sequence[onnx.NodeProto], last: onnx.NodeProto) -> onnx.NodeProto:
    """The node that a layer is called by: the one with weights, else the last."""
    return next((n for n in group if n.op_type in WEIGHTED), last)


def _apart(expected: Array, found: Array) -> float:
    keep = np.isfinite(expected) & np.isfinite(found)
    return float(np.square(found[keep].astype(np.float64) - expected[keep]).sum())


def _negligible(error: Array, expected: Array) -> bool:
    finite = expected[np.isfinite(expected)].astype(np.float64)
    wide = np.asarray(error, np.float64)
    return decibels(float(np.vdot(finite, finite)), float(np.square(wide).sum())) > _NEGLIGIBLE_DB


def _shares(reached: Mapping[K, float]) -> dict[K, float]:
    """Each part of the sum; where some are infinite, they have all of it."""
    if any(map(math.isinf, reached.values())):
        reached = {key: float(math.isinf(one)) for key, one in reached.items()}
    total = sum(reached.values())
    return {key: one / total if total else 0.0 for key, one in reached.items()}


def _db(decibels_: float) -> float | None:
    return None if decibels_ == math.inf else floored(decibels_)


def _finite(error: float) -> float | None:
    return error if math.isfinite(error) else None
