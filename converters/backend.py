"""What a format's module has to offer to `edgebench.converters.export.convert`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from edgebench.content import Content
from edgebench.converters.artifact import Preprocessing, TensorSpec
from edgebench.converters.file_value import Values
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.converters.postprocess import Detector
from edgebench.progress import Progress

C = TypeVar("C", bound=Content)


def unheard(note: str) -> None:
    """Take no notes."""


@dataclass(frozen=True)
class Instructions:
    """What a file is to be beyond the graph's numbers; each format heeds what it can.

    `preprocessing` and `labels` are the source's. `ios` is the oldest version that a Core ML file
    is for, None for what each precision is usually for; with `image_input` it takes images as
    they are and normalises them itself. `note` hears sentences that the user ought to read.
    `detector` is the post-processing that is put behind what was proved; None where there is none.
    """

    preprocessing: Preprocessing | None = None
    labels: Sequence[str] | None = None
    ios: int | None = None
    image_input: bool = True
    note: Callable[[str], None] = unheard
    detector: Detector | None = None


class Converted(Protocol):
    """A converted file, opened on this machine: `inputs` and `outputs` are as the file has them."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...

    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    def run(self, sample: Sample) -> list[Array]:
        """The outputs for one sample; both with ONNX's names, order of axes, and real numbers."""
        ...

    def run_all(self, samples: Iterable[Sample]) -> Iterator[list[Array]]:
        """As `run` for each sample in turn; takes no more of them than are computed at once."""
        ...


class Backend(Protocol[C]):
    """The functions of a format's module, such as `edgebench.converters.tflite.target`.

    `C` is what its content is: a file's bytes, or a folder's files.
    """

    def convert(
        self,
        graph: OnnxGraph,
        precisions: Sequence[str],
        calibration: Sequence[Sample],
        instructions: Instructions,
        progress: Progress,
    ) -> Mapping[str, C]:
        """The file or folder for each precision. Raises `UnsupportedModelError`, `DataError`."""
        ...

    def describe(
        self,
        graph: OnnxGraph,
        content: C,
        preprocessing: Preprocessing | None,
        labels: Sequence[str] | None,
    ) -> C:
        """The content with mean, std and labels in it, where the format can hold them."""
        ...

    def open_converted(self, graph: OnnxGraph, content: C, exact: bool = True) -> Converted:
        """Open what `convert` made of the graph.

        With `exact` it computes what the file defines, on every processor alike; without, what the
        runtime makes of it on this one.
        """
        ...

    def with_detector(self, graph: OnnxGraph, content: C, detector: Detector) -> C:
        """The content with a detector's post-processing behind it, as the runtime has it.

        `graph` is that of the raw head. Raises `UnsupportedModelError` where the format has none.
        """
        ...

    def values(self, graph: OnnxGraph, content: C, samples: Iterable[Sample]) -> Iterable[Values]:
        """For each sample what the file computes in exact arithmetic, by the graph's names.

        That is all that the file holds as the graph has it. Where the file rounds a value, it is
        what comes after that.
        """
        ...
