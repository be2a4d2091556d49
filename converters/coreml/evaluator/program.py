"""A MIL program that runs on this machine: what a saved .mlpackage means, not Apple's kernels.

The program is read back from disk and computed op by op in torch, in float32, and each result is
rounded to the type that the program declares for it. So weights, their compression, every
parameter and every rounding of a stored value are those of the file. What Apple's engines do
inside one op is theirs: they may add up in float16 (the Neural Engine does), fuse ops and so skip
a rounding, approximate a transcendental function, or flush subnormal numbers. Expect the numbers
of `float32` programs to agree with the CPU's to a few units in the last place, and those of
`float16` programs to be of the same size of error, not the same error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from edgebench.converters.coreml.evaluator import package, tensors
from edgebench.converters.coreml.evaluator.execute import results
from edgebench.converters.coreml.evaluator.images import described_image
from edgebench.converters.coreml.evaluator.operation import Block, Operation, State, Value
from edgebench.converters.coreml.evaluator.ops.all_ops import OPS
from edgebench.converters.coreml.evaluator.ports import Port, fed, output_port
from edgebench.converters.coreml.evaluator.schedule import Step, reads, steps, walk
from edgebench.converters.coreml.evaluator.together import Together, Visit, count, for_several
from edgebench.converters.one_thread import one_thread
from edgebench.errors import DataError, UnsupportedModelError

Array = NDArray[Any]
Feeds = Mapping[str, Array]


@dataclass(frozen=True)
class Program:
    """A loaded program; load it with `load`. `labels` are a classifier's, in the scores' order.

    `at_once` is the number of samples that `run_all` and `trace_all` compute at a time.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[Port, ...]
    labels: tuple[str | int, ...]
    opset: int
    at_once: int
    _body: Block
    _steps: tuple[Step, ...]
    _constants: Mapping[str, Value]

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What is left to compute for each input, in sequence; constants are folded."""
        return self._body.operations

    def make_state(self) -> dict[str, State]:
        """What a stateful program remembers between runs, all zero; give it to each run."""
        return {
            port.name: State(torch.zeros([size or 1 for size in port.shape]))
            for port in self.states
        }

    def run(self, feeds: Feeds, state: Mapping[str, State] | None = None) -> dict[str, Array]:
        """The outputs for one set of inputs, by name.

        Floats come in the declared type. An image input takes pixels of 0..255 as
        `edgebench.converters.coreml.evaluator.images.pixels` says. The label of a classifier is an
        array of rank 0, its scores are one array in the sequence of `labels`.
        A stateful program begins with zeros unless it is given what `make_state` made, which it
        changes. Raises `DataError`, `UnsupportedModelError`.
        """
        return self._run(feeds, None, self.make_state() if state is None else state)

    def run_all(self, samples: Iterable[Feeds]) -> Iterator[dict[str, Array]]:
        """As `run`, for each of the samples in turn; takes no more of them than it computes."""
        return self._run_all(samples, None)

    def trace(self, feeds: Feeds, visit: Visit) -> dict[str, Array]:
        """As `run`, and calls `visit(name, op_type, array)` for each value when it is computed.

        Inputs are visited first, with "input" as their op. Arrays have the declared type. Nothing
        is kept, so that a network's intermediates need no more memory than `visit` takes.
        """
        return self._run(feeds, visit, self.make_state())

    def trace_all(self, samples: Iterable[Feeds], visit: Visit) -> Iterator[dict[str, Array]]:
        """As `trace` for all samples, with those computed at a time along an array's first axis.

        The visits are made as the outputs are taken. What differs in shape between samples is
        visited for each of them.
        """
        return self._run_all(samples, visit)

    def _run_all(self, samples: Iterable[Feeds], visit: Visit | None) -> Iterator[dict[str, Array]]:
        together = Together(self._steps, self._constants, self.opset)
        waiting = iter(samples)
        while chunk := list(islice(waiting, self.at_once)):
            if len(chunk) == 1:
                yield self._run(chunk[0], visit and for_several(visit), self.make_state())
                continue
            columns = [
                (port, [fed(port, self._checked(feeds)[port.name]) for feeds in chunk])
                for port in self.inputs
            ]
            with _computing():
                held = together.run(columns, visit)
            for i in range(len(chunk)):
                yield {
                    port.name: tensors.array(
                        held[port.name][i] if port.name in held else self._constants[port.name],
                        port.dtype,
                    )
                    for port in self.outputs
                }

    def _checked(self, feeds: Feeds) -> Feeds:
        if set(feeds) != {port.name for port in self.inputs}:
            raise DataError(
                f"the program takes the inputs {', '.join(port.name for port in self.inputs)}, "
                f"but was given {', '.join(feeds) or 'none'}",
                "give an array for each of its inputs",
            )
        return feeds

    def _run(
        self, feeds: Feeds, visit: Visit | None, state: Mapping[str, State]
    ) -> dict[str, Array]:
        self._checked(feeds)
        values = dict(self._constants) | dict(state)
        with _computing():
            for port in self.inputs:
                values[port.name] = fed(port, feeds[port.name])
                if visit is not None:
                    visit(port.name, "input", tensors.array(values[port.name], port.dtype))
            for step in self._steps:
                self._compute(step.operation, values, visit)
                for name in step.last_read:
                    values.pop(name, None)
        found = {port.name: values[port.name] for port in self.outputs}
        return {port.name: tensors.array(found[port.name], port.dtype) for port in self.outputs}

    def _compute(self, operation: Operation, values: dict[str, Value], visit: Visit | None) -> None:
        for declared, value in results(operation, values, self.opset):
            values[declared.name] = value
            if visit is not None and isinstance(value, Tensor):
                visit(declared.name, operation.op_type, tensors.array(value, declared.dtype))


@contextmanager
def _computing() -> Iterator[None]:
    with torch.inference_mode(), one_thread():
        yield


def load(path: Path) -> Program:
    """Read a saved .mlpackage and decompress its weights.

    Raises `InvalidFileError` for what is no package, and `UnsupportedModelError` for one that is
    no ML program or that holds ops the evaluator lacks: all of them are named.
    """
    return of(package.read(path))


def of(found: package.Package) -> Program:
    """A program of what was read. Raises `UnsupportedModelError`."""
    _refuse_unknown(found.body)
    constants = {name: tensors.constant(value) for name, value in found.constants.items()}
    body = _fold(found.body, constants, found.opset)
    read = set(reads(body)) | set(body.outputs)
    described = found.description
    images = {port.name: described_image(port) for port in (*described.input, *described.output)}
    made = {out.name: out for operation in body.operations for out in operation.outputs}
    made |= {port.name: port for port in found.inputs}
    return Program(
        tuple(Port(p.name, p.shape, p.dtype, images.get(p.name)) for p in found.inputs),
        tuple(output_port(name, made, constants, images.get(name)) for name in body.outputs),
        tuple(Port(port.name, port.shape, port.dtype) for port in found.states),
        _labels(body, constants),
        found.opset,
        1 if found.states else count(body, found.inputs),
        body,
        tuple(steps(body)),
        {name: value for name, value in constants.items() if name in read},
    )


def _refuse_unknown(body: Block) -> None:
    lacking: dict[str, str] = {}
    for operation in walk(body):
        if operation.op_type not in OPS:
            lacking.setdefault(operation.op_type, operation.name)
    if lacking:
        named = ", ".join(f"{kind} (first at '{lacking[kind]}')" for kind in sorted(lacking))
        raise UnsupportedModelError(
            f"the MIL evaluator lacks {len(lacking)} of the program's ops: {named}",
            "it can't be checked on this machine; on a Mac, Core ML itself can run it",
        )


def _fold(body: Block, constants: dict[str, Value], opset: int) -> Block:
    """Compute once what depends on no input: decompressed weights above all."""
    left = []
    with torch.inference_mode():
        for operation in body.operations:
            names = {name for names in operation.inputs.values() for name in names}
            if operation.blocks or not names or not names <= constants.keys():
                left.append(operation)
                continue
            for declared, value in results(operation, constants, opset):
                constants[declared.name] = value
    return replace(body, operations=tuple(left))


def _labels(body: Block, constants: Mapping[str, Value]) -> tuple[str | int, ...]:
    for operation in body.operations:
        if operation.op_type == "classify":
            classes = constants[operation.inputs["classes"][0]]
            return tuple(classes.tolist() if isinstance(classes, Tensor) else classes)
    return ()
