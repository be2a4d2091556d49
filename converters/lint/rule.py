"""What a rule is, and what it finds.

A rule is data: what it looks for, where the knowledge comes from and how old that is, and what to
do. Its predicate is a function from a `Subject` to the places where the rule applies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from edgebench.converters.lint.graph import LintGraph, Op

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
"""From the mildest to the gravest.

info: costs little, or may be meant. warning: known to cost time, or not to run on the accelerator
that the rule is about. error: the file breaks its own format's rules, and will not run or be wrong.
"""


@dataclass(frozen=True)
class Reference:
    """Where a rule's knowledge comes from.

    `date` is that of what was read, as YYYY-MM-DD or YYYY-MM. What a source says may have changed
    since then; a rule is as old as its date.
    """

    title: str
    where: str
    date: str


@dataclass(frozen=True)
class Subject:
    """What a rule looks at: a file's graph and, where it was found, that of its baseline."""

    graph: LintGraph
    baseline: LintGraph | None = None


@dataclass(frozen=True)
class Spot:
    """One place where a rule applies: the op's name and type, and what is the matter there."""

    op: str
    detail: str = ""


@dataclass(frozen=True)
class Rule:
    """One piece of knowledge about what is slow, refused or wrong.

    `delegate` is the accelerator it is about (a key of `edgebench.converters.lint.delegates`), or
    None for what holds everywhere. `formats` are those that it can be asked of. `says` is a
    sentence without its full stop; `remedy` begins with a verb.
    """

    id: str
    severity: Severity
    formats: frozenset[str]
    delegate: str | None
    says: str
    remedy: str
    source: Reference
    find: Callable[[Subject], Iterable[Spot]]


@dataclass(frozen=True)
class LintFinding:
    """A rule that applies to a file, with all the places where it does."""

    rule: Rule
    spots: tuple[Spot, ...]


def at(op: Op, detail: str = "") -> Spot:
    """The place of an op."""
    return Spot(f"{op.type} {op.name}", detail)


def check(subject: Subject, rules: Iterable[Rule], delegates: Iterable[str]) -> list[LintFinding]:
    """All findings of the rules that apply to the file's format, gravest first.

    `delegates` names those that the user cares for; rules without a delegate always apply.
    """
    asked = {None, *delegates}
    findings = [
        LintFinding(rule, spots)
        for rule in rules
        if rule.delegate in asked
        and subject.graph.format in rule.formats
        and (spots := tuple(rule.find(subject)))
    ]
    return sorted(findings, key=lambda one: -SEVERITIES.index(one.rule.severity))
