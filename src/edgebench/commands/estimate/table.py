"""The compilers' answers as people read them: one line a file, one column a SoC."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from edgebench import console
from edgebench.benchmarks.formatting import megabytes, milliseconds, signed
from edgebench.commands.estimate.answers import CompilerAnswers
from edgebench.converters.analysis.vela import VelaEstimate
from edgebench.deploy.npu.compiler import NpuPlacement

MISSING = "-"

VELA = (">est. Mcycles", ">est. ms", ">est. overhead", ">on CPU", ">SRAM MB")


def show(answers: CompilerAnswers) -> None:
    """Print the table to stdout, with what it leaves out below it."""
    columns = (f">{npu}" for npu in answers.socs)
    table = console.table("artifact", *columns, *(VELA if answers.accelerator else ()))
    for path in answers.files:
        placed = (_placed(answers.placement(path, npu)) for npu in answers.socs)
        estimated = _estimated(answers.estimate(path), answers) if answers.accelerator else ()
        table.add_row(path.name, *placed, *estimated)
    for column in table.columns:
        column.overflow = "fold"
    console.show(table)
    for line in (
        *_legend(answers),
        *_left(answers),
        *_beside_baseline(answers),
        *_failures(answers),
    ):
        print(line)


def _placed(found: NpuPlacement | None) -> str:
    """276 of 276, or 260 of 273, 4 parts."""
    if found is None:
        return MISSING
    parts = f", {found.partitions} parts" if found.partitions != 1 else ""
    return f"{found.taken} of {found.operators}{parts}"


def _estimated(found: VelaEstimate | None, answers: CompilerAnswers) -> tuple[str, ...]:
    if found is None:
        return (MISSING,) * len(VELA)
    first = answers.estimate(answers.files[0])
    share = found.estimated_cycles / first.estimated_cycles - 1 if first else None
    return (
        f"{found.estimated_cycles / 1e6:.2f}",
        milliseconds(found.estimated_s),
        "baseline" if found is first else MISSING if share is None else signed(share),
        f"{found.operators_cpu} of {found.operators_cpu + found.operators_npu}",
        megabytes(found.sram_bytes),
    )


def _legend(answers: CompilerAnswers) -> Iterator[str]:
    """What the figures are, and whose word."""
    placed = [one for one in answers.given.values() if isinstance(one, NpuPlacement)]
    for tool in dict.fromkeys(one.tool for one in placed):
        yield (
            "Operators that the NPU takes, and in how many parts if more than one, by the compiler "
            f"({tool}). Nothing was run or measured."
        )
    first = next((one for one in answers.given.values() if isinstance(one, VelaEstimate)), None)
    if first:
        yield (
            f"Estimates by {first.tool} for {first.accelerator} in {first.system} at "
            f"{first.clock_hz / 1e6:.0f} MHz. Nothing was run or measured."
        )


def _left(answers: CompilerAnswers) -> Iterator[str]:
    """What stays on the CPU, by file: the SoCs that leave the same stand together."""
    for path in answers.files:
        leaving: dict[tuple[str, ...], list[str]] = {}
        for soc in answers.socs:
            found = answers.placement(path, soc)
            if found is not None and found.left:
                leaving.setdefault(tuple(_counted(found)), []).append(soc)
        for operators, socs in leaving.items():
            yield f"{path.name}, left to the CPU by {', '.join(socs)}:"
            yield from (f"  {one}" for one in operators)


def _counted(found: NpuPlacement) -> Iterator[str]:
    """Each kind of operator that is left, once: 2 ADD (INT64, INT64 -> INT64)."""
    kinds = Counter(
        f"{one.type} ({', '.join(one.inputs)} -> {', '.join(one.outputs)})" for one in found.left
    )
    for kind, count in kinds.most_common():
        yield f"{count} {kind}"


def _beside_baseline(answers: CompilerAnswers) -> Iterator[str]:
    """Which files are cut into more parts than the first: its attention leaves the NPU."""
    baseline, *others = answers.files
    for path in others:
        cut: dict[str, list[str]] = {}
        for soc in answers.socs:
            first, found = answers.placement(baseline, soc), answers.placement(path, soc)
            if first and found and found.partitions > first.partitions:
                more = len(found.left) - len(first.left)
                left = f"leaves {more} operators more and " if more > 0 else ""
                said = f"{left}is cut into {found.partitions} parts instead of {first.partitions}"
                cut.setdefault(said, []).append(soc)
        for said, socs in cut.items():
            yield f"Against {baseline.name}, {path.name} {said} ({', '.join(socs)})."


def _failures(answers: CompilerAnswers) -> Iterator[str]:
    """Why there is no answer, each reason once."""
    reasons: dict[str, list[str]] = {}
    for (path, npu), error in answers.failed.items():
        whole = error.message + (f"; {error.remedy}" if error.remedy else "")
        reasons.setdefault(whole, []).append(f"{path.name} on {npu}")
    for reason, cells in reasons.items():
        more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
        yield f"No answer for {cells[0]}{more}: {reason}"
