"""One model to several targets: converted together, proved, and only then written.

    zoo:   torch -> ONNX -> simplified ONNX -> each target
    file:           ONNX -> simplified ONNX -> each target

Every hop is compared with its own source before anything is written, and what is written replaces
what stood there all at once. A target that fails leaves what stood in its place as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import documents
from edgebench.content import Content, write_content
from edgebench.converters import targets
from edgebench.converters.artifact import Artifact, manifest_path
from edgebench.converters.export import request as requests
from edgebench.converters.export.process_pool import Failure, Pool
from edgebench.converters.export.request import ExportRequest
from edgebench.errors import AgreementError, EdgeBenchError, UsageError
from edgebench.progress import Progress, silent

if TYPE_CHECKING:
    from edgebench.converters.export.convert import Made
    from edgebench.converters.targets import Target

_LAST_STEP = "write"


@dataclass(frozen=True)
class Export:
    """The artifacts of one request, in the order of its targets.

    `made` are the keys of those that this export made; the others were up to date. `notes` are
    sentences that the user ought to read. `failed` has the targets that are not among them, each
    with its error, and `failure` is one error for all of them.
    """

    artifacts: tuple[Artifact, ...]
    made: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failure: EdgeBenchError | None = None
    failed: Mapping[Target, EdgeBenchError] = field(default_factory=dict)


def finished(request: ExportRequest) -> Export | None:
    """The export, if all of it is up to date. Imports no framework. Raises as `export` does."""
    requests.check(request)
    for target in request.targets:
        targets.require(target)
    found = [requests.up_to_date(request, target) for target in request.targets]
    artifacts = tuple(artifact for artifact in found if artifact is not None)
    return Export(artifacts) if len(artifacts) == len(found) else None


def export(request: ExportRequest, progress: Progress = silent, jobs: int = 1) -> Export:
    """As `export_some`, but a target that fails raises its error after the others are written."""
    done = export_some(request, progress, jobs)
    if done.failure is not None:
        raise done.failure
    return done


def export_some(request: ExportRequest, progress: Progress = silent, jobs: int = 1) -> Export:
    """As `export_each`, but where all targets fail their one error is raised."""
    done = export_each(request, progress, jobs)
    if done.failure is not None and not done.made:
        raise done.failure
    return done


def export_each(request: ExportRequest, progress: Progress = silent, jobs: int = 1) -> Export:
    """Make what is not up to date and write it; up to `jobs` formats at once, in processes.

    Raises `UsageError`, `MissingExtraError`, `InvalidFileError`, `DataError`,
    `UnsupportedModelError`, `ParityError`, `AgreementError` and `UnwritableError`. Where only some
    targets fail, the others are written, and `failure` of what is returned says why: an
    `EdgeBenchError`, or where all failed their gate an `AgreementError`.
    """
    done = finished(request)
    if done is not None:
        return done
    documents.require_writable(request.out)
    from edgebench.converters.export.convert import make

    found = {target: requests.up_to_date(request, target) for target in request.targets}
    todo = [target for target, artifact in found.items() if artifact is None]
    made = make(request, todo, jobs, progress)
    progress(_LAST_STEP, 0, 0)
    _write(made, request.out)
    failure = _failure(made, len(todo)) if made.failed else None
    there = found | {target: item.artifact for target, item in made.items.items()}
    return Export(
        artifacts=tuple(one for target in request.targets if (one := there[target])),
        made=tuple(item.artifact.key for item in made.items.values()),
        notes=made.notes,
        failure=failure,
        failed=made.failed,
    )


def _failure(made: Made, asked: int) -> EdgeBenchError:
    """One error for all targets that failed; a single cause speaks for itself."""
    causes: dict[str, list[str]] = {}
    for target, error in made.failed.items():
        causes.setdefault(error.message, []).append(str(target))
    errors = list(made.failed.values())
    if len(causes) == 1 and not made.items:
        return errors[0]
    reasons = "; ".join(f"{', '.join(names)}: {cause}" for cause, names in causes.items())
    written = "; the others are written" if made.items else ""
    return _kind(error.exit_code for error in errors)(
        f"{len(made.failed)} of {asked} targets were not made: {reasons}{written}",
        "; ".join(dict.fromkeys(error.remedy for error in errors if error.remedy)),
    )


def _kind(codes: Iterable[int]) -> type[EdgeBenchError]:
    """The error that stands for several: a failed gate where each of them is one."""
    gate = all(code == AgreementError.exit_code for code in codes)
    return AgreementError if gate else EdgeBenchError


def export_many(
    requests_: Sequence[ExportRequest], jobs: int, progress: Progress = silent
) -> tuple[Export, ...]:
    """As `export_all`, but the failure is raised after all that can be exported is."""
    exports, failure = export_all(requests_, jobs, progress)
    if failure is not None:
        raise failure
    return exports


def export_all(
    requests_: Sequence[ExportRequest], jobs: int, progress: Progress = silent
) -> tuple[tuple[Export, ...], EdgeBenchError | None]:
    """`export_some` each request, `jobs` at once in processes of their own; of one, its formats.

    Gives what was exported, and why the rest was not: the error itself if there was one request,
    otherwise an `EdgeBenchError` that names what failed and why. Raises `UsageError` where two
    requests would write one file.
    """
    _refuse_same_files(requests_)
    done = {i: export_ for i, r in enumerate(requests_) if (export_ := finished(r)) is not None}
    todo = [i for i in range(len(requests_)) if i not in done]
    for i in todo:
        documents.require_writable(requests_[i].out)
    failure = None
    if len(todo) == 1:
        (i,) = todo
        done[i] = export_some(requests_[i], progress, jobs)
        failure = done[i].failure
    elif todo:
        made, failure = _in_processes(todo, requests_, jobs, progress)
        done |= made
    return tuple(done[i] for i in sorted(done)), failure


def _refuse_same_files(requests_: Sequence[ExportRequest]) -> None:
    sources: dict[Path, str] = {}
    for request in requests_:
        for target in request.targets:
            path = request.path(target)
            first = sources.setdefault(path, request.source)
            if first != request.source:
                raise UsageError(
                    f"{first} and {request.source} would both be written to {path}",
                    "export them one after the other, each with an --out of its own",
                )


def _in_processes(
    todo: Sequence[int], requests_: Sequence[ExportRequest], jobs: int, progress: Progress
) -> tuple[dict[int, Export], EdgeBenchError | None]:
    names = [requests_[i].name for i in todo]
    ended: set[int] = set()

    def report(number: int, step: str, *_: int) -> None:
        if step == _LAST_STEP:
            ended.add(number)
        progress(f"{names[number]}: {step}", len(ended), len(todo))

    results = Pool(export_some, jobs).run([requests_[i] for i in todo], report)
    failed: dict[str, Failure | EdgeBenchError] = {}
    for name, result in zip(names, results, strict=True):
        found = result if isinstance(result, Failure) else result.failure
        if found is not None:
            failed[name] = found
    made = {i: one for i, one in zip(todo, results, strict=True) if not isinstance(one, Failure)}
    failure = None
    if failed:
        reasons = "; ".join(f"{name}: {one.message}" for name, one in failed.items())
        remedies = dict.fromkeys(f.remedy for f in failed.values() if f.remedy)
        failure = _kind(one.exit_code for one in failed.values())(
            f"{len(failed)} of {len(todo)} models were not exported: {reasons}",
            "; ".join(remedies),
        )
    return made, failure


def _write(made: Made, folder: Path) -> None:
    """Put all files and folders in place, or none. Raises `UnwritableError`.

    All of them are on disk under temporary names before the first takes its place; they take
    theirs before the manifests that describe them.
    """
    with ExitStack() as stack:
        contents: dict[Path, Content] = {}
        for item in made.items.values():
            path = manifest_path(item.artifact.path)
            text = documents.dump(item.artifact.manifest)
            stack.enter_context(documents.replacing(path)).write_text(text, encoding="utf-8")
            contents[item.artifact.path] = item.content
            contents |= {folder / name: content for name, content in item.beside.items()}
        if made.items:
            contents |= {folder / name: content for name, content in made.beside.items()}
        for path, content in contents.items():
            write_content(stack.enter_context(documents.replacing(path)), content)
