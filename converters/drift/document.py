"""What `edgebench drift` finds, as a document. Needs no framework, so that reports can read it.

    source -> onnx -> tflite:fp32 -> tflite:int8 -> its kernels here -> on the device

An SNR of None says that both are equal; -100 dB stands for all that is worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from edgebench.converters.artifact import Part
from edgebench.intervals import Estimate

Stage = Literal["source", "onnx", "float", "file", "kernels", "device"]

CauseId = Literal[
    "overflow",
    "clipped",
    "fixed_scale",
    "shared_scale",
    "outliers",
    "mean",
    "too_coarse",
    "weights_one_scale",
    "weights_beyond_half",
    "weights",
    "arithmetic",
]


@dataclass(frozen=True)
class OutputDifference:
    """An output beside a reference, over all images. `cosine` is that of the two as vectors.

    `snr_db` is 10 log10 of the reference's sum of squares over the error's: of the worst kind of
    numbers where the output holds several, such as boxes and scores. `part` is the index along an
    axis in which it is lowest. `snr_error_db` is the standard error of the SNR over the images.
    """

    output: str
    max_abs_error: float
    snr_db: float | None
    cosine: float | None
    part: Part | None = None
    snr_error_db: float = 0.0


@dataclass(frozen=True)
class FigureDifference:
    """A figure of the task's metric, and its difference from the reference's over the same images.

    `needed` is how many images it would take to know the difference within `RESOLUTION`; None
    where there are enough.
    """

    id: str
    value: Estimate
    difference: Estimate | None
    needed: int | None = None


@dataclass(frozen=True)
class Flip:
    """An image that the two do not predict alike: in which share they do, and what each says."""

    image: int
    share: float
    reference: str
    found: str


@dataclass(frozen=True)
class HopDifference:
    """All outputs beside those of `reference`, which names a hop.

    `divergence` is the mean Kullback-Leibler divergence of the classes' probabilities, in nats;
    None where outputs are none. `furthest` are the images whose outputs are furthest from the
    reference's, the worst first. `agreement` is the share that the task counts as alike, and
    `differing` how many images are not alike whole, of which `flips` names some. `expected` is the
    loss in the first figure, or in agreement without labels, that errors like these are to cost on
    many more images, where the task can tell.
    """

    reference: str
    outputs: tuple[OutputDifference, ...]
    furthest: tuple[int, ...] = ()
    divergence: float | None = None
    agreement: Estimate | None = None
    differing: int = 0
    flips: tuple[Flip, ...] = ()
    figures: tuple[FigureDifference, ...] = ()
    expected: Estimate | None = None

    @property
    def lost(self) -> Estimate | None:
        """The loss that was counted on the images themselves, in the first figure that tells one or
        else in agreement."""
        for one in self.figures:
            if (change := one.difference) is not None:
                return Estimate(-change.value, -change.high, -change.low)
        if self.agreement is None:
            return None
        alike = self.agreement
        return Estimate(1 - alike.value, 1 - alike.high, 1 - alike.low)

    @property
    def worst(self) -> OutputDifference | None:
        """The output with the lowest SNR; None where none is a number."""
        unequal = [one for one in self.outputs if one.snr_db is not None]
        known = min(unequal, key=lambda one: one.snr_db or 0.0, default=None)
        return known or next(iter(self.outputs), None)

    @property
    def snr_db(self) -> float | None:
        """That of the worst output; None where all are equal."""
        return self.worst.snr_db if self.worst else None


@dataclass(frozen=True)
class DriftHop:
    """A step of the chain, beside the step before it and beside the source model.

    `failure` says why it could not be compared: it gives no numbers, or does not run.
    """

    stage: Stage
    name: str
    images: int
    before: HopDifference | None = None
    source: HopDifference | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Cause:
    """Why a layer loses accuracy; `values` are what shows it, by name."""

    id: CauseId
    values: dict[str, float | str]


@dataclass(frozen=True)
class LayerNumbers:
    """What a layer makes, and the numbers that the file has for it.

    `low` and `high` are the extremes of the float model's values, and `histogram` their counts in
    equal bins between. `scale` is the distance of the file's numbers; with `zero_point` None they
    are no integers. `clipped` is the share of values outside the file's range, `unused` that of
    the range where no values are.
    """

    low: float
    high: float
    histogram: tuple[int, ...]
    scale: float | None
    zero_point: int | None
    clipped: float
    unused: float | None


@dataclass(frozen=True)
class LayerDrift:
    """One layer of a file: an ONNX value that it holds, and the nodes that make it.

    `own_db` is the layer's own SNR, fed what the float model feeds it there; `total_db` that of
    all errors up to it. `output_db` is the SNR of the model's outputs where this layer alone has
    its error, and `share` its part of the errors of all layers that reach the outputs.
    """

    position: int
    value: str
    node: str
    op_type: str
    nodes: tuple[str, ...]
    block: int | None
    attention: bool
    own_db: float | None
    total_db: float | None
    max_abs_error: float | None
    output_db: float | None
    share: float
    cause: Cause | None = None
    numbers: LayerNumbers | None = None


@dataclass(frozen=True)
class BlockDrift:
    """The layers of a block, or of its attention, with their errors together."""

    block: int
    attention: bool
    layers: int
    output_db: float | None
    share: float


@dataclass(frozen=True)
class Remedy:
    """Another target that was tried because this processor's kernels lose accuracy."""

    id: Literal["reduce_range"]
    target: str
    hop: DriftHop


@dataclass(frozen=True)
class TargetDrift:
    """One target's part of the chain, and its layers, those that cost most first.

    `layer_images` is over how many images the layers were compared; none are where the file's
    outputs are as good as exact. `failure` says why there is no file.
    """

    target: str
    hops: tuple[DriftHop, ...] = ()
    layers: tuple[LayerDrift, ...] = ()
    blocks: tuple[BlockDrift, ...] = ()
    layer_images: int = 0
    remedy: Remedy | None = None
    failure: str | None = None


@dataclass(frozen=True)
class CalibrationData:
    """What set the ranges: `sha256` is over all inputs, in their order."""

    source: str
    images: int
    sha256: str


@dataclass(frozen=True)
class DriftReport:
    """The chain of one model to several targets. `unit` is what agreement counts, such as boxes."""

    SCHEMA: ClassVar[str] = "edgebench.drift/1"

    model: str
    data: str
    task: str | None
    unit: str
    meaningful: bool
    hops: tuple[DriftHop, ...]
    targets: tuple[TargetDrift, ...]
    calibration: CalibrationData | None = None
    notes: tuple[str, ...] = ()
