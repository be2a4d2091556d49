"""The artifact: one deployable file of one model, with the manifest that says what it is.

An artifact is `mobilenet_v2_ca.int8.tflite` and beside it its manifest
`mobilenet_v2_ca.int8.tflite.json`. Where the format is a folder (OpenVINO's, Core ML's package),
so is the artifact. The manifest is all that later stages, the apps and the boards know of the
model; it names neither a machine nor an absolute path.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import quote

from edgebench.converters.precision import MixedPrecision, RangeMethod
from edgebench.documents import load, sha256
from edgebench.errors import InvalidFileError
from edgebench.intervals import Estimate
from edgebench.tasks.task import Assignment

MANIFEST_SUFFIX = ".json"


@dataclass(frozen=True)
class Quantization:
    """Affine quantisation of a tensor: real = scale * (stored - zero_point)."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of the file, as the file has it.

    `axes[i]` is the ONNX axis that axis i of the file's tensor is: (0, 2, 3, 1) for an NHWC
    image, (0, 1) for logits. `onnx` is ONNX's name of it where the file has another.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    axes: tuple[int, ...]
    quantization: Quantization | None = None
    onnx: str | None = None


@dataclass(frozen=True)
class Preprocessing:
    """How an RGB image in 0..1 becomes the input: (image - mean) / std, one value a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


PLAIN_PIXELS = Preprocessing((0.0,), (1.0,))
"""Pixels in 0..1 as they are."""


@dataclass(frozen=True)
class Part:
    """One index along an axis of an output, such as a channel or a row, over all samples.

    The axis is ONNX's. `lost` of the `count` indices of the axis have an error as large as
    themselves.
    """

    output: str
    axis: int
    index: int
    snr_db: float
    lost: int
    count: int

    def __str__(self) -> str:
        return f"index {self.index} along axis {self.axis} of the output '{self.output}'"


@dataclass(frozen=True)
class Hop:
    """How far one step of the conversion moved the outputs, measured before the file was written.

    Errors compare with the step's own source over `samples` inputs. `max_abs_error` is in the
    outputs' unit; `snr_db` is 10 log10(signal power / error power), None where both are `equal`,
    and where things are compared, such as boxes, and not numbers one by one.
    `agreement` is the share of inputs with the same best class, None for models that do not
    classify or are untrained, and for inputs that mean nothing. `part` is the one that fares worst,
    None where none errs, and for classes. `tolerance` says what was required; '' is nothing: then
    the figures are what a precision costs.
    """

    step: str
    samples: int
    max_abs_error: float
    snr_db: float | None
    agreement: Estimate | None
    part: Part | None
    tolerance: str

    @property
    def equal(self) -> bool:
        return self.snr_db is None and self.max_abs_error == 0


@dataclass(frozen=True)
class RangeTrial:
    """What a way to choose ranges came to: the mean SNR of other samples, of the worst output."""

    ranges: RangeMethod
    snr_db: float


@dataclass(frozen=True)
class Calibration:
    """The data that set the ranges of a quantised artifact, and how they were chosen from it.

    `tried` are the ways that were compared, the best first; none where there was no choice.
    """

    source: str
    samples: int
    sha256: str
    ranges: RangeMethod = "extremes"
    tried: tuple[RangeTrial, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """Files beside the artifact: inputs with labels, and the source model's own outputs.

    `task` says what the outputs mean and what is kept of them. `inputs` is an .npz with `images`
    (N, H, W, 3) uint8 and the label arrays of the task, if there are labels. Where the inputs are
    no images, `arrays` has their ONNX names, and the .npz an array `inputs/NAME` (N, *shape) for
    each, the name quoted as in a URL. `reference` is
    an .npz with one array for each role, (N, *reduction.shape): the reduced outputs of the source,
    which is the trained model in torch, or the user's ONNX file in ONNX Runtime without
    optimisation. `data` names where the images come from. `outputs` is an .npz of the same form:
    the artifact's own reduced outputs for the first M inputs, taken when it was exported; None
    where a run takes them on the device.
    """

    task: Assignment
    inputs: str
    inputs_sha256: str
    reference: str
    reference_sha256: str
    samples: int
    outputs: str | None = None
    outputs_sha256: str | None = None
    data: str = "scenes of test digits"
    arrays: tuple[str, ...] = ()


IMAGES, ARRAYS = "images", "inputs/"
"""The array of an evaluation's .npz that holds images, and how those of inputs by name begin."""


def stored_name(name: str) -> str:
    """The array of an evaluation's .npz that holds the input of that ONNX name."""
    return ARRAYS + quote(name, safe="")


OperationKind = Literal[
    "convolution",
    "depthwise",
    "linear",
    "pooling",
    "multiply",
    "add",
    "activation",
    "move",
    "other",
]


