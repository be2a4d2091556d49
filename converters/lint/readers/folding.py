"""What is computed from weights alone is no operation of a running graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from edgebench.converters.lint.graph import LintTensor, Op


def without_constant_ops(
    ops: Iterable[Op], tensors: Mapping[str, LintTensor]
) -> tuple[list[Op], dict[str, LintTensor]]:
    """Leave out the ops that compute from constants only, and mark what they make as constant.

    Such as weights that lie in the file in int8 or fp16: every runtime expands them once while it
    loads. Ops come in the order in which they are executed.
    """
    left, known = [], dict(tensors)
    for op in ops:
        read = [known[name] for name in op.inputs if name]
        if read and all(tensor.constant for tensor in read):
            for name in op.outputs:
                known[name] = replace(known[name], constant=True)
        else:
            left.append(op)
    return left, known
