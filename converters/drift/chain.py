"""The chain: every hop computes each image, and is compared with the hop before and the source.

Hops run in step, image by image, so that only one image's outputs are in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgebench.converters.drift.difference import HopAnswers, Meaning, OutputComparison
from edgebench.converters.drift.document import DriftHop, Stage
from edgebench.converters.onnx.reference import Array
from edgebench.errors import as_known
from edgebench.progress import Progress
from edgebench.tasks.task import Outputs


@dataclass(frozen=True)
class ChainLink:
    """A hop to be: its outputs for each image, in the sequence of the model's outputs."""

    stage: Stage
    name: str
    outputs: Iterable[Sequence[Array]]


@dataclass(frozen=True)
class Followed:
    """The hops of a chain, and by their names what the task keeps of their outputs, by role."""

    hops: tuple[DriftHop, ...]
    kept: Mapping[str, Outputs]


@dataclass
class _Running:
    """A hop while the images pass."""

    link: ChainLink
    outputs: Iterator[Sequence[Array]]
    answers: HopAnswers
    before: OutputComparison | None
    source: OutputComparison | None
    kept: list[Outputs] = field(default_factory=list)
    failure: str | None = None


def follow(links: Sequence[ChainLink], read: Meaning, images: int, progress: Progress) -> Followed:
    """Compare the links; the first is the source. One that fails ends the chain for those after."""
    first = links[0].name
    running = [
        _Running(
            link,
            iter(link.outputs),
            HopAnswers(read),
            OutputComparison(links[number - 1].name, read) if number else None,
            OutputComparison(first, read) if number else None,
        )
        for number, link in enumerate(links)
    ]
    for image in range(images):
        progress(f"compare {links[-1].name}", image, images)
        _pass(running, read)
    progress(f"compare {links[-1].name}", images, images)
    hops = [_hop(one, running, number, read) for number, one in enumerate(running)]
    kept = {one.link.name: _joined(one.kept) for one in running if one.failure is None}
    return Followed(tuple(hops), kept)


def device_hop(
    name: str,
    found: Outputs,
    before: tuple[str, Outputs],
    source: tuple[str, Outputs],
    read: Meaning,
) -> DriftHop:
    """The hop to a device, from what the task keeps of its outputs; `before` is of this machine.

    A device may have run fewer images, the first ones.
    """
    images = min(map(len, found.values()), default=0)
    answers = {key: HopAnswers(read) for key in ("found", "before", "source")}
    references = {"before": before, "source": source}
    sums = {key: OutputComparison(reference, read) for key, (reference, _) in references.items()}
    for image in range(images):
        one = {role: array[image : image + 1] for role, array in found.items()}
        answers["found"].add(one)
        for key, (_, kept) in references.items():
            other = {role: array[image : image + 1] for role, array in kept.items()}
            answers[key].add(other)
            sums[key].add(_named(other, read), _named(one, read), other, one)
    counted = sums["source"].difference(answers["source"], answers["found"])
    first = {role: array[:images] for role, array in source[1].items()}
    return DriftHop(
        "device",
        name,
        images,
        sums["before"].difference(answers["before"], answers["found"]),
        read.expecting(counted, first, found) if images else counted,
    )


def _named(kept: Outputs, read: Meaning) -> dict[str, Array]:
    """What is kept whole of the outputs, by their names."""
    roles = read.task.outputs if read.task else ()
    return {one.output: kept[one.role] for one in roles if one.reduction.numeric}


def _pass(running: Sequence[_Running], read: Meaning) -> None:
    """One image through all hops that still run."""
    made: list[tuple[dict[str, Array], Outputs]] = []
    for one in running:
        if one.failure is not None:
            return
        try:
            outputs = next(one.outputs)
            named = dict(zip(read.names, outputs, strict=True))
            if made and not _finite(made[0][0], named):
                one.failure = "it gives NaN or infinite values where the source does not"
                return
            kept = read.kept(outputs)
            one.answers.add(kept)
        except Exception as error:  # What follows cannot be compared; what came before can.
            if not made:
                raise
            one.failure = as_known(error).message
            return
        made.append((named, kept))
        one.kept.append(kept)
        for comparison, reference in ((one.before, made[-2:-1]), (one.source, made[:1])):
            if comparison is not None:
                ((wanted, wanted_kept),) = reference
                comparison.add(wanted, named, wanted_kept, kept)


def _hop(one: _Running, running: Sequence[_Running], number: int, read: Meaning) -> DriftHop:
    link, source = one.link, running[0]
    broken = next((other for other in running[: number + 1] if other.failure is not None), None)
    if broken is not None:
        reason = broken.failure if broken is one else f"{broken.link.name} could not be compared"
        return DriftHop(link.stage, link.name, one.answers.images, failure=reason)
    images = one.answers.images
    if one.before is None or one.source is None:
        return DriftHop(link.stage, link.name, images)
    counted = one.source.difference(source.answers, one.answers)
    return DriftHop(
        link.stage,
        link.name,
        images,
        one.before.difference(running[number - 1].answers, one.answers),
        read.expecting(counted, _joined(source.kept), _joined(one.kept)),
    )


def _finite(source: Mapping[str, Array], found: Mapping[str, Array]) -> bool:
    """Whether all numbers are finite that are so in the source."""
    return all(
        np.isfinite(array[np.isfinite(source[name])]).all()
        for name, array in found.items()
        if array.dtype.kind == "f" and array.shape == source[name].shape
    )


def _joined(parts: Sequence[Outputs]) -> dict[str, Array]:
    return {role: np.concatenate([one[role] for one in parts]) for role in (parts or [{}])[0]}
