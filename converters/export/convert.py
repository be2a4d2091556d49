"""One model converted to its targets, each proved. Nothing is written here.

Each format is a process of its own where several may run at once. All of them start before the
source is opened, and import their frameworks while torch exports:

    this process:     open the source -> prove the graph        -> wait
    coreml's process: import coremltools        -> wait for it  -> convert, prove -> send the items
    tflite's process: import TensorFlow         -> wait for it  -> convert, prove -> send the items
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgebench.converters.export import request as requests
from edgebench.converters.export.formats import FormatMade, FormatTask, make_format, preload
from edgebench.converters.export.item import Item
from edgebench.converters.export.process_pool import Failure, Pool
from edgebench.converters.export.proven import Proven, prove_source
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.targets import FORMATS, Target
from edgebench.errors import EdgeBenchError
from edgebench.progress import Progress


@dataclass(frozen=True)
class Made:
    """What is to be written, by target; the files that all share, by name; and what failed."""

    items: Mapping[Target, Item]
    beside: Mapping[str, bytes]
    failed: Mapping[Target, EdgeBenchError]
    notes: tuple[str, ...]


def make(request: ExportRequest, todo: Sequence[Target], jobs: int, progress: Progress) -> Made:
    """Convert and prove, `jobs` formats at once. Raises an `EdgeBenchError` where none began."""
    # Taken before the work, for the files may change while it lasts.
    fingerprints = {target: requests.fingerprint(request, target) for target in todo}
    effort: dict[str, float] = dict.fromkeys((target.format for target in todo), 0.0)
    for target in todo:
        effort[target.format] += FORMATS[target.format].effort
    formats = sorted(effort, key=effort.__getitem__, reverse=True)  # What takes longest begins.

    def tasks(proven: Proven) -> list[FormatTask]:
        return [
            FormatTask(request, {t: f for t, f in fingerprints.items() if t.format == name}, proven)
            for name in formats
        ]

    apart = any(FORMATS[name].own_packages for name in formats)
    if jobs > 1 and apart and request.module is None:  # A module need not be picklable.
        with Pool(make_format, jobs) as pool:
            pool.prepare(preload, formats)
            proven = prove_source(request, progress)
            answers = _in_processes(pool, tasks(proven), progress)
    else:
        proven = prove_source(request, progress)
        answers = [make_format(task, progress) for task in tasks(proven)]
    made = {target: item for answer in answers for target, item in answer.items.items()}
    failed = {target: error for answer in answers for target, error in answer.failed.items()}
    return Made(
        items={target: made[target] for target in todo if target in made},
        beside=proven.evaluation.contents if proven.evaluation else {},
        failed={target: failed[target] for target in todo if target in failed},
        notes=(
            *proven.source.graph.notes,
            *proven.source.notes,
            *proven.data.notes,
            *(proven.evaluation.notes if proven.evaluation else ()),
            *(note for answer in answers for note in answer.notes),
        ),
    )


def _in_processes(
    pool: Pool[FormatTask, FormatMade], tasks: Sequence[FormatTask], progress: Progress
) -> list[FormatMade]:
    answers: list[FormatMade] = []
    results = pool.run([_portable(task) for task in tasks], lambda _, *step: progress(*step))
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, Failure):
            error = EdgeBenchError(result.message, result.remedy)
            result = FormatMade({}, dict.fromkeys(task.fingerprints, error), ())
        answers.append(result)
    return answers


def _portable(task: FormatTask) -> FormatTask:
    """Without what cannot leave this process, and what the format has no use for."""
    proven = task.proven
    evaluation = proven.evaluation
    if evaluation is not None and FORMATS[task.format].measured_here:
        evaluation = replace(evaluation, contents={})
    source = replace(proven.source, torch=None)
    return replace(task, proven=replace(proven, source=source, evaluation=evaluation))
