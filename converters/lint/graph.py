"""One way to see a graph of any format: its operations, and the tensors between them.

A reader (`edgebench.converters.lint.readers`) makes a `LintGraph` of a file, and a rule looks at
it. An operation keeps the type that its own format gives it (`CONV_2D`, `Conv`, `Convolution`,
`conv`) and has beside it a *kind* that is the same in all of them (`conv`), so that one rule can
be written for every format where the question is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

SHORT = 32
"""Constants of whole numbers up to this length are axes, shapes and paddings, and are read."""


@dataclass(frozen=True)
class Quantised:
    """Affine quantisation: real = scale * (stored - zero_point), one pair or one a channel."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]

    @property
    def per_tensor(self) -> bool:
        return len(self.scales) == 1


@dataclass(frozen=True)
class LintTensor:
    """A value of the graph. `shape` has None where a dimension is not fixed.

    `dtype` is NumPy's name for the stored type (`float32`, `int8`, ...). `constant` says that the
    value lies in the file, as weights do, in whatever type it lies there. `shape` is None where
    not even the rank is known. `values` are those of a short constant of whole numbers, such as
    axes or a padding, row by row.
    """

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str
    constant: bool = False
    quantised: Quantised | None = None
    values: tuple[int, ...] | None = None

    @property
    def rank(self) -> int | None:
        return None if self.shape is None else len(self.shape)

    @property
    def fixed(self) -> bool:
        """Whether the shape is known to its last dimension."""
        return self.shape is not None and None not in self.shape

    @property
    def floating(self) -> bool:
        return "float" in self.dtype


@dataclass(frozen=True)
class Op:
    """One operation. `inputs` and `outputs` name tensors; an input left out is ''.

    `type` is the format's own word, `kind` the common one (`edgebench.converters.lint.kinds`);
    a type that has no common word keeps its own in lower case. `attributes` are the format's own,
    by its names, with scalars and tuples as values; a transpose has its order as `perm` in all.
    """

    name: str
    type: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class LintGraph:
    """A file as rules see it. Ops stand in the order in which they are executed.

    `format` and `precision` are those of the artifact (`tflite`, `int8`); `inputs` and `outputs`
    name tensors. `partitions` counts the pieces that the CPU's delegate runs the file in on this
    machine, and `outside` the ops, by type, that it leaves to others; both are None where that
    cannot be asked.
    """

    name: str
    format: str
    precision: str
    ops: tuple[Op, ...]
    tensors: Mapping[str, LintTensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    partitions: int | None = None
    outside: Mapping[str, int] | None = None
    refused: str | None = None

    @cached_property
    def maker(self) -> Mapping[str, Op]:
        """The op that makes a tensor, by the tensor's name."""
        return {name: op for op in self.ops for name in op.outputs}

    @cached_property
    def users(self) -> Mapping[str, tuple[Op, ...]]:
        """The ops that read a tensor, by the tensor's name; unread tensors are not in it."""
        users: dict[str, list[Op]] = {}
        for op in self.ops:
            for name in dict.fromkeys(op.inputs):
                if name:
                    users.setdefault(name, []).append(op)
        return {name: tuple(ops) for name, ops in users.items()}

    def read(self, op: Op) -> tuple[LintTensor, ...]:
        """The tensors that an op computes with: its inputs without those that lie in the file."""
        found = (self.tensors[name] for name in op.inputs if name)
        return tuple(tensor for tensor in found if not tensor.constant)

    def constants(self, op: Op) -> tuple[LintTensor, ...]:
        """The inputs of an op that lie in the file."""
        found = (self.tensors[name] for name in op.inputs if name)
        return tuple(tensor for tensor in found if tensor.constant)

    def written(self, op: Op) -> tuple[LintTensor, ...]:
        """The tensors that an op makes."""
        return tuple(self.tensors[name] for name in op.outputs if name)

    def of_kind(self, *kinds: str) -> tuple[Op, ...]:
        """The ops of these kinds, in order."""
        return tuple(op for op in self.ops if op.kind in kinds)
