"""The proof in small: the figures of `make prove-statistics` from few runs."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from replay import TOYS, make_artifacts

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.proof import methods, peer_methods, prove_statistics, tables, trial
from edgebench.benchmarks.proof.tally import AT_LEAST_95, AT_MOST_5, QUESTIONS, Figure, share
from edgebench.benchmarks.proof.trial import Answer, SimulatedTrial
from edgebench.benchmarks.results.compare import compare
from edgebench.benchmarks.runs import run
from edgebench.deploy.registry import devices
from edgebench.deploy.transports.simulated.scenarios import BIASED, SCENARIOS
from edgebench.intervals import Interval

RUNS = 25


def simulated(scenario: str, runs: int = RUNS) -> list[SimulatedTrial]:
    return [trial.run(scenario, seed, 60, (0.03,)) for seed in range(runs)]


def shares(trials: list[SimulatedTrial]) -> dict[str, float]:
    return {
        name: float(np.mean([question(one) for one in trials]))
        for name, question in QUESTIONS.items()
    }


@pytest.mark.parametrize("scenario", ["process-bias", "bursts", "throttling-silent"])
def test_a_machine_that_is_disturbed_or_not_is_judged_right(scenario: str) -> None:
    """Bounds three standard errors of 25 runs wide: a smoke test, the proof is the command."""
    found = shares(simulated(scenario))
    assert found["false alarms"] <= 0.18
    assert found["coverage"] >= 0.82
    assert found["withheld"] <= 0.1


@pytest.mark.parametrize("scenario", BIASED)
def test_a_machine_that_biases_the_ratio_is_given_no_verdict(scenario: str) -> None:
    biased = [one.models[0] for one in simulated(scenario, 12) if one.models[0].biased]
    assert len(biased) >= 3  # A run that is over before the heat comes is not biased.
    assert sum(not one.withheld for one in biased) <= 1
    assert all(one.interval for one in biased)  # The numbers are kept.


def test_a_run_stops_once_its_verdicts_are_clear() -> None:
    whole, seconds = trial.simulate("process-bias", 0, 60, (0.5,), whole_budget=True)
    early, _ = trial.simulate("process-bias", 0, 60, (0.5,))
    assert whole.result.complete and not early.result.complete
    less = [trial.simulate("process-bias", seed, 60, (0.5,))[1] for seed in range(5)]
    assert statistics.median(less) < seconds / 2
    processes = len({block.process for block in early.result.blocks})
    assert processes >= early.plan.first_look
    assert [one.verdict.outcome for one in compare(early).groups[0].rows if one.verdict] == [
        "refuted",
        "no difference",
    ]


def test_an_overhead_is_found_in_the_whole_budget() -> None:
    found = [trial.run("bursts", seed, 60, (0.03,), whole_budget=True) for seed in range(20)]
    assert sum(one.models[0].finds_slower for one in found) >= 17
    assert all(one.seconds is not None and one.seconds < 100 for one in found)


def test_the_answers_are_those_of_a_run_with_a_folder(tmp_path: Path) -> None:
    make_artifacts(tmp_path / "artifacts", TOYS[:2], ("fp32",))
    request = RunRequest(
        str(tmp_path / "artifacts"), budget_s=60.0, out=str(tmp_path / "runs"), whole_budget=True
    )
    good = run.run(request, devices.get("simulated"))
    assert [one.outcome for one in good.verdicts] == ["supported"]
    overhead = good.groups[0].rows[1].overhead
    assert overhead is not None
    # Each run is another draw; how often the interval holds the truth is the command's to prove.
    assert overhead.interval.low > 0 and abs(overhead.value - 0.03) < 0.015
    assert set(overhead.others) == {"p90", "mean", "min"} and overhead.after_another
    for scenario in ("throttling", "bandwidth"):
        bad = run.run(request, devices.get(f"simulated:{scenario}"))
        assert [one.outcome for one in bad.verdicts] == ["no verdict"]


def test_the_same_seed_gives_the_same_trial() -> None:
    assert trial.run("bursts", 3, 60, (0.03,)) == trial.run("bursts", 3, 60, (0.03,))


@pytest.mark.parametrize("peer", peer_methods.PEERS, ids=lambda peer: peer.name)
def test_peers_are_sure_of_what_is_not_there(peer: peer_methods.PeerMethod) -> None:
    found = [peer_methods.run(peer, "bursts", seed, 60) for seed in range(20)]
    assert sum(one.itself.finds_any for one in found) >= 4
    calm = [peer_methods.run(peer, "clean", seed, 60) for seed in range(5)]
    assert all(one.models[0].finds_slower for one in calm)


def test_intervals_of_medians_and_means_hold_what_they_estimate() -> None:
    chance = np.random.default_rng(0)
    held = dict.fromkeys((peer_methods.of_means, peer_methods.of_medians), 0)
    for _ in range(200):
        one, other = (np.exp(chance.normal(0, 0.02, 80)) for _ in range(2))
        for interval in held:
            found = interval(one, other * 1.1)
            held[interval] += found.low <= 0.1 <= found.high
    assert all(count >= 184 for count in held.values()), held


def test_an_interval_over_blocks_is_too_narrow_where_blocks_share_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = SCENARIOS["process-bias"]
    monkeypatch.setitem(SCENARIOS, "process-bias", replace(usual, process_bias=0.05))
    found = [methods.run("process-bias", seed) for seed in range(25)]
    key = (6, 30, "blocks", "signed rank")
    assert sum(one[key].covers for one in found) < 0.93 * 25
    assert sum(one[30, 30, "blocks", "signed rank"].covers for one in found) >= 0.86 * 25
    assert {method for *_, method in found[0]} == set(methods.METHODS)


def test_answers_are_counted_by_what_they_claim() -> None:
    slower, none = Interval(0.01, 0.04), Interval(-0.01, 0.01)
    assert Answer(0.03, slower).covers and Answer(0.03, slower).finds_slower
    assert not Answer(0.03, slower, withheld=True).finds_slower
    assert Answer(0.03, slower, withheld=True).covers
    assert Answer(0.0, Interval(-0.04, -0.01)).finds_any
    assert not Answer(0.0, none).finds_any
    assert not Answer(0.0, None).covers
    assert Answer(0.03, slower, value=0.056).biased
    assert not Answer(0.03, slower, value=0.054).biased


def test_a_bound_is_kept_by_the_share_and_broken_by_its_whole_interval() -> None:
    assert Figure(share([True] + [False] * 19), AT_MOST_5).state == "kept"
    assert Figure(share([True, True] + [False] * 28), AT_MOST_5).state == "open"
    assert Figure(share([True] * 10 + [False] * 30), AT_MOST_5).state == "broken"
    assert Figure(share([False] * 10 + [True] * 30), AT_LEAST_95).state == "broken"
    assert Figure(share([True])).state == "not asked"
    assert Figure(share([]), AT_MOST_5).state == "not asked"


def test_the_command_prints_the_table_and_exits_by_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = prove_statistics.main(["--runs", "4", "--scenarios", "clean"])
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 100
    for method in ("edgebench", "whole budget"):
        assert sum(line.startswith(f"  {method} ") for line in lines) == 2
    assert {"mean of N", "50 runs", "unpaired medians"} <= {line[2:20].strip() for line in lines}
    asked, kept, broken, unsure = (int(word) for word in lines[-1].split() if word.isdigit())
    assert asked == kept + broken + unsure == 9
    table = "\n".join(lines[:-1])
    for state, count in (("kept", kept), ("broken", broken), ("open", unsure)):
        assert table.count(tables.MARKS[state]) == count
    assert code == (1 if broken else 0)
    assert "simulating runs" in said.err


def test_an_unknown_scenario_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        prove_statistics.main(["--scenarios", "storm"])
    assert "unknown scenario 'storm'; known: clean" in capsys.readouterr().err
