"""Read the profile by operation that LiteRT's tools print, such as `benchmark_model` on a phone.

    benchmark_model --graph=model.tflite --enable_op_profiling=true
    benchmark_model ... --op_profiling_output_mode=csv

Both list the operations in the order they ran, under the title "Run Order". Times are in ms,
averaged over the inferences:

    [node type]  [start]  [first]  [avg ms]  [%]  [cdf%]  [mem KB]  [times called]  [Name]
    node type, start, first, avg_ms, %, cdf%, mem KB, times called, name

"start" is missing in newer versions. A node type may contain commas, also in CSV, so a line is
recognised by the numbers in its middle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from edgebench.deploy.documents.result import Profile, ProfiledOperation
from edgebench.errors import InvalidFileError

SOURCE = "benchmark_model"

_SECTION = re.compile(r"=+ *(?P<title>[^=]+?) *=+")
_RUN_ORDER = "Run Order"
_REGULAR = "Operator-wise Profiling Info for Regular Benchmark Runs"
_INSIDE = "Delegate internal"
_DELEGATE = re.compile(r"DELEGATE|TfLite\w*Delegate\w*")
_INNER = "Delegate/"
"""Begins the types of what runs inside a delegate, where the tool lists that in its stead."""

_NUMBER = r"-?[\d.]+(?:e[+-]?\d+)?"
_GAP = r"(?:, *|[ \t]+)"
_LINE = re.compile(
    rf"\s*(?P<type>\S.*?){_GAP}(?:{_NUMBER}{_GAP})?{_NUMBER}{_GAP}(?P<average_ms>{_NUMBER}){_GAP}"
    rf"{_NUMBER}%{_GAP}{_NUMBER}%{_GAP}{_NUMBER}{_GAP}(?P<calls>\d+){_GAP}(?P<name>.*\S)\s*"
)
_TIMINGS = re.compile(r"Timings \(microseconds\): count=(?P<count>\d+)[^\n]* avg=(?P<avg>[\d.e+]+)")


def read(path: Path) -> Profile:
    """The profile in a file. Raises `InvalidFileError` if the file has none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidFileError(f"cannot read {path}: {error.strerror}", "check the path") from error
    found = parse(text)
    if not found.operations:
        raise InvalidFileError(
            f"{path} contains no profile by operation",
            "make it with: benchmark_model --enable_op_profiling=true",
        )
    return found


def parse(text: str) -> Profile:
    """The profile in a tool's output. The profile of the initialisation, if any, is left out.

    A delegate that is one line of the list is replaced by its own list, if the tool printed it.
    `inferences` and `whole_s` come from the tool's summary, or from the lines if it is missing.
    """
    regular = text[text.find(_REGULAR) :] if _REGULAR in text else text
    outside, _, inside = regular.partition(_INSIDE)
    within = [*_operations(inside)]
    lines = [
        one for one in _operations(outside) if not (within and _DELEGATE.fullmatch(one["type"]))
    ]
    lines += within
    operations = tuple(
        ProfiledOperation(one["name"], one["type"], float(one["average_ms"]) / 1e3) for one in lines
    )
    calls = [int(one["calls"]) for one in lines]
    timings = _TIMINGS.search(outside)
    return Profile(
        source=SOURCE,
        inferences=int(timings["count"]) if timings else max(calls, default=0),
        whole_s=float(timings["avg"]) / 1e6 if timings else sum(one.time_s for one in operations),
        operations=operations,
    )


def left_over(text: str, delegate: str) -> tuple[str, ...]:
    """The types of the operations that a plan's delegate does not run, in the order they ran.

    LiteRT runs on XNNPACK what another delegate leaves, without being asked.
    """
    regular = text[text.find(_REGULAR) :] if _REGULAR in text else text
    outside = regular.partition(_INSIDE)[0]
    return tuple(one["type"] for one in _operations(outside) if not _takes(delegate, one["type"]))


def _takes(delegate: str, kind: str) -> bool:
    """Whether an operation of this type is a node of the delegate."""
    if "XNNPack" in kind or kind.startswith(_INNER):
        return delegate == "xnnpack"
    return _DELEGATE.fullmatch(kind) is not None


def _operations(text: str) -> Iterator[re.Match[str]]:
    """The lines under "Run Order"."""
    title = ""
    for line in text.splitlines():
        section = _SECTION.search(line)
        if section:
            title = section["title"]
        found = _LINE.fullmatch(line) if title == _RUN_ORDER else None
        if found:
            yield found
