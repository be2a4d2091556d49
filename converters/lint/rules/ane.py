"""What the Apple Neural Engine is known not to take, or to take slowly.

Knowledge from documents, not measurements of ours: which unit runs an op is Core ML's decision,
differs between chips and systems, and can be asked for on a Mac only (`MLComputePlan`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from edgebench.converters.lint.graph import LintGraph, Op
from edgebench.converters.lint.rule import Reference, Rule, Severity, Spot, Subject, at

_DELEGATE = "ane"
_FORMATS = frozenset({"coreml"})
_READ = "2026-11-21"

_TYPES = Reference(
    "Core ML Tools guide, Typed Execution",
    "https://apple.github.io/coremltools/docs-guides/source/typed-execution.html",
    _READ,
)
_TRANSFORMERS = Reference(
    "Apple Machine Learning Research, Deploying Transformers on the Apple Neural Engine (2022)",
    "https://machinelearning.apple.com/research/neural-engine-transformers",
    _READ,
)
_UNSUPPORTED = Reference(
    "M. Hollemans, The Neural Engine: unsupported layers (observations, partly guesses)",
    "https://github.com/hollance/neural-engine/blob/master/docs/unsupported-layers.md",
    _READ,
)
_CONVERTER = Reference(
    "Core ML Tools 9.0, notes in its torch front end (ops.py: col2im, index_put)",
    "https://github.com/apple/coremltools/blob/9.0/coremltools/converters/mil/frontend/torch/ops.py",
    _READ,
)
_SHAPES = Reference(
    "Apple Developer Forums, thread 724930 (an Apple engineer's answer)",
    "https://developer.apple.com/forums/thread/724930",
    _READ,
)
_QUANTISED = Reference(
    "Core ML Tools guide, Quantization: Performance",
    "https://apple.github.io/coremltools/docs-guides/source/opt-quantization-perf.html",
    _READ,
)

_RANK = 4
_ALIGNED_BYTES = 64
_HALF_BYTES = 2


def _of_types(*types: str) -> Callable[[Subject], Iterable[Spot]]:
    def find(subject: Subject) -> Iterator[Spot]:
        return (at(op) for op in subject.graph.ops if op.type in types)

    return find


def _in_float32(subject: Subject) -> Iterator[Spot]:
    graph = subject.graph
    for op in graph.ops:
        if op.type != "cast" and any(made.dtype == "float32" for made in graph.written(op)):
            yield at(op)


def _dilated(subject: Subject) -> Iterator[Spot]:
    for op in subject.graph.of_kind("conv", "depthwise_conv"):
        gaps = op.attributes.get("dilations")
        if isinstance(gaps, tuple) and any(gap != 1 for gap in gaps):
            yield at(op, f"dilations {gaps}")


def _not_fixed(subject: Subject) -> Iterator[Spot]:
    for name in subject.graph.inputs:
        tensor = subject.graph.tensors[name]
        if not tensor.fixed:
            yield Spot(f"input {name}", f"shape {_shown(tensor.shape)}")


def _rank(subject: Subject) -> Iterator[Spot]:
    for op, shape in _made(subject.graph):
        if len(shape) > _RANK:
            yield at(op, f"shape {_shown(shape)}")


def _single_last(subject: Subject) -> Iterator[Spot]:
    """A strip that stands on end: a last axis of one beside a longer one."""
    for op, shape in _made(subject.graph):
        if len(shape) == _RANK and shape[-1] == 1 and (shape[-2] or 0) > 1:
            times = _ALIGNED_BYTES // _HALF_BYTES
            yield at(op, f"shape {_shown(shape)}, up to {times} times its size in memory")


def _linear_of_sequence(subject: Subject) -> Iterator[Spot]:
    graph = subject.graph
    for op in graph.ops:
        if op.type == "linear" and any((x.rank or 0) == _RANK - 1 for x in graph.read(op)):
            yield at(op)


def _made(graph: LintGraph) -> Iterator[tuple[Op, tuple[int | None, ...]]]:
    for op in graph.ops:
        for tensor in graph.written(op):
            if tensor.shape is not None:
                yield op, tensor.shape


def _shown(shape: tuple[int | None, ...] | None) -> str:
    return " x ".join("?" if size is None else str(size) for size in shape or ())


def _rule(
    id: str,
    severity: Severity,
    says: str,
    remedy: str,
    source: Reference,
    find: Callable[[Subject], Iterable[Spot]],
) -> Rule:
    return Rule(f"ane-{id}", severity, _FORMATS, _DELEGATE, says, remedy, source, find)


RULES: tuple[Rule, ...] = (
    _rule(
        "float32",
        "warning",
        "the Neural Engine computes in float16; ops of float32 run on the CPU or GPU",
        "export with the precision fp16, and keep float32 for layers that overflow",
        _TYPES,
        _in_float32,
    ),
    _rule(
        "recurrent",
        "warning",
        "recurrent layers do not run on the Neural Engine",
        "use convolutions or attention over the sequence, or run this part on the CPU",
        _UNSUPPORTED,
        _of_types("lstm", "gru", "rnn"),
    ),
    _rule(
        "gather",
        "info",
        "gathers were seen on the CPU, and by newer notes may stay on the Neural Engine",
        "write a gather of fixed places as slices, and do look-ups before the model",
        _UNSUPPORTED,
        _of_types("gather", "gather_along_axis", "gather_nd"),
    ),
    _rule(
        "scatter",
        "warning",
        "scatters leave the Neural Engine",
        "put the result together with slices and a concat",
        _CONVERTER,
        _of_types("scatter", "scatter_along_axis", "scatter_nd"),
    ),
    _rule(
        "dilated-conv",
        "warning",
        "dilated convolutions were seen to leave the Neural Engine",
        "use a larger kernel or a stride instead, or see where it runs with MLComputePlan",
        _UNSUPPORTED,
        _dilated,
    ),
    _rule(
        "dynamic-shape",
        "warning",
        "an input of a range of shapes runs on the Neural Engine in its default shape only",
        "fix the shape, or enumerate the shapes that are needed",
        _SHAPES,
        _not_fixed,
    ),
    _rule(
        "rank",
        "warning",
        "the Neural Engine's data are of four axes, channels first; more are copied into those",
        "write the op on (batch, channels, height, width)",
        _TRANSFORMERS,
        _rank,
    ),
    _rule(
        "single-last-axis",
        "info",
        "the last axis is padded to 64 bytes, which a last axis of one element wastes",
        "let the longer axis be the last one",
        _TRANSFORMERS,
        _single_last,
    ),
    _rule(
        "linear",
        "info",
        "a linear layer over a sequence runs best as a 1x1 convolution of (batch, channels, 1, n)",
        "write it as a convolution, and keep the sequence in the last axis",
        _TRANSFORMERS,
        _linear_of_sequence,
    ),
    _rule(
        "quantised",
        "info",
        "quantised activations are faster on the Neural Engine since A17 Pro and M4, and slower "
        "on the CPU",
        "use them only where all of the model runs on the Neural Engine",
        _QUANTISED,
        _of_types("quantize"),
    ),
)
