"""The matrix as a table, and what did not pass with its reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from edgebench import console
from edgebench.commands.matrix.cells import FAILED, PASSED, REFUSED, MatrixCell, ModelCells

_NOT_PROVED = "-"


def show(found: Sequence[ModelCells]) -> None:
    """Print both to stdout."""
    forms = _forms(found)
    table = console.table("model", *forms)
    for one in found:
        table.add_row(one.model, *(_cell(one, form) for form in forms))
    console.show(table)
    for line in (*_reasons(found), *_npus(found)):
        print(line)
    print(_counts(found))


def markdown(found: Sequence[ModelCells]) -> str:
    """Both as Markdown."""
    forms = _forms(found)
    lines = [
        "| model | " + " | ".join(forms) + " |",
        "| --- |" + " --- |" * len(forms),
        *(
            f"| `{one.model}` | " + " | ".join(_cell(one, form) for form in forms) + " |"
            for one in found
        ),
        "",
        *(f"- {line}" for line in (*_reasons(found), *_npus(found))),
        "",
        _counts(found),
    ]
    return "\n".join(lines) + "\n"


def _forms(found: Iterable[ModelCells]) -> list[str]:
    targets = (cell.target for one in found for cell in one.cells)
    return list(dict.fromkeys(target.partition(":")[0] for target in targets))


def _cell(one: ModelCells, form: str) -> str:
    """The precisions of one format: how many passed, and what happened to the others."""
    cells = [cell for cell in one.cells if cell.target.partition(":")[0] == form]
    if not cells:
        return _NOT_PROVED
    by_status = {
        status: [_precision(cell) for cell in cells if cell.status == status]
        for status in (PASSED, FAILED, REFUSED)
    }
    said = [f"{len(by_status[PASSED])} passed"] if by_status[PASSED] else []
    for status in (FAILED, REFUSED):
        if by_status[status]:
            said.append(f"{', '.join(by_status[status])} {status}")
    return "; ".join(said)


def _precision(cell: MatrixCell) -> str:
    return cell.target.partition(":")[2]


def _reasons(found: Iterable[ModelCells]) -> list[str]:
    """Each reason once, with all that it befell."""
    befell: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in found:
        for cell in one.cells:
            if cell.status != PASSED:
                befell[cell.status, cell.reason].append(f"{one.model} {cell.target}")
    return [f"{status}: {reason} ({', '.join(who)})" for (status, reason), who in befell.items()]


def _npus(found: Iterable[ModelCells]) -> list[str]:
    """How many TFLite files each NPU takes whole, and what it leaves of the others."""
    whole: dict[str, list[bool]] = defaultdict(list)
    leaving: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        for cell in one.cells:
            for npu, operators in cell.npu_left.items():
                whole[npu].append(not operators)
                if operators:
                    leaving[npu][", ".join(sorted(operators))].append(f"{one.model} {cell.target}")
    lines = []
    for npu, taken in whole.items():
        lines.append(f"{npu} takes {sum(taken)} of {len(taken)} TFLite files whole")
        lines += [f"{npu} leaves {kinds} ({', '.join(who)})" for kinds, who in leaving[npu].items()]
    return lines


def _counts(found: Iterable[ModelCells]) -> str:
    statuses = [cell.status for one in found for cell in one.cells]
    counts = (f"{statuses.count(status)} {status}" for status in (PASSED, FAILED, REFUSED))
    return f"{len(statuses)} cells: " + ", ".join(counts)
