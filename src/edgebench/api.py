"""edgebench from Python. The command line does the same, with the same dataclasses.

    import edgebench

    artifacts = edgebench.export(model, to=["tflite:int8"], data="imagefolder:val/")
    run = edgebench.run(artifacts, baseline=other, device="pixel7", detect="3%")
    run.comparison.rows[0].overhead

Everything raises `edgebench.errors.EdgeBenchError` with a message and a remedy.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from edgebench import arguments
from edgebench.errors import UsageError
from edgebench.progress import Progress, silent

if TYPE_CHECKING:
    from torch import nn

    from edgebench.benchmarks.results.comparison import Comparison
    from edgebench.benchmarks.results.regression import Change
    from edgebench.converters.artifact import Artifact
    from edgebench.deploy.device.entry import DeviceEntry
    from edgebench.deploy.documents.plan import Delegate
    from edgebench.models.data.pictures import Resize

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A run folder and what the run in it says. A notebook shows its tables."""

    folder: Path
    comparison: Comparison

    def _repr_html_(self) -> str:
        from edgebench.benchmarks.report import notebook

        return notebook.render(self.comparison)


def export(
    model: str | Path | nn.Module,
    to: Sequence[str] = ("tflite:fp32",),
    *,
    out: str | Path = "artifacts",
    name: str | None = None,
    input_shape: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    weights: str | Path | None = None,
    data: str | None = None,
    calibration: str | Path | None = None,
    evaluation: str | None = None,
    task: str | None = None,
    outputs: Mapping[str, str] | None = None,
    resize: Resize | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    labels: str | Path | None = None,
    require_agreement: float | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> tuple[Artifact, ...]:
    """Export one model to targets such as `tflite:int8`, each proved before it is written.

    `model` is a name of the zoo, an ONNX file, `package.module:factory`, or a torch module, which
    is called `name` (otherwise like its class). `input_shape` is needed for modules and fixes
    dynamic shapes of ONNX files: one shape, or shapes by input name. `data` gives labelled images,
    such as `imagefolder:val/`, that calibrate and evaluate; `calibration` images that calibrate
    only, and `evaluation` labelled ones that evaluate only. `task` says what the outputs mean, and
    `outputs` their roles and layout by name (docs/tasks.md). `resize` is how images are brought to
    the input's size. `mean` and `std` are per channel, for pixels in 0..1. A file that
    agrees with the model in a smaller share than `require_agreement`, as the task counts, is not
    written. What is up
    to date is not made again unless `force` says so. Raises as
    `edgebench.converters.export.export.export` does.
    """
    from edgebench.converters.export.export import export as exported
    from edgebench.converters.export.request import ExportRequest
    from edgebench.converters.targets import expand

    targets, _ = expand(to)
    module = None if isinstance(model, str | Path) else model
    source = str(model) if module is None else name or type(module).__name__
    if isinstance(model, Path) and "/" not in source:
        source = f"./{source}"
    request = ExportRequest(
        source=source,
        targets=targets,
        out=Path(out),
        weights=_path(weights),
        calibration=None if calibration is None else str(calibration),
        data=data,
        evaluation=evaluation,
        task=task,
        outputs=dict(outputs or {}),
        resize=resize,
        input_shapes=_shapes(input_shape),
        mean=None if mean is None else tuple(mean),
        std=None if std is None else tuple(std),
        labels=_path(labels),
        require_agreement=require_agreement,
        command="edgebench.export",
        force=force,
        module=module,
    )
    return exported(request, progress).artifacts


def run(
    artifacts: Sequence[Artifact],
    baseline: Sequence[Artifact] | str,
    *,
    device: str = "local",
    budget: float | str | None = None,
    detect: float | str | None = None,
    threshold: float | str = 0.05,
    threads: int = 1,
    cores: tuple[int, ...] | None = None,
    delegate: Delegate = "xnnpack",
    seed: int = 0,
    profile: bool = False,
    out: str | Path = "runs",
    progress: Progress = silent,
) -> Run:
    """Measure artifacts against those of a baseline, or against the model of that name beside them.

    Times are in seconds or written like `90s` or `5m`, shares are fractions or written like `3%`.
    All artifacts have to lie in one folder. On Ctrl-C the run comes back with what was measured,
    marked as interrupted. Raises `EdgeBenchError`.
    """
    from edgebench.benchmarks.planning.request import RunRequest
    from edgebench.benchmarks.runs import run as runs
    from edgebench.deploy.device.interface import Inviting
    from edgebench.deploy.registry import devices

    beside = () if isinstance(baseline, str) else tuple(baseline)
    every = (*artifacts, *beside)
    if not artifacts or not (beside or baseline):
        raise UsageError("there is nothing to measure", "give artifacts and a baseline")
    folders = {artifact.path.parent for artifact in every}
    if len(folders) > 1:
        raise UsageError(
            f"the artifacts lie in {len(folders)} folders", "export all of them with the same out"
        )
    base = baseline if isinstance(baseline, str) else beside[0].manifest.model
    if any(artifact.manifest.model != base for artifact in beside):
        raise UsageError("the baseline has artifacts of several models", "give those of one")
    request = RunRequest(
        artifacts=str(folders.pop()),
        device=device,
        models=tuple(dict.fromkeys(artifact.manifest.model for artifact in artifacts)),
        formats=tuple(dict.fromkeys(artifact.manifest.format for artifact in artifacts)),
        precisions=tuple(dict.fromkeys(artifact.manifest.precision for artifact in artifacts)),
        baseline=base,
        against_itself=base in {artifact.manifest.model for artifact in artifacts},
        threshold=_parsed(arguments.fraction, threshold),
        budget_s=None if budget is None else _parsed(arguments.seconds, budget),
        detect=None if detect is None else _parsed(arguments.fraction, detect),
        threads=threads,
        cores=cores,
        delegate=delegate,
        seed=seed,
        out=str(out),
        profile=profile,
        cool_down=devices.cools_down(device),
    )
    found = devices.get(device)
    if isinstance(found, Inviting):
        raise UsageError(
            f"{device} has to be opened by somebody, who has to be told the address",
            "measure with: edgebench serve; then read the run with edgebench.load_run",
        )
    with found.reserved():
        folder = runs.prepare(request, found, progress)
        return Run(folder, runs.carry_out(folder, found, progress, "edgebench.run"))


def load_run(folder: str | Path) -> Run:
    """A run that was kept, by its folder. Raises `InvalidFileError`."""
    from edgebench.benchmarks.runs import history

    return Run(Path(folder), history.judged(Path(folder)))


def compare(
    before: Run, after: Run, *, fail_above: float | str | None = None, latency: bool = False
) -> Change:
    """What changed between two runs that were measured alike, artifact by artifact.

    With `fail_above`, an increase of the overhead (or of the latency, with `latency`) by more than
    that share is a failed gate. Raises `UsageError` for runs of other devices or settings.
    """
    from edgebench.benchmarks.results import regression

    limit = None if fail_above is None else _parsed(arguments.fraction, fail_above)
    return regression.change(before.comparison, after.comparison, limit, latency)


def devices() -> tuple[DeviceEntry, ...]:
    """The devices of the registry and the user's own, by name. Raises `InvalidFileError`."""
    from edgebench.deploy.registry import registry

    return tuple(registry.load().values())


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _shapes(
    given: Sequence[int] | Mapping[str, Sequence[int]] | None,
) -> tuple[int, ...] | dict[str, tuple[int, ...]] | None:
    if given is None:
        return None
    if isinstance(given, Mapping):
        return {name: tuple(shape) for name, shape in given.items()}
    return tuple(given)


def _parsed(parse: Callable[[str], T], value: T | str) -> T:
    """A value as the command line reads it, or as it is. Raises `UsageError`."""
    if not isinstance(value, str):
        return value
    try:
        return parse(value)
    except argparse.ArgumentTypeError as error:
        raise UsageError(str(error), "give a number, or write it as on the command line") from error
