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
# [compiled_model.cc:1393] Failed to apply compiler plugins: No compiler plugin found
APPLIED = re.compile(r"\b(\d+) compiler plugins were applied successfully")
FAILED = "Failed to apply compiler plugins"


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
    partitions, left = None, None
    compiled = _compiled(text) if delegate == NPU else None
    if found.replaced:
        others = [one for one in found.replaced if not is_own(one.delegate, delegate)]
        own = (one.partitions for one in found.replaced if is_own(one.delegate, delegate))
        partitions = sum(own)
        left = tuple(one.delegate for one in others for _ in range(one.partitions))
    elif compiled:
        partitions = compiled.partitions
        left = () if compiled.taken == compiled.operators else None
    elif delegate == NPU and _nothing_compiled(text):
        partitions = 0
    counts = operators(found.replaced)
    return Delegation(partitions, left, _of_the_file(counts, delegate, text))


def of_interpreter(found: ToolOutput, delegate: str, profiled: str | None) -> Delegation:
    """From the lines of the Interpreter's tool, and from its profile where it makes one."""
    left = None if profiled is None else profile.left_over(profiled, delegate)
    return Delegation(found.kernels, left, operators(found.replaced))


@dataclass(frozen=True)
class _Compiled:
    """What the compiler for an NPU took of a file's operators, in so many parts."""

    taken: int
    operators: int
    partitions: int


def _compiled(text: str) -> _Compiled | None:
    """None if the compiler said nothing, or if what it took was not used.

    It may say what it takes and then fail to compile it.
    """
    said = compiler_log.read(text)
    if said.selected is None or said.operators is None or said.partitions is None:
        return None
    if _nothing_compiled(text):
        return None
    return _Compiled(said.selected, said.operators, said.partitions)


def _nothing_compiled(text: str) -> bool:
    """Whether LiteRT says that no compiler's work was used."""
    plugins = APPLIED.findall(text)
    return (bool(plugins) or FAILED in text) and not any(map(int, plugins))


def _of_the_file(counts: dict[str, int] | None, delegate: str, text: str) -> dict[str, int] | None:
    """Counts of a graph's operators, with those of the file in the place of the compiler's.

    None where the compiler did not say what it took, such as of a model that was compiled before.
    """
    if delegate != NPU or _nothing_compiled(text):
        return counts
    compiled = _compiled(text)
    if compiled is None:
        return None
    others = {name: count for name, count in (counts or {}).items() if name not in (DISPATCH, CPU)}
    left = compiled.operators - compiled.taken - sum(others.values())
    return {DISPATCH: compiled.taken, **others, CPU: max(left, 0)}
