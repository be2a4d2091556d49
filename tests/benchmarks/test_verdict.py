"""Verdicts: what is said for a known overhead, and when nothing is said."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from machines import EVIDENCE, processes
from replay import Replay, ReplayedDevice
from rich.console import Console

from edgebench.benchmarks.gate.verdict import judge
from edgebench.benchmarks.report import terminal, wording
from edgebench.benchmarks.report.verdicts import verdict
from edgebench.benchmarks.results.comparison import Comparison, ModelRow
from edgebench.benchmarks.statistics.paired import overhead

BASE, CA = "scenes_v2.fp32.tflite", "scenes_v2_ca.fp32.tflite"


def device(overhead: float, **options: object) -> ReplayedDevice:
    """A device on which coordinate attention costs so much and nothing else anything."""
    slots = [
        f"{model}.{precision}.tflite"
        for model in ("scenes_v2", "scenes_v2_se", "scenes_v2_ca")
        for precision in ("fp32", "int8")
    ]
    return ReplayedDevice({**dict.fromkeys(slots, 0.002), CA: 0.002 * (1 + overhead)}, **options)


def row(comparison: Comparison, slot: str = CA) -> ModelRow:
    return next(r for group in comparison.groups for r in group.rows if r.slot == slot)


def verdict_on(replay: Replay, replayed: ReplayedDevice, **options: object) -> tuple[str, str]:
    comparison = replay(replayed, **options)
    found = row(comparison).verdict
    assert found is not None
    return found.outcome, verdict(row(comparison), comparison.threshold)


@pytest.mark.parametrize(
    ("overhead", "outcome"), [(0.01, "supported"), (-0.2, "supported"), (0.5, "refuted")]
)
def test_a_clear_overhead_has_a_clear_verdict(
    overhead: float, outcome: str, replay: Replay
) -> None:
    assert verdict_on(replay, device(overhead))[0] == outcome


def test_at_the_threshold_a_noisy_run_is_undecided(replay: Replay) -> None:
    outcome, sentence = verdict_on(replay, device(0.05, noise=0.05))
    assert outcome == "undecided"
    assert "too uncertain to compare with the 5 % allowed" in sentence


def test_an_undecided_run_says_what_is_known_and_what_it_would_take(replay: Replay) -> None:
    comparison = replay(device(0.044, noise=0.1), budget_s=20.0)
    found = row(comparison)
    assert found.verdict is not None and found.overhead is not None
    assert found.verdict.outcome == "undecided" and found.verdict.times_longer is not None
    sentence = verdict(found, comparison.threshold)
    assert f"below {100 * found.overhead.equivalence.high:.1f} % with 95 % confidence" in sentence
    assert "times as long would tell" in sentence


def test_the_threshold_is_the_users(replay: Replay) -> None:
    assert verdict_on(replay, device(0.08), threshold=0.1)[0] == "supported"
    assert verdict_on(replay, device(0.08), threshold=0.05)[0] == "refuted"


def test_a_refutation_says_how_little_counting_would_have_told(replay: Replay) -> None:
    _, sentence = verdict_on(replay, device(0.54, noise=0.0))
    assert sentence == (
        "refuted: scenes_v2_ca costs +54.0 % [54.0, 54.0] here, more than the 5 % allowed, "
        "although it adds only +2.5 % multiply-adds."
    )


def test_a_model_against_itself_shows_no_difference(replay: Replay) -> None:
    comparison = replay(device(0.0), models=(), against_itself=True)
    assert [v.outcome for v in comparison.verdicts] == ["no difference", "no difference"]
    assert "scenes_v2 against itself" in against_itself(comparison)


def test_a_machine_too_noisy_for_the_threshold_says_so_against_itself(replay: Replay) -> None:
    comparison = replay(device(0.0), models=(), against_itself=True, threshold=0.0001, seed=1)
    assert {v.outcome for v in comparison.verdicts} == {"undecided"}
    assert "too noisy" in against_itself(comparison)


def against_itself(comparison: Comparison) -> str:
    """What is said of the first baseline against itself."""
    return verdict(comparison.groups[0].rows[-1], comparison.threshold)


@pytest.mark.parametrize(
    ("options", "check", "reason"),
    [
        (
            {"errors": {CA: "5 outputs are not finite (NaN)"}},
            "does_not_run",
            "scenes_v2_ca does not run: 5 outputs are",
        ),
        (
            {"errors": {BASE: "corrupt"}},
            "baseline_does_not_run",
            "the baseline does not run: corrupt",
        ),
        ({"blocks": 5}, "too_few_processes", "only"),
        ({"partitions": {CA: 0}}, "delegate_lost", "scenes_v2_ca ran without the xnnpack delegate"),
        (
            {"partitions": {BASE: 0}},
            "baseline_delegate_lost",
            "the baseline ran without the xnnpack delegate",
        ),
        ({"throttled": True}, "throttled", "the processor was throttled for 100 % of the time"),
    ],
)
def test_a_run_that_cannot_be_trusted_has_no_verdict(
    options: dict[str, object], check: str, reason: str, replay: Replay
) -> None:
    comparison = replay(device(0.5, **options))
    found = row(comparison).verdict
    assert found is not None
    assert found.outcome == "no verdict"
    assert found.reasons[0].id == check
    assert reason in verdict(row(comparison), comparison.threshold)


def test_the_numbers_of_a_run_without_a_verdict_are_kept(replay: Replay) -> None:
    found = row(replay(device(0.5, core_share=0.5)))
    assert found.overhead is not None and found.overhead.value == pytest.approx(0.5, abs=0.05)


def test_a_failing_model_leaves_the_others_their_verdicts(replay: Replay) -> None:
    comparison = replay(device(0.5, errors={CA: "corrupt"}))
    outcomes = [v.outcome for v in comparison.verdicts]
    assert outcomes.count("no verdict") == 1
    assert outcomes.count("supported") == 3
    assert comparison.answered


def test_processes_that_disagree_are_noted(replay: Replay) -> None:
    class Moody(ReplayedDevice):
        def _block(self, plan, planned, chance):  # type: ignore[no-untyped-def]
            own = 1 + 0.03 * (planned.process % 5)
            moods = {CA: self.latency_s[CA] * own, BASE: self.latency_s[BASE] / own}
            moody = ReplayedDevice({**self.latency_s, **moods}, noise=self.noise)
            return moody._block(plan, planned, chance)

    found = row(replay(Moody(device(0.3).latency_s))).verdict
    assert found is not None and found.outcome == "refuted"
    assert "processes_disagree" in [one.id for one in found.notes]


def test_a_machine_that_drifts_a_little_is_noted_and_still_judged(replay: Replay) -> None:
    found = row(replay(device(0.5, drift=0.06))).verdict
    assert found is not None
    assert found.outcome == "refuted"
    assert [one.id for one in found.notes] == ["drift"]


def test_a_machine_that_changes_its_speed_is_judged_by_its_pairs(replay: Replay) -> None:
    found = row(replay(device(0.5, drift=0.6)))
    assert found.verdict is not None and found.verdict.outcome == "refuted"
    assert "speed_changed" in [one.id for one in found.verdict.notes]
    assert found.overhead is not None and found.overhead.value == pytest.approx(0.5, abs=0.01)


def test_what_slows_one_model_down_more_takes_the_verdict_away(replay: Replay) -> None:
    class Unfair(ReplayedDevice):
        def _block(self, plan, planned, chance):  # type: ignore[no-untyped-def]
            if planned.index % 5 == 0:
                return super()._block(plan, planned, chance)
            slow = {slot: time * 1.2 for slot, time in self.latency_s.items()}
            slow[CA] *= 1.2
            return ReplayedDevice(slow, noise=self.noise)._block(plan, planned, chance)

    outcome, sentence = verdict_on(replay, Unfair(device(0.1).latency_s))
    assert outcome == "no verdict"
    assert "hit one model more: the overhead is +3" in sentence
    assert re.search(r"\+(9|10)\.\d %", sentence.partition("but")[2])


def test_what_would_be_said_is_kept_and_marked_and_so_is_what_to_do(replay: Replay) -> None:
    comparison = replay(device(0.5, throttled=True))
    found = row(comparison).verdict
    assert found is not None and found.outcome == "no verdict" and found.forced == "refuted"
    forced = verdict(row(comparison), comparison.threshold, force=True)
    assert re.match(r"\? refuted: scenes_v2_ca costs \+(49\.9|50\.0) %", forced)
    assert "let the device cool down" in wording.remedy(found.reasons[0])


@pytest.mark.parametrize("types", [{"u8": 20, "f32": 4}, {"u8": 20}, {"f32": 24}])
def test_layers_that_a_quantised_model_runs_in_float_are_noted(
    types: dict[str, int], replay: Replay
) -> None:
    found = row(replay(device(0.5, layer_types={CA: types}))).verdict
    assert found is not None
    notes = {one.id: one.values for one in found.notes}
    assert ("partly_quantised" in notes) == (len(types) == 2)
    if len(types) == 2:
        assert notes["partly_quantised"]["float_layers"] == 4
        assert notes["partly_quantised"]["layers"] == 24


def test_partitions_are_noted(replay: Replay) -> None:
    found = row(replay(device(0.5, partitions={CA: 18}))).verdict
    assert found is not None
    assert "18 partitions (not delegated: SPLIT_V)" in wording.sentence(found.notes[0])


def test_forced_numbers_are_shown_marked_and_never_without(replay: Replay) -> None:
    comparison = replay(device(0.5, throttled=True))
    shown = {forced: _on_terminal(comparison, forced) for forced in (False, True)}
    for text in shown.values():
        assert "+50 % [50, 50] ?" in text or "?: the run failed a check" in text
        assert "No verdict: this run failed a check and cannot be trusted." in text
        assert "For a verdict: let the device cool down" in text
    assert "refuted" not in shown[False]
    for line in shown[True].splitlines():
        if "refuted" in line:
            assert line.lstrip().startswith("? refuted: ")
    assert "? refuted: scenes_v2_ca costs" in shown[True]


def _on_terminal(comparison: Comparison, forced: bool) -> str:
    stream = io.StringIO()
    terminal.render(comparison, Console(file=stream, width=200), None, forced)
    return stream.getvalue()


@pytest.mark.parametrize("bias", [{"disturbed": -0.06}, {"settling": -0.06}], ids=str)
def test_an_overhead_that_looks_smaller_than_it_is_is_refuted_all_the_more(
    bias: dict[str, float],
) -> None:
    """One that looks larger is not, nor is a small one that looks smaller supported."""
    (name, size), large, small = *bias.items(), [0.3] * 8, [0.01] * 8
    for log_ratios, by, outcome in (
        (large, size, "refuted"),
        (large, -size, "no verdict"),
        (small, size, "no verdict"),
    ):
        disturbed = processes(log_ratios, **{name: by})
        found = judge(replace(EVIDENCE, overhead=overhead(log_ratios), processes=disturbed))
        assert found.outcome == outcome
        check = "depends_on_speed" if name == "disturbed" else "not_settled"
        said = found.notes if outcome == "refuted" else found.reasons
        assert check in [one.id for one in said]
