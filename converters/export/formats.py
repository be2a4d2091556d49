"""The targets of one format: converted together, proved in float32, and each then proved.

A target that fails does not take the others with it; a format that is wrong in float32 takes all of
its precisions with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgebench.converters import targets
from edgebench.converters.artifact import Hop
from edgebench.converters.backend import Instructions
from edgebench.converters.export import proof
from edgebench.converters.export.batches import Batch, convert
from edgebench.converters.export.item import Item, prove_item
from edgebench.converters.export.proven import Proven
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.passes.pipelines import PLAIN, Pipeline, pipeline_of
from edgebench.converters.targets import Target
from edgebench.errors import EdgeBenchError, as_known
from edgebench.progress import Progress


@dataclass(frozen=True)
class FormatTask:
    """What one format is to be made of: the targets with their fingerprints, and the source."""

    request: ExportRequest
    fingerprints: Mapping[Target, str]
    proven: Proven

    @property
    def format(self) -> str:
        return next(iter(self.fingerprints)).format


@dataclass(frozen=True)
class FormatMade:
    """What is to be written, by target; what failed; and sentences that the user ought to read."""

    items: Mapping[Target, Item]
    failed: Mapping[Target, EdgeBenchError]
    notes: tuple[str, ...]


def preload(format_name: str) -> None:
    """Import what a format's conversion will need. Where that fails, the conversion says so."""
    with contextlib.suppress(Exception):
        targets.backend(format_name)


def make_format(task: FormatTask, progress: Progress) -> FormatMade:
    """Convert and prove. What a target raises is in the answer."""
    request, proven = task.request, task.proven
    source = proven.source
    notes: list[str] = []
    instructions = Instructions(
        source.preprocessing,
        source.labels,
        request.ios,
        request.image_input,
        notes.append,
        source.detector,
    )
    pipelines = {target: pipeline_for(request, target) for target in task.fingerprints}
    batches, failed = convert(
        source.graph,
        pipelines,
        proven.data,
        instructions,
        request.ranges,
        proven.trial.task,
        progress,
    )
    items: dict[Target, Item] = {}
    try:
        hops = _proved_in_float32(batches, proven, progress)
    except EdgeBenchError as error:
        failed |= {target: error for batch in batches for target in batch.contents}
        return FormatMade(items, failed, tuple(notes))
    for batch, hop in zip(batches, hops, strict=True):
        for target, content in batch.contents.items():
            progress(f"prove {target}", len(items) + len(failed), len(pipelines))
            try:
                items[target] = prove_item(
                    request,
                    target,
                    batch.form,
                    content,
                    batch.ranges[target],
                    replace(proven, hops=(*proven.hops, hop)),
                    task.fingerprints[target],
                    instructions,
                    progress,
                )
            except Exception as error:  # It must not take the other precisions with it.
                failed[target] = as_known(error)
    return FormatMade(items, failed, tuple(notes))


def _proved_in_float32(batches: Sequence[Batch], proven: Proven, progress: Progress) -> list[Hop]:
    """The proof in float32 of each batch. Raises `ParityError`: it stands for all precisions."""
    hops: list[Hop] = []
    for number, batch in enumerate(batches):
        progress(f"prove {batch.format}", number, len(batches))
        hops.append(
            proof.in_float32(
                proven.source.graph,
                batch.pipeline,
                batch.form,
                batch.format,
                targets.backend(batch.format),
                batch.float32,
                proven.expected,
                proven.trial,
            )
        )
    return hops


def pipeline_for(request: ExportRequest, target: Target) -> Pipeline:
    """The passes that bring a graph into the target's form, as far as the request wants them."""
    return PLAIN if request.plain else pipeline_of(target).without(request.without_passes)
