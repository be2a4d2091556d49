"""How much of a graph a delegate runs, from all that LiteRT's tools say of it.

What they say, the most exact first: the file about the graph (`runtime_info`), the lines of LiteRT
and of its compiler for NPUs, and the profile, which only names what is left.

The compiler replaces each part that the NPU takes by one operator, before any delegate sees the
graph. So only its own line tells how many operators of the file a part stands for.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from edgebench.deploy.benchmark_model import profile
from edgebench.deploy.benchmark_model.output import ToolOutput, operators
from edgebench.deploy.benchmark_model.runtime_info import CPU, RuntimeInfo
from edgebench.deploy.npu import compiler_log

DISPATCH = "DispatchDelegate"
XNNPACK = "XNNPack"
NPU = "npu"

# [compiled_model.cc:1324] 0 compiler plugins were applied successfully:
APPLIED = re.compile(r"\b(\d+) compiler plugins were applied successfully")


@dataclass(frozen=True)
class Delegation:
    """What a delegate runs; see `EvaluationResult` for the fields. None is unknown."""

    partitions: int | None
    left: tuple[str, ...] | None
    operators: dict[str, int] | None


def is_own(name: str, delegate: str) -> bool:
    """Whether a delegate of LiteRT, by its name there, is the one that a plan asks for.

    LiteRT runs on XNNPACK what another delegate leaves, without being asked.
    """
    if delegate == "xnnpack":
        return XNNPACK in name
    if delegate == NPU:
        return name == DISPATCH
    return XNNPACK not in name and name not in (DISPATCH, CPU)


def of_nodes(info: RuntimeInfo, delegate: str, text: str) -> Delegation:
    """From the file about the graph; `text` is what the tool printed when it compiled."""
    counts = {name: 0 for name in info.kernels}
    counts.update(Counter(one.by for one in info.operators))
    return Delegation(
        partitions=sum(is_own(name, delegate) for name in info.kernels),
        left=tuple(one.type for one in info.operators if not is_own(one.by, delegate)),
        operators=_of_the_file({CPU: 0, **counts}, delegate, text),
    )


def of_compiled(found: ToolOutput, delegate: str, text: str) -> Delegation:
    """From the lines of the CompiledModel API's tool, which runs all of a model there or fails.

    What other delegates took counts as left, by their names.
    """
    compiled = compiler_log.read(text)
    plugins = APPLIED.findall(text)
    partitions, left = None, None
    if found.replaced:
        others = [one for one in found.replaced if not is_own(one.delegate, delegate)]
        partitions = sum(one.partitions for one in found.replaced) - sum(
            one.partitions for one in others
        )
        left = tuple(one.delegate for one in others for _ in range(one.partitions))
    elif delegate == NPU and plugins and not any(map(int, plugins)):
        partitions = 0
    elif delegate == NPU and compiled.partitions is not None:
        partitions = compiled.partitions
        left = () if compiled.selected == compiled.operators else None
    counts = operators(found.replaced)
    return Delegation(partitions, left, _of_the_file(counts, delegate, text))


def of_interpreter(found: ToolOutput, delegate: str, profiled: str | None) -> Delegation:
    """From the lines of the Interpreter's tool, and from its profile where it makes one."""
    left = None if profiled is None else profile.left_over(profiled, delegate)
    return Delegation(found.kernels, left, operators(found.replaced))


def _of_the_file(counts: dict[str, int] | None, delegate: str, text: str) -> dict[str, int] | None:
    """Counts of a graph's operators, with those of the file in the place of the compiler's.

    None where the compiler did not say what it took, such as of a model that was compiled before.
    """
    if delegate != NPU:
        return counts
    compiled = compiler_log.read(text)
    plugins = APPLIED.findall(text)
    if compiled.selected is None or compiled.operators is None:
        return counts if plugins and not any(map(int, plugins)) else None
    others = {name: count for name, count in (counts or {}).items() if name not in (DISPATCH, CPU)}
    left = compiled.operators - compiled.selected - sum(others.values())
    return {DISPATCH: compiled.selected, **others, CPU: max(left, 0)}
