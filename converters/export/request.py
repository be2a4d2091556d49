"""What an export is asked for, and whether it has been done already. Needs no framework."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgebench import documents, tasks, version
from edgebench.converters.artifact import (
    Ablation,
    Artifact,
    file_name,
    manifest_path,
    open_artifact,
)
from edgebench.converters.export import calibration, cost
from edgebench.converters.precision import OWN, RangeMethod
from edgebench.converters.targets import FORMATS, Target
from edgebench.errors import DataError, InvalidFileError, UsageError
from edgebench.models import manifest as checkpoints
from edgebench.models import registry
from edgebench.models.data.datasets import BUILT_IN, open_data
from edgebench.models.data.pictures import Resize
from edgebench.models.spec import ABLATED, ModelSpec

if TYPE_CHECKING:
    from torch import nn

Kind = Literal["zoo", "file", "factory", "module"]

IOS_VERSIONS = range(15, 19)
PLAIN = "+plain"
RAW = "+raw"
WITHOUT = "+without_"
_SOURCES = ("models", "converters", "tasks")


@dataclass(frozen=True)
class ExportRequest:
    """One model to several targets: of the zoo by name, or the user's own.

    `source` is a name, the path of an ONNX file, or `package.module:factory`, a callable without
    arguments that returns a torch module; with `module` the module itself, and `source` its name.
    A module needs `input_shapes`.
    `input_shapes` is one shape, or shapes by input name; `calibration` a data set, a folder or
    `random`, or None for the model's own. `data` is a data set such as `imagefolder:PATH`, of which
    one part calibrates, where `calibration` names nothing else, and another measures the accuracy,
    where `evaluation` names no other data set.
    `task` names what the outputs mean, and `outputs` its roles and words (docs/tasks.md); None
    where the data tells. `resize` is how pictures come to the size of the input, None for what is
    usual for the data.
    `mean` and `std` are per channel, for pixels in 0..1.
    `ios` and `image_input` are for Core ML files: the oldest iOS that is to run them (None for
    what each precision is usually for), and whether they take images where the preprocessing is
    known, or arrays that are normalised already.
    `raw_outputs` leaves the post-processing out that a model of the zoo has: the boxes of a
    detector, and the class of each pixel; the artifact's name says so.
    `plain` exports the graph without the passes that bring it into a target's form, and
    `without_passes` without some of them, by name; the artifact's name says so.
    `require_agreement` is the share in which every file has to agree with the model, as the task
    counts: a file whose interval lies below is not written.
    `ranges` is how the ranges of int8 are chosen from the calibration data, None for the best.
    `command` is what the user typed, for the manifest.
    """

    source: str
    targets: tuple[Target, ...]
    out: Path
    weights: Path | None = None
    calibration: str | None = None
    data: str | None = None
    evaluation: str | None = None
    task: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    resize: Resize | None = None
    input_shapes: Mapping[str, tuple[int, ...]] | tuple[int, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    labels: Path | None = None
    ios: int | None = None
    image_input: bool = True
    raw_outputs: bool = False
    plain: bool = False
    without_passes: tuple[str, ...] = ()
    require_agreement: float | None = None
    ranges: RangeMethod | None = None
    command: str = ""
    force: bool = False
    module: nn.Module | None = None

    @property
    def kind(self) -> Kind:
        """What `source` names."""
        if self.module is not None:
            return "module"
        if self.source.endswith(".onnx") or "/" in self.source:
            return "file"
        return "factory" if ":" in self.source else "zoo"

    @property
    def file(self) -> Path | None:
        """The user's ONNX file, or None."""
        return Path(self.source) if self.kind == "file" else None

    @property
    def spec(self) -> ModelSpec | None:
        """The zoo's entry, or None for a user's model. Raises `UnknownNameError`."""
        return registry.get(self.source) if self.kind == "zoo" else None

    @property
    def ablation(self) -> Ablation | None:
        """What the model lacks, where it is one of the zoo without a stage's attention."""
        spec = self.spec
        if spec is None or spec.without is None:
            return None
        return Ablation(spec.name.partition(ABLATED)[0], spec.without)

    @property
    def name(self) -> str:
        """What the artifact's model is called, such as `mobilenet_v2_ca+plain`."""
        own = self.file.stem if self.file else self.source.rpartition(":")[2]
        if self.raw_outputs:
            own += RAW
        if self.plain:
            return own + PLAIN
        return own + "".join(f"{WITHOUT}{name}" for name in sorted(self.without_passes))

    @property
    def weights_file(self) -> Path | None:
        """The weights that a zoo model gets: the user's, the shipped ones, or none."""
        if self.weights is not None or self.spec is None or self.spec.checkpoint is None:
            return self.weights
        return checkpoints.shipped(self.spec.checkpoint)

    @property
    def calibration_source(self) -> str:
        """Raises `DataError` where a target needs calibration data and there is none."""
        return calibration.choose(
            self.calibration,
            given=self.data,
            data=self.spec.data if self.spec else None,
            trained=self.weights_file is not None,
            quantised=[str(one) for one in self.targets if one.needs_calibration],
            in_file=self._brings_ranges,
        )

    def _brings_ranges(self) -> bool:
        """Whether the file has ranges that may be used. Raises `InvalidFileError`."""
        if self.file is None or self.ranges not in (None, OWN):
            return False
        from edgebench.converters.onnx.file import is_quantised

        return is_quantised(self.file)

    @property
    def evaluation_source(self) -> str | None:
        """The data set that measures the accuracy: the user's, or what the model was trained on."""
        given = self.evaluation or self.data
        if given is not None or self.spec is None or self.weights_file is None:
            return given
        return self.spec.data if self.spec.data in BUILT_IN else None

    @property
    def shares_data(self) -> bool:
        """Whether one data set both calibrates and evaluates, so that each gets a part of it."""
        return self.calibration_source == self.evaluation_source

    def path(self, target: Target) -> Path:
        """Where the artifact for a target goes."""
        extension = FORMATS[target.format].extension
        return self.out / file_name(self.name, target.precision, extension)


