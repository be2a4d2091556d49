"""Verdicts as JUnit XML, which every CI system shows.

There is no standard; this is the part that all readers agree on (Jenkins' junit-10.xsd): a
`testsuites` with one `testsuite`, its counts, and a `testcase` an artifact, which has a `failure`
or a `skipped` with a message in it, or neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from edgebench.benchmarks.comparison import Comparison
from edgebench.benchmarks.regression import Change, Shift
from edgebench.benchmarks.wording import signed, signed_in

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped (section 2.2); an error's text may."""


@dataclass(frozen=True)
class Case:
    """One test case. `message` says why it failed or was skipped; `output` what was measured."""

    group: str
    name: str
    status: Literal["passed", "failed", "skipped"]
    message: str = ""
    output: str = ""


def render(suite: str, started: str, cases: Sequence[Case]) -> str:
    """The document. `started` is an ISO time."""
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.status == "failed" for case in cases)),
        "errors": "0",
        "skipped": str(sum(case.status == "skipped" for case in cases)),
    }
    root = ElementTree.Element("testsuites", counts)
    parent = ElementTree.SubElement(
        root, "testsuite", {"name": suite, "timestamp": started.removesuffix("Z"), **counts}
    )
    for case in cases:
        element = ElementTree.SubElement(
            parent, "testcase", {"classname": case.group, "name": _clean(case.name), "time": "0"}
        )
        child = {"failed": "failure", "skipped": "skipped"}.get(case.status)
        if child:
            ElementTree.SubElement(element, child, {"message": _clean(case.message)})
        if case.output:
            ElementTree.SubElement(element, "system-out").text = _clean(case.output)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _clean(text: str) -> str:
    return FORBIDDEN.sub("?", text)


def of_change(change: Change) -> list[Case]:
    """A case for every artifact of two runs; a baseline that is not judged is none."""
    return [_of_shift(one) for one in change.shifts if one.outcome != "baseline"]


def _of_shift(shift: Shift) -> Case:
    status: Literal["passed", "failed", "skipped"] = "passed"
    message = ""
    if shift.outcome == "regressed":
        status, message = "failed", sentence(shift)
    elif shift.outcome == "not judged":
        status, message = "skipped", "; ".join(shift.reasons)
    group = f"edgebench.{shift.format}.{shift.precision}"
    return Case(group, shift.model, status, message, sentence(shift))


def sentence(shift: Shift) -> str:
    """What moved, in one line."""
    parts = [
        f"{name} moved by {signed_in(found.value, found)}"
        for name, found in (("overhead", shift.overhead), ("latency", shift.latency))
        if found is not None
    ]
    return f"{shift.name} {shift.outcome}: {', '.join(parts) or 'nothing to compare'}"


def of_run(comparison: Comparison, limit: float) -> list[Case]:
    """A case for every verdict of one run; an overhead above the limit with confidence fails."""
    cases = []
    for group in comparison.groups:
        for row in group.rows:
            if row.verdict is None:
                continue
            status: Literal["passed", "failed", "skipped"] = "passed"
            message = ""
            if row.verdict.outcome == "no verdict":
                status, message = "skipped", "; ".join(row.verdict.reasons)
            elif row.overhead is not None and row.overhead.interval.low > limit:
                found = signed_in(row.overhead.value, row.overhead.interval)
                status, message = "failed", f"overhead {found} is above {signed(limit)}"
            where = f"edgebench.{group.format}.{group.precision}"
            cases.append(Case(where, row.model, status, message, row.verdict.sentence))
    return cases
