"""One model converted to its targets, each proved. Nothing is written here.

A target that fails does not take the others with it; a format that is wrong in float32 takes all of
its precisions with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgebench.converters import targets
from edgebench.converters.artifact import Hop
from edgebench.converters.backend import Instructions
from edgebench.converters.export import proof
from edgebench.converters.export import request as requests
from edgebench.converters.export.batches import Batch, convert
from edgebench.converters.export.item import Item, prove_item
from edgebench.converters.export.proven import Proven, prove_source
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.passes.pipelines import PLAIN, Pipeline, pipeline_of
from edgebench.converters.targets import Target
from edgebench.errors import EdgeBenchError
from edgebench.progress import Progress


@dataclass(frozen=True)
class Made:
    """What is to be written, by target; the files that all share, by name; and what failed."""

    items: Mapping[Target, Item]
    beside: Mapping[str, bytes]
    failed: Mapping[Target, EdgeBenchError]
    notes: tuple[str, ...]


def make(request: ExportRequest, todo: Sequence[Target], progress: Progress) -> Made:
    """Convert and prove. Raises an `EdgeBenchError` where no target could be reached."""
    # Taken before the work, for the files may change while it lasts.
    fingerprints = {target: requests.fingerprint(request, target) for target in todo}
    proven = prove_source(request, progress)
    source = proven.source
    notes: list[str] = []
    instructions = Instructions(
        source.preprocessing, source.labels, request.ios, request.image_input, notes.append
    )
    pipelines = {target: _pipeline(request, target) for target in todo}
    batches, failed = convert(source.graph, pipelines, proven.data, instructions, progress)
    hops, withheld = _prove_formats(batches, proven, progress)
    items: dict[Target, Item] = {}
    for batch, hop in zip(batches, hops, strict=True):
        for target, content in batch.contents.items():
            progress(f"prove {target}", len(items) + len(failed), len(todo))
            if hop is None or batch.format in withheld:
                failed[target] = withheld[batch.format]
                continue
            try:
                items[target] = prove_item(
                    request,
                    target,
                    batch.form,
                    content,
                    replace(proven, hops=(*proven.hops, hop)),
                    fingerprints[target],
                    instructions,
                    progress,
                )
            except EdgeBenchError as error:
                failed[target] = error
    return Made(
        items={target: items[target] for target in todo if target in items},
        beside=proven.evaluation.contents if proven.evaluation else {},
        failed=failed,
        notes=(
            *source.graph.notes,
            *source.notes,
            *proven.data.notes,
            *(proven.evaluation.notes if proven.evaluation else ()),
            *notes,
        ),
    )


def _prove_formats(
    batches: Sequence[Batch], proven: Proven, progress: Progress
) -> tuple[list[Hop | None], dict[str, EdgeBenchError]]:
    """The proof in float32 of each batch, and why formats are withheld, all of their precisions."""
    hops: list[Hop | None] = []
    withheld: dict[str, EdgeBenchError] = {}
    for number, batch in enumerate(batches):
        progress(f"prove {batch.format}", number, len(batches))
        try:
            hop = proof.in_float32(
                proven.source.graph,
                batch.pipeline,
                batch.form,
                batch.format,
                targets.backend(batch.format),
                batch.float32,
                proven.expected,
                proven.trial,
            )
            hops.append(hop)
        except EdgeBenchError as error:
            withheld.setdefault(batch.format, error)
            hops.append(None)
    return hops, withheld


def _pipeline(request: ExportRequest, target: Target) -> Pipeline:
    """The passes that bring a graph into the target's form, as far as the request wants them."""
    return PLAIN if request.plain else pipeline_of(target).without(request.without_passes)
