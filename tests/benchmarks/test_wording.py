"""Ids and values in the documents, words in the reports: every id has words that fit its values."""

from __future__ import annotations

import ast
import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from machines import BLOCKS, EVIDENCE, FINE, late, machine, processes
from replay import QUIET, Replay, ReplayedDevice

from edgebench import benchmarks
from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.gate import machine_checks, run_checks
from edgebench.benchmarks.gate.check import failed
from edgebench.benchmarks.gate.machine_state import MachineState
from edgebench.benchmarks.gate.noise_floor import NoiseFloor, warning
from edgebench.benchmarks.gate.run_checks import Evidence
from edgebench.benchmarks.gate.setting import Setting
from edgebench.benchmarks.planning.sizing import Forecast, Size
from edgebench.benchmarks.report import html, markdown, terminal, wording
from edgebench.benchmarks.results import run_folder, sustained
from edgebench.benchmarks.results import warnings as run_warnings
from edgebench.benchmarks.results.accuracy import Answers
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.results.energy import LoadedBlock, energy
from edgebench.benchmarks.runs import offline_plan
from edgebench.benchmarks.statistics.call import CallShare
from edgebench.benchmarks.statistics.paired import overhead
from edgebench.deploy.documents.result import (
    EvaluationResult,
    MeasuredBlock,
    SampleSummary,
)
from edgebench.documents import dump, load, save
from edgebench.intervals import Interval

CHECKS = (
    *(*run_checks.RUNS, *run_checks.GATE, *run_checks.NOTES),
    *(*machine_checks.GATE, *machine_checks.NOTES),
)

TELLS_NOTHING = {"thermal_status": None, "temperatures_c": None, "frequencies_khz": None}

STATES: dict[str, Callable[[], MachineState]] = {
    "throttled": lambda: machine(told=lambda i: {"throttled": True}),
    "thermal_status": lambda: machine(told=lambda i: {"thermal_status": 3}),
    "saves_power": lambda: machine(told=lambda i: {"saves_power": True}),
    "slowed_down": lambda: machine(
        told=lambda i: {"probe_ns": (late(60_000, 40_000)(i),) * 5, **TELLS_NOTHING}
    ),
    "frequency_changed": lambda: machine(
        told=lambda i: {"frequencies_khz": {"cpu0": late(1_500_000, 2_400_000)(i)}}
    ),
    "governor_changed": lambda: machine(
        told=lambda i: {"governors": late(("powersave",), ("performance",))(i)}
    ),
    "charger_changed": lambda: machine(told=lambda i: {"charging": late(True, False)(i)}),
    "wrong_core": lambda: machine(told=lambda i: {"core": 3}, cores=(0, 1)),
    "unequal_cores": lambda: machine(
        [1.35 if index % 3 == 0 else 1.0 for index in range(BLOCKS)],
        told=lambda i: {"core": 2 if i % 3 == 0 else 0},
    ),
    "no_core_of_its_own": lambda: machine(after=lambda i: {"own_s": i * 2.0 + 1.2}),
    "stolen_time": lambda: machine(
        before=lambda i: {"steal_s": i * 1.0}, after=lambda i: {"steal_s": i + 1.0}
    ),
    "long_run_queue": lambda: machine(told=lambda i: {"running": 9}),
    "probe_time_changed": lambda: machine(
        told=lambda i: {"probe_ns": (late(50_000, 40_000)(i),) * 5}
    ),
    "speed_changed": lambda: machine([1.4] * 10 + [1.0] * 10),
    "drift": lambda: machine([1 + 0.06 * index / BLOCKS for index in range(BLOCKS)]),
    "busy_neighbours": lambda: machine(after=lambda i: {"busy_s": i * 2.0 + 5.0}),
    "low_battery": lambda: machine(told=lambda i: {"battery_percent": 12.0}),
    "hot": lambda: machine(told=lambda i: {"temperatures_c": {"soc": 91.0}}),
}
"""A machine that fails the check, by its id."""

MOODY = [0.2 * (index % 2) for index in range(8)]

