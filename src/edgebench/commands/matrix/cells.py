"""One cell of the matrix: a model in a target, exported, proved and written down."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from edgebench import documents
from edgebench.commands.matrix.npus import left_over
from edgebench.converters.artifact import Artifact
from edgebench.converters.export.export import export_each
from edgebench.converters.export.process_pool import Failure, Pool
from edgebench.converters.export.request import ExportRequest, fingerprint
from edgebench.converters.targets import Target
from edgebench.errors import EdgeBenchError, InvalidFileError, UnsupportedModelError
from edgebench.progress import Progress

# What XNNPACK has to take whole. A float16 file holds a DEQUANTIZE for each of its weights.
WHOLE = ("fp32", "dynamic", "int8")
# What NPUs compute in.
NPU = ("fp32", "int8")
ENDED = "proved"
PASSED, FAILED, REFUSED = "passed", "failed", "refused"


@dataclass(frozen=True)
class MatrixCell:
    """One model in one target. `reason` is empty where it passed.

    `transposes`, `partitions` and `outside` (operators that XNNPACK leaves out, with their number)
    are known of TFLite files, and so is what phones' NPUs leave, by NPU (`npu_left`); `snr_db` and
    `agreement` are those of the last hop.
    """

    target: str
    status: str
    reason: str = ""
    fingerprint: str = ""
    transposes: int | None = None
    partitions: int | None = None
    outside: dict[str, int] = field(default_factory=dict)
    npu_left: dict[str, dict[str, int]] = field(default_factory=dict)
    snr_db: float | None = None
    agreement: float | None = None


@dataclass(frozen=True)
class ModelCells:
    """All cells of one model."""

    SCHEMA: ClassVar[str] = "edgebench.matrix/1"

    model: str
    cells: list[MatrixCell]


@dataclass(frozen=True)
class CellTask:
    """A model's cells that are to be proved, and the file that they are written to."""

    request: ExportRequest
    record: Path
    keep: bool


def prove(task: CellTask, progress: Progress) -> ModelCells:
    """Export one model to its targets, and write down how each went. Runs in a worker."""
    request = task.request
    hashes = {target: fingerprint(request, target) for target in request.targets}
    try:
        done = export_each(request, progress)
        cells = {
            f"{one.manifest.format}:{one.manifest.precision}": _cell(one) for one in done.artifacts
        }
        cells |= {str(target): _failed(target, error) for target, error in done.failed.items()}
    except EdgeBenchError as error:
        cells = {str(target): _failed(target, error) for target in request.targets}
    record = _write(
        task, [replace(cells[str(t)], fingerprint=sha256) for t, sha256 in hashes.items()]
    )
    if not task.keep:
        shutil.rmtree(request.out, ignore_errors=True)
    progress(ENDED, 0, 0)
    return record


def _write(task: CellTask, cells: Sequence[MatrixCell]) -> ModelCells:
    """Put cells among those that are known. Raises `UnwritableError`."""
    known = {cell.target: cell for cell in recorded(task.record)}
    known |= {cell.target: cell for cell in cells}
    record = ModelCells(task.request.name, list(known.values()))
    documents.save(task.record, record)
    return record


def _cell(artifact: Artifact) -> MatrixCell:
    hop = artifact.manifest.hops[-1]
    target = f"{artifact.manifest.format}:{artifact.manifest.precision}"
    agreement = None if hop.agreement is None else hop.agreement.value
    if artifact.manifest.format != "tflite":
        return MatrixCell(target, PASSED, snr_db=hop.snr_db, agreement=agreement)
    from edgebench.converters.tflite import inspect

    found = inspect.summary(artifact.path)
    reasons = [f"{found.transposes} TRANSPOSE"] if found.transposes else []
    if artifact.manifest.precision in WHOLE and (found.partitions != 1 or found.outside):
        left = ", ".join(f"{count} {op}" for op, count in found.outside.items())
        reasons.append(f"{found.partitions} partitions; outside of them: {left or 'nothing'}")
    return MatrixCell(
        target,
        FAILED if reasons else PASSED,
        "; ".join(reasons),
        transposes=found.transposes,
        partitions=found.partitions,
        outside=dict(found.outside),
        npu_left=left_over(artifact.path) if artifact.manifest.precision in NPU else {},
        snr_db=hop.snr_db,
        agreement=agreement,
    )


def _failed(target: Target, error: EdgeBenchError) -> MatrixCell:
    status = REFUSED if isinstance(error, UnsupportedModelError) else FAILED
    return MatrixCell(str(target), status, error.message)


def recorded(path: Path) -> list[MatrixCell]:
    """The cells that a record holds; none where there is none that can be read."""
    if not path.exists():
        return []
    try:
        return documents.load(path, ModelCells).cells
    except InvalidFileError:
        return []


def left(request: ExportRequest, record: Path, only_failed: bool) -> tuple[Target, ...]:
    """The targets of a request whose cells have to be proved again.

    `only_failed` leaves what passed, whatever has changed since.
    """
    known = {cell.target: cell for cell in recorded(record)}

    def stands(target: Target) -> bool:
        cell = known.get(str(target))
        if cell is None or (only_failed and cell.status != PASSED):
            return False
        return only_failed or cell.fingerprint == fingerprint(request, target)

    return tuple(target for target in request.targets if not stands(target))


def prove_all(tasks: Sequence[CellTask], jobs: int, progress: Progress) -> None:
    """Prove and write down each model's cells, `jobs` models at once."""
    ended: set[int] = set()

    def report(number: int, step: str, *_: int) -> None:
        if step == ENDED:
            ended.add(number)
        progress(f"{tasks[number].request.name}: {step}", len(ended), len(tasks))

    results = Pool(prove, jobs).run(tasks, report)
    for task, result in zip(tasks, results, strict=True):
        if isinstance(result, Failure):  # The process died; what it was at is not known.
            _write(task, [MatrixCell(str(t), FAILED, result.message) for t in task.request.targets])
