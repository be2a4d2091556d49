"""A Core ML .mlpackage as a graph: its program, or those of a detector's pipeline in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgebench.converters.coreml.evaluator import package, pipeline
from edgebench.converters.coreml.evaluator.operation import Declared, Operation
from edgebench.converters.lint.graph import SHORT, LintGraph, LintTensor, Op
from edgebench.converters.lint.kinds import MIL, kind
from edgebench.converters.lint.readers.folding import without_constant_ops


def read(path: Path, name: str, precision: str) -> LintGraph:
    """Read the package's ML program, or those of a pipeline with the suppression of boxes behind.

    Raises `InvalidFileError`, `UnsupportedModelError` for an older neural network, and
    `MissingExtraError`.
    """
    models = pipeline.parts(path)
    if models is None:
        return _program(package.read(path), name, precision)
    *programs, last = models
    graphs = [_program(package.read_model(one, path), name, precision) for one in programs]
    return _in_a_row(graphs, last)


def _program(found: package.Package, name: str, precision: str) -> LintGraph:
    tensors = {key: _constant(key, value) for key, value in found.constants.items()}
    ports = (*found.inputs, *found.states)
    tensors.update({port.name: _tensor(port) for port in ports})
    ops = []
    for operation in found.body.operations:
        tensors.update({made.name: _tensor(made) for made in operation.outputs})
        ops.append(_op(operation, tensors))
    ops, tensors = without_constant_ops(ops, tensors)
    return LintGraph(
        name=name,
        format="coreml",
        precision=precision,
        ops=tuple(ops),
        tensors=tensors,
        inputs=tuple(port.name for port in found.inputs),
        outputs=found.body.outputs,
    )


def _in_a_row(graphs: Sequence[LintGraph], last: Any) -> LintGraph:
    """Programs of which each takes what those before it made, and the suppression of boxes."""
    ops = [one for graph in graphs for one in graph.ops]
    tensors = {name: one for graph in graphs for name, one in graph.tensors.items()}
    found = last.nonMaximumSuppression
    given = found.coordinatesInputFeatureName, found.confidenceInputFeatureName
    made = found.coordinatesOutputFeatureName, found.confidenceOutputFeatureName
    for before, after in zip(given, made, strict=True):
        columns = (tensors[before].shape or (None,))[-1]
        tensors[after] = LintTensor(after, (None, columns), tensors[before].dtype)
    word = "nonMaximumSuppression"
    ops.append(Op(word, word, kind(MIL, word), given, made, {}))
    first = graphs[0]
    return replace(first, ops=tuple(ops), tensors=tensors, outputs=made)


def _tensor(port: Declared) -> LintTensor:
    return LintTensor(port.name, port.shape, port.dtype or "unknown")


def _constant(name: str, value: Any) -> LintTensor:
    array = np.asarray(value)
    short = array.dtype.kind in "iu" and array.size <= SHORT
    values = tuple(int(n) for n in array.ravel()) if short else None
    return LintTensor(name, array.shape, array.dtype.name, True, values=values)


def _op(operation: Operation, tensors: Mapping[str, LintTensor]) -> Op:
    # The file has them by name in no order; the rules expect what is computed on to come first.
    named = sorted(operation.inputs.items(), key=lambda item: item[0] not in ("x", "values"))
    inputs = tuple(name for _, names in named for name in names)
    word = kind(MIL, operation.op_type)
    first = operation.inputs.get("x", ("",))[0]
    if word == "conv" and first in tensors:
        shape, groups = tensors[first].shape, operation.parameters.get("groups", 1)
        if shape and len(shape) > 1 and groups == shape[1] and groups != 1:
            word = "depthwise_conv"
    return Op(
        name=operation.name,
        type=operation.op_type,
        kind=word,
        inputs=inputs,
        outputs=tuple(made.name for made in operation.outputs),
        attributes={name: _plain(value) for name, value in operation.parameters.items()},
    )


def _plain(value: Any) -> object:
    return tuple(value) if isinstance(value, list) else value