@dataclass(frozen=True)
class Operation:
    """One operation of a file, counted from its shapes and types; nothing here is measured.

    `name` and `type` are the file's; several names are parted by semicolons. `block` is the
    network's (`features.N`), `stage` the binary logarithm of its stride to the input, and
    `attention` says whether the operation belongs to the block's attention; all three need a model
    of the zoo. `madds` counts convolutions and linear layers; `elementwise` one for each product,
    sum or other function of an element. Bytes are those of the tensors, each read or written once.
    """

    name: str
    type: str
    kind: OperationKind
    block: int | None
    stage: int | None
    attention: bool
    madds: int
    elementwise: int
    weight_bytes: int
    read_bytes: int
    written_bytes: int


@dataclass(frozen=True)
class Ablation:
    """What an ablated model lacks: the attention of one `stage` of `model`."""

    model: str
    stage: int


@dataclass(frozen=True)
class Manifest:
    """What an artifact is and how it came about.

    `file` is its name; it may be a folder's, and then `sha256` is what
    `edgebench.documents.folder_sha256` says and `size_bytes` that of all its files together.
    `weights` says whether accuracy and drift mean anything: `untrained` weights are for latency
    alone, and `unknown` stands for a user's own ONNX file. `fingerprint` hashes all that the file
    was made from, so that an export with nothing new to say is not repeated. `operations` are in
    the file's order; formats whose files are not read have those of the graph they came from.
    `passes` names those that brought the graph into the target's form, in sequence. `hops` are in
    exact arithmetic; `native` compares the ONNX graph with what the runtime's kernels made of the
    file on the processor that exported it, None where the runtime is exact on every one. `mix` are
    the exceptions of a mixed precision, None where `precision` is one of the format's own. `maker`
    is '' for somebody else's file, which came without a manifest (`edgebench.converters.external`).
    `post_processing` compares the boxes of a detector's file with those that the task decodes from
    the raw head that was proved; None where the file has no post-processing.
    """

    SCHEMA: ClassVar[str] = "edgebench.artifact/2"

    model: str
    baseline: str
    format: str
    precision: str
    file: str
    sha256: str
    size_bytes: int
    weights: Literal["trained", "untrained", "unknown"]
    weights_sha256: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    preprocessing: Preprocessing | None
    labels: tuple[str, ...] | None
    parameters: int | None
    madds: int | None
    hops: tuple[Hop, ...]
    calibration: Calibration | None
    evaluation: Evaluation | None
    maker: str
    tools: dict[str, str]
    command: str
    fingerprint: str
    ablation: Ablation | None = None
    operations: tuple[Operation, ...] = ()
    passes: tuple[str, ...] = ()
    native: Hop | None = None
    mix: MixedPrecision | None = None
    post_processing: Hop | None = None

    @property
    def external(self) -> bool:
        """Whether the file is somebody else's, so that nobody knows what it was made from."""
        return not self.maker


@dataclass(frozen=True)
class Artifact:
    """An artifact on this machine: the file or folder and what its manifest says of it."""

    path: Path
    manifest: Manifest

    @property
    def key(self) -> str:
        """The name that plans and results know it by, such as `mobilenet_v2_ca.int8.tflite`.

        A foreign file goes by its path within its folder, for sub-folders may hold namesakes.
        """
        return self.manifest.file if self.manifest.external else self.path.name


def file_name(model: str, precision: str, extension: str) -> str:
    """The artifact's file name, such as `mobilenet_v2_ca.int8.tflite`."""
    return f"{model}.{precision}.{extension}"


def manifest_path(path: Path) -> Path:
    """Where the manifest of the artifact at `path` lies."""
    return path.with_name(path.name + MANIFEST_SUFFIX)


def open_artifact(path: Path) -> Artifact:
    """Read an artifact and check that the file is the one its manifest describes.

    Raises `InvalidFileError` where either is missing, of another version, or changed since.
    """
    if not path.exists():
        raise InvalidFileError(f"there is no artifact at {path}", "make it with: edgebench export")
    manifest = load(manifest_path(path), Manifest)
    if sha256(path) != manifest.sha256:
        raise InvalidFileError(
            f"{path} is not the file that its manifest describes (its hash differs)",
            "export it again with: edgebench export",
        )
    return Artifact(path, manifest)


def find_artifacts(folder: Path) -> Iterator[Artifact]:
    """All artifacts in a folder, by name; other files are passed over."""
    for manifest in sorted(folder.glob(f"*.*.*{MANIFEST_SUFFIX}")):
        path = manifest.with_name(manifest.name.removesuffix(MANIFEST_SUFFIX))
        if path.exists() and has_manifest(path):
            yield open_artifact(path)


def has_manifest(path: Path) -> bool:
    """Whether a manifest lies beside a file, of any version and whole or not.

    Others keep JSON of their own there, such as labels.
    """
    try:
        content = json.loads(manifest_path(path).read_bytes())
    except OSError:
        return False
    except ValueError:
        return True
    schema = content.get("schema") if isinstance(content, dict) else None
    return str(schema).startswith(Manifest.SCHEMA.partition("/")[0])
