"""`edgebench lint`: what is known to be slow or refused, found in the file itself."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edgebench import arguments, console
from edgebench.commands.common import exits
from edgebench.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from edgebench.converters.lint.lint import Report
    from edgebench.converters.lint.rule import LintFinding, Rule

HELP = "find operations that are slow, or that an accelerator refuses"

EXAMPLES = """\
  edgebench lint artifacts/*.int8.tflite
  edgebench lint model.onnx --delegate xnnpack,gpu --fail-on warning
  edgebench lint --rules                       all rules, with their sources
"""

ALL = "all"
FAIL_ON = ("info", "warning", "error", "never")
STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}
KINDS_SHOWN = 6


@dataclass(frozen=True)
class LintOptions:
    """The files to check, for which accelerators, and what makes the command fail."""

    artifact: tuple[Path, ...] = ()
    delegate: tuple[str, ...] = (ALL,)
    baseline: Path | None = None
    fail_on: Literal["info", "warning", "error", "never"] = "error"
    rules: bool = False
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = arguments.adder(parser, LintOptions)
    help_ = "model files or folders, in any format"
    add("artifact", nargs="*", type=Path, metavar="ARTIFACT", help=help_)
    add("--delegate", type=arguments.names, metavar="A,B", help="accelerators to check, or all")
    help_ = "file to compare with (default: the baseline that the manifest names)"
    add("--baseline", type=Path, metavar="FILE", help=help_)
    help_ = f"exit with code {exits.ABOVE} for findings of this severity or above"
    add("--fail-on", choices=FAIL_ON, help=help_)
    add("--rules", action="store_true", help="list the rules, with their sources and dates")
    add("--json", action="store_true", help="print JSON")


def options(namespace: argparse.Namespace) -> LintOptions:
    return arguments.read(LintOptions, namespace)


def execute(options: LintOptions) -> int:
    delegates = _delegates(options.delegate)
    if options.rules:
        return _list_rules(delegates, options.json)
    if not options.artifact:
        raise UsageError("no artifact is named", "name files or folders, or ask for --rules")
    from edgebench.converters.lint.lint import lint

    reports = [lint(path, delegates, options.baseline) for path in options.artifact]
    if options.json:
        print(json.dumps([_record(report) for report in reports], indent=1))
    else:
        for report in reports:
            _show(report)
        print("This is knowledge from documents, not measurement: edgebench run measures.")
    least = options.fail_on
    failed = least != "never" and any(one.reaches(least) for one in reports)
    return exits.ABOVE if failed else exits.DONE


def _delegates(names: tuple[str, ...]) -> tuple[str, ...]:
    from edgebench.converters.lint.delegates import DELEGATES

    if ALL in names:
        return tuple(DELEGATES)
    for name in names:
        if name not in DELEGATES:
            raise UnknownNameError("delegate", name, {*DELEGATES, ALL})
    return names


def _list_rules(delegates: tuple[str, ...], as_json: bool) -> int:
    from rich.padding import Padding
    from rich.text import Text

    from edgebench.converters.lint.all_rules import RULES

    rules = [rule for rule in RULES if rule.delegate is None or rule.delegate in delegates]
    if as_json:
        print(json.dumps([_rule_record(rule) for rule in rules], indent=1))
        return 0
    out = console.results(100)
    for rule in rules:
        where = rule.delegate or "any runtime"
        head = Text(f"{rule.severity:<8}", STYLES[rule.severity]).append(rule.id, "bold")
        out.print(head.append(f" ({where}; {', '.join(sorted(rule.formats))})"))
        for line in (f"{rule.says}.", _source(rule)):
            out.print(Padding(Text(line), (0, 0, 0, 8)))
    return 0


def _source(rule: Rule) -> str:
    return f"source: {rule.source.title}; {rule.source.where} ({rule.source.date})"


def _rule_record(rule: Rule) -> dict[str, object]:
    return {
        "rule": rule.id,
        "severity": rule.severity,
        "delegate": rule.delegate,
        "says": rule.says,
        "remedy": rule.remedy,
        "source": asdict(rule.source),
    }


def _show(report: Report) -> None:
    from rich.padding import Padding
    from rich.text import Text

    out = console.results(100)
    beside = f", against {report.baseline}" if report.baseline else ", without a baseline"
    out.print(Text(f"{report.artifact} ({report.format} {report.precision}{beside})", "bold"))
    for finding in report.findings:
        rule = finding.rule
        head = Text(f"  {rule.severity:<8}", STYLES[rule.severity])
        out.print(head.append(rule.id, "bold").append(f", {_places(finding)}"))
        for line in (f"{rule.says}.", *_kinds(finding), f"-> {rule.remedy}."):
            out.print(Padding(Text(line), (0, 0, 0, 10)))
        out.print(Padding(Text(_source(rule), "dim"), (0, 0, 0, 10)))
    counts = Counter[str](finding.rule.severity for finding in report.findings)
    found = ", ".join(f"{counts[name]} {name}" for name in STYLES if counts[name])
    out.print(Text(f"  {found or 'nothing found'}"))
    if report.clear:
        out.print(Text(f"  takes all of it, as far as is known: {', '.join(report.clear)}"))
    out.print()


def _places(finding: LintFinding) -> str:
    count = len(finding.spots)
    return f"{count} place{'' if count == 1 else 's'}"


def _kinds(finding: LintFinding) -> Iterator[str]:
    """A line for each type of operation: how many, and the first of them."""
    by_type: dict[str, list[str]] = {}
    for spot in finding.spots:
        kind, _, name = spot.op.partition(" ")
        by_type.setdefault(kind, []).append(f"{name}: {spot.detail}" if spot.detail else name)
    for kind, places in list(by_type.items())[:KINDS_SHOWN]:
        if len(places) == 1:
            yield f"{kind} {places[0]}"
        else:
            yield f"{len(places)} {kind}, first {places[0]}"
    if len(by_type) > KINDS_SHOWN:
        yield f"and {len(by_type) - KINDS_SHOWN} more types of operation; --json names all"


def _record(report: Report) -> dict[str, object]:
    return {
        "artifact": report.artifact,
        "format": report.format,
        "precision": report.precision,
        "baseline": report.baseline,
        "knowledge": "from documents, not measured",
        "clear": report.clear,
        "findings": [
            _rule_record(one.rule) | {"spots": [asdict(spot) for spot in one.spots]}
            for one in report.findings
        ],
    }