def check(request: ExportRequest) -> None:
    """Raise an `EdgeBenchError` for what is wrong with a request itself."""
    if not request.targets:
        raise UsageError("there is nothing to export to", "name a target with --to")
    if request.ios not in (None, *IOS_VERSIONS):
        known = ", ".join(map(str, IOS_VERSIONS))
        raise UsageError(f"there is no Core ML for iOS {request.ios} here", f"known: {known}")
    if request.file and request.weights is not None:
        raise UsageError(
            "an ONNX file brings its own weights", "leave --weights out, or name a zoo model"
        )
    if request.kind in ("factory", "module") and request.input_shapes is None:
        raise UsageError(
            f"the input shape of {request.source} is not known",
            "give it with --input-shape, such as 1,3,224,224",
        )
    if request.spec and request.input_shapes is not None:
        raise UsageError(
            f"{request.source} has a fixed input shape", "leave --input-shape out for zoo models"
        )
    if request.raw_outputs and (request.spec is None or request.spec.head is None):
        raise UsageError(
            f"{request.source} has no post-processing, so that its outputs are raw",
            "leave --raw-outputs out",
        )
    if (request.mean is None) != (request.std is None):
        raise UsageError("--mean and --std belong together", "give both or neither")
    if request.std is not None and any(value <= 0 for value in request.std):
        raise UsageError("--std has a value that is not positive", "give the standard deviations")
    if len(request.mean or ()) != len(request.std or ()):
        raise UsageError(
            "--mean and --std differ in their number of values", "give one value a channel in each"
        )
    named = [data for data in (request.data, request.evaluation) if data is not None]
    opened = [open_data(data) for data in named]
    if opened and not any(data.pictures for data in opened):
        given = {"--mean": request.mean, "--resize": request.resize}
        for option, value in given.items():
            if value is not None:
                source = opened[0].source
                raise UsageError(
                    f"{option} is for images, and the arrays of {source} are fed as they are",
                    f"leave {option} out, and store the arrays as the model takes them",
                )
    if request.task is not None:
        tasks.get(request.task)
    if request.outputs and request.task is None and request.evaluation_source is None:
        raise UsageError("nothing says what the outputs are for", "name the task with --task")
    for path, what in ((request.file, "model"), (request.weights, "weights")):
        if path is not None and not path.is_file():
            found = "a folder, not a file" if path.is_dir() else "not there"
            raise InvalidFileError(f"the {what} file {path} is {found}", "check the path")


