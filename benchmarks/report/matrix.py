"""A fleet's results by model and device: the table behind every report of a fleet."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from edgebench.benchmarks.formatting import MISSING, signed, signed_in
from edgebench.benchmarks.report import columns
from edgebench.benchmarks.report.columns import COUNTED, UNTRUSTED
from edgebench.benchmarks.report.context import facts
from edgebench.benchmarks.report.headline import headline, warnings
from edgebench.benchmarks.report.wording import alike, sentence
from edgebench.benchmarks.results.comparison import GroupComparison, ModelRow
from edgebench.benchmarks.runs.fleet import FleetComparison, MemberComparison

ANSWERS = {
    "supported": "less than {} on",
    "no difference": "no difference on",
    "refuted": "more than {} on",
    "mixed": "it depends on the model on",
    "undecided": "undecided whether above {} on",
    "no verdict": "no verdict on",
    "counted": "instructions counted, not timed, on",
    "failed": "nothing measured on",
}
"""The answer for devices whose runs have one outcome, the best first."""


@dataclass(frozen=True)
class Cell:
    """One model on one device: its figure, the outcome, and the number of the note on it.

    `row` is None if the device has no result for the model.
    """

    device: str
    figure: str
    outcome: str
    row: ModelRow | None = None
    note: int | None = None


@dataclass(frozen=True)
class Line:
    """One model, device by device."""

    model: str
    cells: tuple[Cell, ...]

    @property
    def worst(self) -> float:
        """The largest overhead that any of the devices shows."""
        found = [cell.row.overhead.value for cell in self.cells if cell.row and cell.row.overhead]
        return max(found, default=float("-inf"))


@dataclass(frozen=True)
class Section:
    """The models that share a baseline, format and precision (`kind`), the most expensive first."""

    name: str
    kind: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Note:
    """Why there is no verdict on a device; the first of those that differ in figures only."""

    number: int
    device: str
    reason: str


Notes = dict[tuple[str, Hashable], Note]
"""By device and reason without its figures."""


@dataclass(frozen=True)
class Matrix:
    """All models and precisions that any of the devices has, with the notes on the figures."""

    sections: tuple[Section, ...]
    notes: tuple[Note, ...]

    @property
    def cells(self) -> Iterator[Cell]:
        return (c for part in self.sections for line in part.lines for c in line.cells)


def matrix(found: FleetComparison) -> Matrix:
    """The results of every model on every device."""
    notes: Notes = {}
    models: dict[tuple[str, str], dict[str, None]] = {}
    for member in found.members:
        for group, row in _judged(member):
            key = group.title, group.kind
            models.setdefault(key, {})[columns.model(row)] = None
            if row.verdict is not None and row.verdict.outcome == "no verdict":
                reason = row.verdict.reasons[0]
                note = Note(len(notes) + 1, member.device, sentence(reason))
                notes.setdefault((member.device, alike(reason)), note)
    sections = tuple(
        Section(*key, tuple(sorted(_lines(found, key[0], own, notes), key=lambda one: -one.worst)))
        for key, own in models.items()
    )
    return Matrix(sections, tuple(notes.values()))


def _judged(member: MemberComparison) -> Iterator[tuple[GroupComparison, ModelRow]]:
    if member.comparison is not None:
        for group in member.comparison.groups:
            # A row without a verdict is a baseline, or of a format that the device does not run.
            yield from ((group, row) for row in group.rows if row is not group.rows[0])


def _lines(
    found: FleetComparison,
    group: str,
    models: dict[str, None],
    notes: Notes,
) -> Iterator[Line]:
    for model in models:
        yield Line(model, tuple(_cell(one, group, model, notes) for one in found.members))


def _cell(member: MemberComparison, group: str, model: str, notes: Notes) -> Cell:
    rows = (row for own, row in _judged(member) if own.title == group)
    row = next((one for one in rows if columns.model(one) == model), None)
    if row is None:
        return Cell(member.device, MISSING, "failed" if member.failure else "")
    if row.instruction_overhead is not None:
        figure = f"{signed(row.instruction_overhead)} {COUNTED}"
        return Cell(member.device, figure, "instructions", row)
    if not row.runs_here or row.verdict is None:
        return Cell(member.device, MISSING, "not run here", row)
    figure = MISSING
    if row.overhead is not None:
        figure = signed_in(row.overhead.value, row.overhead.interval)
    if row.verdict.outcome != "no verdict":
        return Cell(member.device, figure, row.verdict.outcome, row)
    figure += f" {UNTRUSTED}" if row.overhead is not None else ""
    note = notes[member.device, alike(row.verdict.reasons[0])]
    return Cell(member.device, figure, "no verdict", row, note.number)


def outcome(member: MemberComparison) -> str:
    """How a member's run ended: its headline's outcome, or "failed"."""
    return headline(member.comparison).outcome if member.comparison is not None else "failed"


def answer(found: FleetComparison) -> str:
    """The answer in one sentence: what overheads there are on which devices."""
    allowed = f"{found.threshold * 100:.3g} %"
    parts = []
    for name, words in ANSWERS.items():
        devices = [member.device for member in found.members if outcome(member) == name]
        if devices:
            parts.append(f"{words.format(allowed)} {', '.join(devices)}")
    return f"Overhead by device: {'; '.join(parts)}."


def answers(found: FleetComparison) -> list[tuple[str, str, str]]:
    """Each device, its outcome, and its answer or why there is none."""
    said = []
    for member in found.members:
        words = [headline(member.comparison).answer] if member.comparison is not None else []
        if member.failure is not None:
            words.append(f"{member.failure}. What to do: {member.remedy}.")
        said.append(
            (
                member.device,
                outcome(member),
                " ".join(words) or "The run was interrupted before this device was measured.",
            )
        )
    return said


def remarks(found: FleetComparison) -> list[str]:
    """The notes on all devices."""
    return [
        f"{member.device}: {warning}"
        for member in found.members
        if member.comparison is not None
        for warning in warnings(member.comparison)
    ]


def contexts(found: FleetComparison) -> list[tuple[str, tuple[str, ...]]]:
    """Facts by name, and what they are for each device that measured anything."""
    told = [dict(facts(comparison)) for comparison in found.measured]
    names = dict.fromkeys(name for one in told for name in one)
    return [(name, tuple(one.get(name, MISSING) for one in told)) for name in names]
