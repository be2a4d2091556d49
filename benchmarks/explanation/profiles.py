"""Which counted operation each line of a runtime's profile stands for.

ONNX Runtime and OpenVINO name operations after the graph's nodes. XNNPACK names them by type only,
but runs them in the file's order, so the two sequences are aligned by their kinds, like two
strings by their letters (Needleman and Wunsch 1970). In both cases a runtime may have merged
several operations into one line, or added lines of its own (reorders, copies): a line that stands
for no operation is attributed to the operation before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgebench.converters.artifact import Operation, OperationKind
from edgebench.deploy.documents.result import ProfiledOperation

# The first pattern found in a type gives its kind; a type that matches none moves data.
_KINDS: tuple[tuple[str, OperationKind], ...] = (
    (r"dwconv|depthwise|groupconv", "depthwise"),
    (r"conv(?!ert)", "convolution"),
    (r"fully.?connected|gemm|matmul|inner.?product", "convolution"),
    (r"mean|reduce|pool|^sum", "pooling"),
    (r"mul|div", "multiply"),
    (r"add|sub|eltwise", "add"),
    (r"sigmoid|logistic|swish|relu|clamp|clip|unary|softmax|gelu|tanh", "activation"),
)
_NAMES_SUFFICE = 0.5
"""Names are used if at least this share of a profile's lines is found by name."""
_GAP, _MISMATCH, _NEAR = 2, 5, 1
_BOUNDARY = re.compile(r"[_/.:]")


@dataclass(frozen=True)
class Placed:
    """A line of a profile and its operation; `exact` if the line stands for that operation."""

    line: ProfiledOperation
    operation: Operation | None
    exact: bool


def place(lines: Sequence[ProfiledOperation], counted: Sequence[Operation]) -> list[Placed]:
    """Find each line's operation. `operation` is None before the first one that is found."""
    found = _by_name(lines, counted)
    if sum(one is not None for one in found) < _NAMES_SUFFICE * len(lines):
        found = _by_order(lines, counted)
    placed: list[Placed] = []
    last = None
    for line, operation in zip(lines, found, strict=True):
        last = operation or last
        placed.append(Placed(line, last, operation is not None))
    return placed


def kind_of(type_: str) -> OperationKind:
    """The kind of an operation from the runtime's name of its type."""
    lowered = type_.lower()
    return next((kind for pattern, kind in _KINDS if re.search(pattern, lowered)), "move")


def _by_name(
    lines: Sequence[ProfiledOperation], counted: Sequence[Operation]
) -> list[Operation | None]:
    known: dict[str, Operation] = {}
    last = None
    for one in counted:
        # An activation that moves nothing is computed in the operation before it.
        if last is None or one.kind != "activation" or one.read_bytes + one.written_bytes:
            last = one
        known.update(dict.fromkeys(one.name.split(";"), last))
    return [
        next((known[name] for name in _prefixes(line.name) if name in known), None)
        for line in lines
    ]


def _prefixes(name: str) -> Iterator[str]:
    """The name and its prefixes up to a boundary, longest first: runtimes append to names."""
    yield name
    for end in reversed([match.start() for match in _BOUNDARY.finditer(name)]):
        yield name[:end]


def _by_order(
    lines: Sequence[ProfiledOperation], counted: Sequence[Operation]
) -> list[Operation | None]:
    """The alignment of least cost, where gaps on either side cost less than a wrong kind."""
    rows = [kind_of(line.type) for line in lines]
    columns: list[OperationKind] = [_class(one.kind) for one in counted]
    width = len(columns) + 1
    costs = [[_GAP * column for column in range(width)]]
    for number, row in enumerate(rows, 1):
        above, line_costs = costs[-1], [_GAP * number]
        for column in range(1, width):
            line_costs.append(
                min(
                    above[column - 1] + _cost(row, columns[column - 1]),
                    above[column] + _GAP,
                    line_costs[column - 1] + _GAP,
                )
            )
        costs.append(line_costs)
    found: list[Operation | None] = [None] * len(rows)
    row_at, column_at = len(rows), len(columns)
    while row_at and column_at:
        here = costs[row_at][column_at]
        step = _cost(rows[row_at - 1], columns[column_at - 1])
        if here == costs[row_at - 1][column_at - 1] + step:
            row_at, column_at = row_at - 1, column_at - 1
            if step < _MISMATCH:
                found[row_at] = counted[column_at]
        elif here == costs[row_at - 1][column_at] + _GAP:
            row_at -= 1
        else:
            column_at -= 1
    return found


def _class(kind: OperationKind) -> OperationKind:
    """Runtimes compute a 1x1 convolution as a linear layer and vice versa."""
    return "convolution" if kind == "linear" else kind


def _cost(row: OperationKind, column: OperationKind) -> int:
    if row == column:
        return 0
    # Some runtimes call a depthwise convolution a convolution.
    return _NEAR if {row, column} == {"convolution", "depthwise"} else _MISMATCH