def read_labels(path: Path) -> tuple[str, ...]:
    """One label a line, in the order of the classes. Raises `DataError`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DataError(
            f"cannot read the labels in {path}: {reason}", "give a text file with one label a line"
        ) from error
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise DataError(f"{path} holds no labels", "give a text file with one label a line")
    return tuple(line.strip() for line in lines)


def tools(target: Target) -> dict[str, str]:
    """The versions of all that makes an artifact for this target, without importing it."""
    versions = {"edgebench": version.__version__}
    for package in ("numpy", *FORMATS[target.format].packages):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "unknown"
    return versions


def maker(target: Target) -> str:
    """The tool that writes the target's files, with its version."""
    package = FORMATS[target.format].maker
    return f"{package} {tools(target)[package]}"


def fingerprint(request: ExportRequest, target: Target) -> str:
    """SHA-256 over all that the artifact is made from; where it is equal the artifact would be.

    Raises `InvalidFileError` or `DataError` where one of its sources cannot be read.
    """
    weights = request.weights_file
    parts = {
        "source": _source(request),
        "passes": [request.plain, sorted(request.without_passes)],
        "weights": documents.sha256(weights) if weights else None,
        "target": str(target),
        "mix": asdict(target.mix) if target.mix else None,
        "calibration": [calibration.identity(request.calibration_source), request.ranges],
        "evaluation": _identity(request.evaluation_source),
        "task": [request.task, dict(request.outputs), request.resize],
        "input_shapes": _plain(request.input_shapes),
        "raw_outputs": request.raw_outputs,
        "mean": request.mean,
        "std": request.std,
        "labels": read_labels(request.labels) if request.labels else None,
        "coreml": [request.ios, request.image_input] if target.format == "coreml" else None,
        "code": _code(),
        "tools": tools(target),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _identity(data: str | None) -> str | None:
    return None if data is None else open_data(data).identity()


def _source(request: ExportRequest) -> object:
    if request.file:
        from edgebench.converters.onnx.file import file_sha256

        return [request.name, file_sha256(request.file)]
    spec = request.spec
    return asdict(spec) if spec else request.source


def _plain(shapes: Mapping[str, tuple[int, ...]] | tuple[int, ...] | None) -> object:
    return dict(shapes) if isinstance(shapes, Mapping) else shapes


@functools.cache
def _code() -> str:
    """SHA-256 over the source of what makes models and converts them."""
    digest = hashlib.sha256()
    root = Path(version.__file__).parent
    for folder in _SOURCES:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(str(path.relative_to(root)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def up_to_date(request: ExportRequest, target: Target) -> Artifact | None:
    """The artifact that stands there already, if it is whole and a new one would be the same.

    What a user's own code would build is not known before it has run.
    """
    path = request.path(target)
    if request.force or request.kind in ("factory", "module"):
        return None
    if not path.exists() or not manifest_path(path).exists():
        return None
    try:
        artifact = open_artifact(path)
    except InvalidFileError:
        return None
    if artifact.manifest.fingerprint != fingerprint(request, target):
        return None
    required = request.require_agreement
    if required is not None and not cost.fulfils(required, artifact.manifest.hops[-1]):
        return None
    evaluation = artifact.manifest.evaluation
    if evaluation is not None:
        wanted = {
            evaluation.inputs: evaluation.inputs_sha256,
            evaluation.reference: evaluation.reference_sha256,
        }
        if evaluation.outputs is not None and evaluation.outputs_sha256 is not None:
            wanted[evaluation.outputs] = evaluation.outputs_sha256
        for name, sha256 in wanted.items():
            beside = path.with_name(name)
            if not beside.exists() or documents.sha256(beside) != sha256:
                return None
    return artifact
