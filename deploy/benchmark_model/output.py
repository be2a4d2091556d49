"""Read what LiteRT's `benchmark_model` prints.

It prints the times of the first and the last inference, and of all inferences the median (newer
versions) or only the mean (older ones). No option prints every time; neither the result proto nor
the profile has them (see tflite/tools/benchmark/ in google-ai-edge/LiteRT). Its lines, in
microseconds:

    INFO: Initialized session in 12.3ms.
    INFO: count=6 first=9124 curr=8817 min=8790 max=9124 avg=8871.2 std=114 p5=8790 median=8822 ...
    INFO: count=57 first=8803 curr=8811 min=8779 max=8925 avg=8812.4 std=24 p5=8781 median=8809 ...
    INFO: Inference timings in us: Init: 12345, First inference: 9124, Warmup (avg): ...
    INFO: Memory footprint delta from the start of the tool (MB): init=7.1 overall=9.8

The first list is the warm-up. Older versions print no "INFO: ", and no percentiles.

The tool of the CompiledModel API prints the two lists too, and in its own words:

    INFO: [benchmark_litert_model.h:91] Model initialization: 12.30 ms
    INFO: [benchmark_litert_model.h:93] Warmup (first):       9.12 ms
    INFO: [benchmark_litert_model.h:123] Overall footprint:    9.80 MB
    INFO: Replacing 1 out of 1 node(s) with delegate (DispatchDelegate) node, yielding 1 partitions
    for subgraph 0.                                   (this one in one line, as both tools print it)
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from edgebench.deploy.npu import compiler_log

NAME = "benchmark_model"

_PLAIN = r"^(?:INFO: )?"
_COUNT = re.compile(_PLAIN + r"count=(?P<count>\d+) (?P<rest>.*)$", re.MULTILINE)
_VALUE = re.compile(r"(first|curr|min|max|avg|std|median)=([-+.\de]+)")
_INIT = re.compile(r"(?:Initialized session in|Model initialization:) (?P<ms>[\d.e+]+) ?ms")
_FIRST = re.compile(
    r"Inference timings in us: .*First inference: (?P<us>[\d.e+]+)"
    r"|Warmup \(first\): +(?P<ms>[\d.e+]+) ms"
)
_MEMORY = re.compile(r"(?:Memory footprint delta .*overall=|Overall footprint: +)(?P<mb>[\d.e+]+)")
_REPLACED = re.compile(
    r"Replacing (?P<taken>\d+) out of (?P<nodes>\d+) node\(s\) with delegate "
    r"\((?P<delegate>[^)]*)\) node, yielding (?P<partitions>\d+) partitions"
)
_APPLIED = re.compile(
    r"Explicitly applied (?P<name>\S+) delegate, and the model graph will be "
    r"(?P<how>completely|partially) executed by the delegate(?: w/ (?P<kernels>\d+) delegate kern)?"
)
_COMPLAINT = re.compile(
    r"error|fail|cannot|can't|unable|abort|denied|not found|invalid|please", re.IGNORECASE
)
_GENERAL = re.compile(r"Benchmarking failed|^INFO|^VERBOSE")
_BENEATH = "└ "
"""Begins a line with the reason, where the line above is only a place in LiteRT's sources."""
_PLACE = re.compile(r"^(?:└ +|ERROR: *|\[[^\]\s]+:\d+\] *)+")
_FATAL = re.compile(r"^FATAL: (?P<reason>.*\S)", re.MULTILINE)
_FLAG = re.compile(r"--(\w+)=")

OUT_OF_TIME = 124
"""The exit status of `timeout` where it had to end what it ran."""


@dataclass(frozen=True)
class InferenceTimes:
    """What is known about `count` inferences: the first, and the `kind` of average of all."""

    count: int
    first_ns: int
    level_ns: int
    kind: Literal["median", "mean"]

    @property
    def settled_ns(self) -> float:
        """The average without the first inference, which is usually an outlier."""
        if self.kind == "median" or self.count < 2:
            return self.level_ns
        return (self.level_ns * self.count - self.first_ns) / (self.count - 1)


@dataclass(frozen=True)
class ReplacedNodes:
    """So many of a graph's nodes went to a delegate, in `partitions`, as LiteRT says it."""

    delegate: str
    taken: int
    nodes: int
    partitions: int


