"""Verdicts as JUnit XML, which every CI system shows.

There is no standard; this is the part that all readers support (Jenkins' junit-10.xsd): a
`testsuites` with a `testsuite` a run, their counts, and a `testcase` an artifact, which has a
`failure`, an `error` or a `skipped` with a message in it, or none of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from xml.etree import ElementTree

from edgebench.benchmarks.formatting import signed, signed_in
from edgebench.benchmarks.gate.verdict import Outcome, Verdict
from edgebench.benchmarks.report.verdicts import verdict
from edgebench.benchmarks.report.wording import sentence, unjudged
from edgebench.benchmarks.results.comparison import Comparison, GroupComparison, ModelRow
from edgebench.benchmarks.results.regression import Change, Shift
from edgebench.benchmarks.runs.fleet import FleetComparison

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot contain, not even escaped (section 2.2); an error's text may."""

Status = Literal["passed", "failed", "error", "skipped"]

CHILDREN = {"failed": "failure", "error": "error", "skipped": "skipped"}
"""The element in a test case that says so."""


@dataclass(frozen=True)
class Case:
    """One test case. `message` says why it did not pass; `output` what was measured."""

    group: str
    name: str
    status: Status
    message: str = ""
    output: str = ""


@dataclass(frozen=True)
class Suite:
    """The cases of one run, on one device. `started` is an ISO time."""

    name: str
    started: str
    cases: tuple[Case, ...]

    @property
    def failed(self) -> bool:
        return any(case.status == "failed" for case in self.cases)


def render(suites: Sequence[Suite]) -> str:
    """The document."""
    every = [case for suite in suites for case in suite.cases]
    root = ElementTree.Element("testsuites", _counts(every))
    for suite in suites:
        head = {"name": _clean(suite.name), "timestamp": suite.started.removesuffix("Z")}
        parent = ElementTree.SubElement(root, "testsuite", {**head, **_counts(suite.cases)})
        for case in suite.cases:
            name = {"classname": _clean(case.group), "name": _clean(case.name), "time": "0"}
            element = ElementTree.SubElement(parent, "testcase", name)
            if case.status in CHILDREN:
                message = {"message": _clean(case.message)}
                ElementTree.SubElement(element, CHILDREN[case.status], message)
            if case.output:
                ElementTree.SubElement(element, "system-out").text = _clean(case.output)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(sum(case.status == "failed" for case in cases)),
        "errors": str(sum(case.status == "error" for case in cases)),
        "skipped": str(sum(case.status == "skipped" for case in cases)),
    }


def _clean(text: str) -> str:
    return FORBIDDEN.sub("?", text)


def of_change(change: Change) -> Suite:
    """A case for every artifact of two runs; a baseline that is not judged is none."""
    cases = tuple(_of_shift(one) for one in change.shifts if one.outcome != "baseline")
    return Suite(f"edgebench compare {change.before} {change.after}", change.after_started, cases)


def _of_shift(shift: Shift) -> Case:
    status: Status = "passed"
    message = ""
    if shift.outcome == "regressed":
        status, message = "failed", _moved(shift)
    elif shift.outcome == "not judged":
        status, message = "skipped", "; ".join(map(unjudged, shift.reasons))
    group = f"edgebench.{shift.format}.{shift.precision}"
    return Case(group, shift.model, status, message, _moved(shift))


def _moved(shift: Shift) -> str:
    """What moved, in one line."""
    parts = [
        f"{name} moved by {signed_in(found.value, found)}"
        for name, found in (("overhead", shift.overhead), ("latency", shift.latency))
        if found is not None
    ]
    return f"{shift.name} {shift.outcome}: {', '.join(parts) or 'nothing to compare'}"


def of_run(comparison: Comparison, limit: float | None = None, force: bool = False) -> Suite:
    """A case for every verdict of one run.

    What is supported passes, what is refuted fails, what is undecided is skipped, and what has no
    verdict is an error: the test could not be carried out, which must not count as a pass. With a
    `limit` the verdict's threshold is not used: what is above the limit with confidence fails, and
    the rest passes. Counted instructions decide nothing and are skipped.
    See `verdict` for `force`.
    """
    cases = tuple(
        _of_row(group, row, row.verdict, verdict(row, comparison.threshold, force), limit)
        if row.verdict
        else _counted(group, row)
        for group in comparison.groups
        for row in group.rows
        if row.verdict is not None or row.instruction_overhead is not None
    )
    return Suite(f"edgebench run {comparison.run}", comparison.started, cases)


OUTCOMES: dict[Outcome, Status] = {
    "supported": "passed",
    "no difference": "passed",
    "refuted": "failed",
    "undecided": "skipped",
    "no verdict": "error",
}


def _of_row(
    group: GroupComparison, row: ModelRow, found: Verdict, said: str, limit: float | None
) -> Case:
    status, message = OUTCOMES[found.outcome], said
    if found.outcome == "no verdict":
        message = "; ".join(map(sentence, found.reasons))
    elif limit is not None and row.overhead is not None:
        status = "failed" if row.overhead.interval.low > limit else "passed"
        overhead = signed_in(row.overhead.value, row.overhead.interval)
        message = f"overhead {overhead} is above {signed(limit)}"
    where = f"edgebench.{group.format}.{group.precision}"
    return Case(where, row.model, status, "" if status == "passed" else message, said)


def _counted(group: GroupComparison, row: ModelRow) -> Case:
    assert row.instruction_overhead is not None
    said = f"counted, not timed: {signed(row.instruction_overhead)} instructions"
    return Case(f"edgebench.{group.format}.{group.precision}", row.model, "skipped", said, said)


def of_fleet(
    found: FleetComparison, limit: float | None = None, force: bool = False
) -> list[Suite]:
    """A suite for every device of a fleet; one that failed, or was not reached, is an error."""
    suites = []
    for member in found.members:
        suite = Suite(f"edgebench run {member.run}", found.started, ())
        if member.comparison is not None:
            suite = of_run(member.comparison, limit, force)
        cases = suite.cases
        if member.failure is not None or not cases:
            message = member.failure or "nothing was measured"
            cases = (*cases, Case("edgebench.device", member.device, "error", message))
        cases = tuple(replace(one, group=f"{member.device}.{one.group}") for one in cases)
        suites.append(replace(suite, name=f"{member.device}: {suite.name}", cases=cases))
    return suites