RUNS: dict[str, Evidence] = {
    "not_reached": replace(EVIDENCE, evaluation=None),
    "does_not_run": replace(EVIDENCE, evaluation=EvaluationResult("crashed")),
    "baseline_does_not_run": replace(EVIDENCE, baseline_evaluation=EvaluationResult("crashed")),
    "too_few_processes": replace(EVIDENCE, overhead=None, processes=EVIDENCE.processes[:3]),
    "depends_on_speed": replace(EVIDENCE, processes=processes(disturbed=0.06)),
    "not_settled": replace(EVIDENCE, processes=processes(settling=0.03)),
    "coarse_clock": replace(EVIDENCE, clock_s=0.001),
    "hidden_by_the_call": replace(EVIDENCE, call=CallShare(0.9, None, 2e-5, 1e-4)),
    "waited": EVIDENCE,
    "other_caches": replace(EVIDENCE, overhead=overhead([0.01] * 8, after_another=[0.2] * 8)),
    "delegate_lost": replace(EVIDENCE, evaluation=EvaluationResult(None, partitions=0)),
    "baseline_delegate_lost": replace(
        EVIDENCE, baseline_evaluation=EvaluationResult(None, partitions=0)
    ),
    "placement_unknown": replace(EVIDENCE, delegate="npu", evaluation=EvaluationResult(None)),
    "processes_disagree": replace(EVIDENCE, overhead=overhead(MOODY), processes=processes(MOODY)),
    "partitioned": replace(EVIDENCE, evaluation=replace(FINE, partitions=3)),
    "partly_quantised": replace(
        EVIDENCE, evaluation=replace(FINE, layer_types={"u8": 20, "f32": 4})
    ),
    "unsteady": replace(EVIDENCE, steady_share=0.2),
    "summaries_disagree": replace(
        EVIDENCE, overhead=overhead([-0.05] * 8, others={"p90": [0.05] * 8})
    ),
}
"""The evidence of a run that fails the check, by its id."""

SETTING = Setting("litert 2", "Cortex-A76", 1, "xnnpack", None, ("performance",))
FLOOR = NoiseFloor("board", "2026-11-01", Interval(-0.01, 0.01), "tflite", "fp32", "m", SETTING)

SLOTS = ("scenes_v2", "scenes_v2_se", "scenes_v2_ca")
LATENCY = {f"{model}.{kind}.tflite": 0.002 for model in SLOTS for kind in ("fp32", "int8")}


@pytest.fixture
def warnings(replay: Replay, tmp_path: Path) -> tuple[Diagnostic, ...]:
    """Those of a run in which all went wrong that a run as a whole can be warned of."""
    replay(ReplayedDevice(LATENCY))
    folder = run_folder.latest(tmp_path / "runs", "replayed")
    result = run_folder.read_result(folder)
    first, second, *others = result.blocks
    turns = tuple(replace(one, summary=SampleSummary("median", 50)) for one in second.turns)
    blocks = (replace(first, error="crash", turns=()), replace(second, turns=turns), *others)
    result = replace(result, blocks=blocks)
    run = run_folder.read_run(folder, result, "replayed")
    slot, reference = next(iter(run.references.items()))
    nothing = {role: np.full_like(array, np.nan) for role, array in reference.items()}
    run = replace(run, cores_known=8, outputs={slot: nothing})
    answers = Answers(run)
    assert answers.drift(slot) is None
    short = replace(second, turns=(replace(turns[0], samples_ns=(500_000,)),))
    npu = replace(
        run,
        plan=replace(run.plan, delegate="npu"),
        result=replace(result, blocks=(short,)),
    )
    asked = (*run_warnings.warnings(npu), sustained.unanswered(run, slot, 0))
    return (*asked, *run_warnings.warnings(run), *answers.warnings)


def loads() -> Iterator[Diagnostic]:
    """Why energy is not known, in each way."""
    charge = {"charge_uah": 3_000_000, "voltage_uv": 4_000_000}
    power = {"current_ua": -500_000, "voltage_uv": 4_000_000}
    for counters, charging, count in (
        (None, False, 3),
        (power, True, 3),
        (power, False, 3),
        (charge, False, 3),
    ):
        told = replace(QUIET, charging=charging, battery_counters=counters)
        blocks = [
            MeasuredBlock(0, 0, "a", None, told, replace(told, unix_s=told.unix_s + second), (), ())
            for second in range(count)
        ]
        unknown = energy([LoadedBlock("a", one, 0.01) for one in blocks], {"a": "a"}).unknown
        assert unknown is not None
        yield unknown