@dataclass(frozen=True)
class ToolOutput:
    """One run of the tool. `kernels` counts the nodes of the graph that run on the delegate.

    `replaced` is what LiteRT itself says of each delegate, in its order.
    """

    init_s: float | None
    first_inference_s: float | None
    memory_bytes: int | None
    warmup: InferenceTimes | None
    timed: InferenceTimes | None
    kernels: int
    replaced: tuple[ReplacedNodes, ...] = ()


def parse(text: str) -> ToolOutput:
    """Read what the tool printed; fields that it did not print are None."""
    times = [_times(one) for one in _COUNT.finditer(text)]
    init, first, memory = (one.search(text) for one in (_INIT, _FIRST, _MEMORY))
    return ToolOutput(
        init_s=float(init["ms"]) / 1e3 if init else None,
        first_inference_s=_first_s(first) if first else None,
        memory_bytes=round(float(memory["mb"]) * 2**20) if memory else None,
        warmup=times[0] if len(times) > 1 else None,
        timed=times[-1] if times else None,
        kernels=sum(_kernels(one) for one in _APPLIED.finditer(text)),
        replaced=tuple(
            ReplacedNodes(
                one["delegate"], int(one["taken"]), int(one["nodes"]), int(one["partitions"])
            )
            for one in _REPLACED.finditer(text)
        ),
    )


def operators(replaced: Sequence[ReplacedNodes]) -> dict[str, int] | None:
    """The graph's operators by what runs them: a delegate, or `cpu` for LiteRT's own kernels.

    Delegates are applied one after another, and each finds the nodes of those before it among the
    graph's. None where no delegate says anything: then nothing is known of the graph either.
    """
    if not replaced:
        return None
    found: dict[str, int] = {}
    earlier = 0
    for one in replaced:
        found[one.delegate] = found.get(one.delegate, 0) + one.taken
        left = one.nodes - one.taken - earlier
        earlier += one.partitions
    return {**found, "cpu": max(left, 0)}


def _first_s(found: re.Match[str]) -> float:
    return float(found["us"]) / 1e6 if found["us"] else float(found["ms"]) / 1e3


def _times(found: re.Match[str]) -> InferenceTimes | None:
    count = int(found["count"])
    values = {name: float(value) for name, value in _VALUE.findall(found["rest"])}
    if count == 0 or "curr" not in values:
        return None
    # If all times are the same or there is only one, the tool prints only that.
    last = values["curr"]
    kind: Literal["median", "mean"] = "median" if "median" in values else "mean"
    level = values.get("median", values.get("avg", last))
    return InferenceTimes(count, round(values.get("first", last) * 1e3), round(level * 1e3), kind)


def _kernels(applied: re.Match[str]) -> int:
    return 1 if applied["how"] == "completely" else int(applied["kernels"] or 1)


def failure(status: int, text: str) -> str | None:
    """Why a run of the tool failed, in one sentence; None if it worked."""
    if status == 0:
        found = parse(text).timed
        return None if found else f"{NAME} printed no times; is it LiteRT's?"
    if status == OUT_OF_TIME:
        return f"{NAME} did not end in time, and was stopped"
    fatal = _FATAL.search(text)
    if fatal:
        return f"{NAME}: {fatal['reason']}"
    if status - 128 in {*signal.Signals}:
        name = signal.Signals(status - 128).name
        more = ", as Android does when memory runs out" if name == "SIGKILL" else ""
        return f"{NAME} was stopped by {name}{more}"
    complaining = [
        one
        for one in text.splitlines()
        if (one.startswith(_BENEATH) or _COMPLAINT.search(one)) and not _GENERAL.search(one)
    ]
    told = [said for one in complaining if (said := _PLACE.sub("", one).strip())]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = (told or lines or [f"exit status {status}"])[-1]
    return "; ".join((f"{NAME}: {reason}", *_by_the_compiler(text)))


def _by_the_compiler(text: str) -> Iterator[str]:
    """What the compiler for an NPU said of it, if one was used."""
    compiled, cause = compiler_log.read(text), compiler_log.cause(text)
    if compiled.operators is not None:
        parts = f"{compiled.partitions} part" + "s" * (compiled.partitions != 1)
        yield (
            f"the NPU's compiler takes {compiled.selected} of {compiled.operators} operators, in "
            f"{parts}"
        )
    if cause is not None:
        yield f"the NPU's compiler stopped at: {cause}"


def flags(usage: str) -> frozenset[str]:
    """The options that the tool's own help lists."""
    return frozenset(_FLAG.findall(usage))
