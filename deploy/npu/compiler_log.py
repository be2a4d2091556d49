"""What LiteRT's compiler for NPUs prints, read as data.

Its lines come from several libraries through two streams, and may be cut by one another. So only
short patterns are looked for, and what is missing is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# Partitioned subgraph<0>, selected 276 ops, from a total of 276 ops. resulted in 1 partitions.
PARTITIONED = re.compile(
    r"Partitioned subgraph<\d+>, selected (\d+) ops, from a total of (\d+) ops\. "
    r"resulted in (\d+) partitions"
)
# LiteRT Op #255 'ArgMax' (code=56) is not supported in Qualcomm Compiler.
REFUSED = re.compile(r"^LiteRT Op #\d+ '[^']+' \(code=\d+\) is not supported", re.MULTILINE)
TENSOR = re.compile(r'^ +\[0\] name="([^"]*)"', re.MULTILINE)
# QNN op validation failed: 'Argmax_255' (type=Argmax)
#   Inputs:
#     [0] name="0_litert_421" dtype=QNN_DATATYPE_SFIXED_POINT_8 dims=[1,2100,18] per-tensor-quant
CHECKED = re.compile(r"^QNN op validation failed: '[^']*' \(type=(\w+)\)", re.MULTILINE)
DTYPE = re.compile(r"^ +\[\d+\] name=\"[^\"]*\" dtype=QNN_DATATYPE_(\w+)", re.MULTILINE)

SDK = re.compile(r"SDK version: v?([\w.]+)")
NUMBER = re.compile(r"Initializing QNN backend for SoC model: (\d+)")
HEXAGON = re.compile(r"will overwrite it to (\d+)")
TRAFFIC = re.compile(r"^.*\b(spill|fill|read_total|write_total)_bytes=(\d+)", re.MULTILINE)

# Why a compiler did nothing, the most telling first; the group is what to tell.
REASONS = (
    re.compile(r"Unexpected (SoC model: \S+)"),
    re.compile(r"(lib\S+\.so[.\d]*): cannot open shared object file"),
    re.compile(r"Failed to load (NeuronAdapter shared library)"),
    re.compile(r"(undefined symbol: [^\s.]+)"),
    re.compile(r"Unsupported (SoC model: \S+)"),
    re.compile(r'("[^"\n]+" generated: could not create op)'),  # The library's, of a graph it took.
)
ERROR = re.compile(r"(?:ERROR: \[[^\]]*\] *)+([^\s\[].*)$", re.MULTILINE)


@dataclass(frozen=True)
class CompilerLog:
    """What the log says. All is None or empty where it says nothing.

    selected, operators, partitions: over all subgraphs.
    refused: for the tensor that a refused operator makes, the types that the NPU's library was
        asked for, such as ("SFIXED_POINT_8", "INT_64"); none where it was not asked.
    sdk: the version of the vendor's libraries. number, hexagon: see `socs.Soc`.
    traffic_bytes: what the compiler's schedule reads from and writes to memory outside the NPU.
    """

    selected: int | None
    operators: int | None
    partitions: int | None
    refused: Mapping[str, tuple[str, ...]]
    sdk: str | None
    number: int | None
    hexagon: int | None
    traffic_bytes: int | None


def read(text: str) -> CompilerLog:
    """Read a log. Never fails: what it does not understand it leaves out."""
    counts = [tuple(map(int, found)) for found in PARTITIONED.findall(text)]
    selected, operators, partitions = (
        (None, None, None) if not counts else map(sum, zip(*counts, strict=True))
    )
    traffic = [int(size) for kind, size in TRAFFIC.findall(text) if kind.endswith("_total")]
    return CompilerLog(
        selected=selected,
        operators=operators,
        partitions=partitions,
        refused=_refused(text),
        sdk=_first(SDK, text),
        number=_number(NUMBER, text),
        hexagon=_number(HEXAGON, text),
        traffic_bytes=sum(traffic) if traffic else None,
    )


def reason(text: str) -> str:
    """Why the compiler made nothing, in its own words."""
    errors = ERROR.findall(text)
    return cause(text) or (errors[-1] if errors else "it gave no reason")


def cause(text: str) -> str | None:
    """What the compiler lacks or does not know, None if it is nothing of the known kinds."""
    for pattern in REASONS:
        found = pattern.search(text)
        if found:
            return found.group(1)
    return None


def _refused(text: str) -> dict[str, tuple[str, ...]]:
    """The types that each refused operator asked the NPU's library for, by its output's name."""
    refused: dict[str, tuple[str, ...]] = {}
    before = 0
    for found in REFUSED.finditer(text):
        listed = text.find("Outputs:", found.end())
        name = TENSOR.search(text, listed) if listed >= 0 else None
        checked = list(CHECKED.finditer(text, before, found.start()))
        types = DTYPE.findall(text, checked[-1].end(), found.start()) if checked else ()
        if name:
            refused[name.group(1)] = tuple(types)
        before = found.end()
    return refused


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found.group(1) if found else None


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    found = _first(pattern, text)
    return None if found is None else int(found)