@pytest.fixture
def found(warnings: tuple[Diagnostic, ...]) -> dict[str, Diagnostic]:
    """One diagnostic of every id, as the code makes it."""
    every = [
        *(failed((_check(id),), state())[0] for id, state in STATES.items()),
        *(failed((_check(id),), evidence)[0] for id, evidence in RUNS.items()),
        *warnings,
        *loads(),
        *(
            one
            for floor, setting in ((FLOOR, SETTING), (FLOOR, replace(SETTING, threads=4)))
            for day in ("2026-11-02", "2027-11-01")
            if (one := warning(floor, "board", day, setting))
        ),
        *(offline_plan.guess("board", pace_s) for pace_s in (None, 0.01)),
    ]
    return {one.id: one for one in every}


def _check(id: str) -> run_checks.Check:
    return next(check for check in CHECKS if check.id == id)


def test_every_id_has_words_and_every_word_its_id(found: dict[str, Diagnostic]) -> None:
    assert set(found) == set(wording.WORDS)
    assert {check.id for check in CHECKS} <= set(found)
    assert {id for id in _written_ids() if id not in wording.UNJUDGED} <= set(found)


def _written_ids() -> Iterator[str]:
    """The ids that stand in the code."""
    for path in Path(benchmarks.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="Diagnostic"), args=[ast.Constant(value=id), *_]):
                    yield str(id)


def test_the_words_fit_the_values(found: dict[str, Diagnostic]) -> None:
    for one in found.values():
        for text in (wording.sentence(one), wording.remedy(one)):
            assert "{" not in text and text == text.strip() and not text.endswith(".")
        assert wording.sentence(one)
        used = {
            field
            for template in wording.WORDS[one.id]
            for _, field, _, _ in string.Formatter().parse(template)
            if field
        }
        assert used <= one.values.keys()


def test_what_withholds_a_verdict_says_what_to_do(found: dict[str, Diagnostic]) -> None:
    for check in CHECKS:
        assert wording.remedy(found[check.id]), check.id


def test_every_one_is_kept_as_it_is(found: dict[str, Diagnostic], tmp_path: Path) -> None:
    forecast = Forecast(Size(6, 6, {}), 0.2, 6, 10.0, 3.0, 0.02, None, tuple(found.values()))
    save(tmp_path / "forecast.json", forecast)
    assert load(tmp_path / "forecast.json", Forecast) == forecast


def test_the_documents_hold_no_sentence_and_the_reports_do(
    found: dict[str, Diagnostic], replay: Replay, tmp_path: Path
) -> None:
    comparison = withheld(replay(ReplayedDevice(LATENCY)), tuple(found.values()))
    result = run_folder.read_result(run_folder.latest(tmp_path / "runs", "replayed"))
    document = dump(comparison)
    for words in wording.WORDS.values():
        for template in words:
            for text, *_ in string.Formatter().parse(template):
                assert len(text) < 10 or text not in document
    with terminal.Console(record=True, width=4000, file=open(tmp_path / "out", "w")) as console:
        terminal.render(comparison, console)
    pages = console.export_text(), markdown.render(comparison), html.render(comparison, result)
    for one in comparison.warnings:
        assert all(wording.sentence(one)[:20] in page.replace("&#39;", "'") for page in pages)


def withheld(comparison: Comparison, found: tuple[Diagnostic, ...]) -> Comparison:
    """The same with everything wrong that can be."""
    (group, *others) = comparison.groups
    baseline, row, *rows = group.rows
    assert row.verdict is not None
    verdict = replace(row.verdict, outcome="no verdict", reasons=found, notes=found)
    group = replace(group, rows=(baseline, replace(row, verdict=verdict), *rows))
    return replace(comparison, groups=(group, *others), warnings=found)
