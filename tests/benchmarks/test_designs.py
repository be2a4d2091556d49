"""The comparison of designs in small: what `make prove-designs` shows with more runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgebench.benchmarks.proof import prove_designs, stopping
from edgebench.benchmarks.proof.designs import (
    CHOSEN,
    DESIGNS,
    VISITS,
    Design,
    Quality,
    quality,
    simulate,
    visits_level,
)
from edgebench.benchmarks.statistics.local_pairs import SURE, level
from edgebench.deploy.transports.simulated.scenarios import CLEAN, SCENARIOS
from edgebench.deploy.transports.simulated.sequences import inference_times

RUNS = 100
STILL = replace(CLEAN, noise=0.0)


def found(design: Design, machine: str, model: int = 1) -> Quality:
    one = simulate(SCENARIOS[machine], design, RUNS, 1)
    levels = visits_level(design)(one, model) if design is VISITS else level(one.ratios(model))
    return quality(levels, float(np.log1p((0.0, 0.0, 0.03)[model])), one.seconds)


@pytest.mark.parametrize(
    "machine", ["process-bias", "bursts", "bimodal-clock", "in-step", "large-carry"]
)
def test_the_chosen_design_holds_the_truth_of_equal_models(machine: str) -> None:
    """Three standard errors of 100 runs below 95 %."""
    assert found(CHOSEN, machine).coverage >= 0.885


@pytest.mark.parametrize("machine", ["bursts", "hiccups", "slow-cores", "bimodal-clock"])
def test_fine_interleaving_is_five_times_as_fast_on_a_disturbed_machine(machine: str) -> None:
    assert found(CHOSEN, machine).times_faster(found(VISITS, machine)) > 5


def test_an_order_there_and_back_favours_a_model_and_a_balanced_one_does_not() -> None:
    fixed = next(one for one in DESIGNS if one.order == "fixed" and one.dropped == 0)
    balanced = next(one for one in DESIGNS if one.order == "balanced" and one.dropped == 0)
    assert found(fixed, "large-carry").bias > 0.03
    assert abs(found(balanced, "large-carry").bias) < 0.002


def test_a_clock_that_answers_to_the_load_hardly_tells_the_models_apart() -> None:
    fine, today = found(CHOSEN, "governor", 2).bias, found(VISITS, "governor", 2).bias
    assert today < -0.08 and abs(fine) < 0.02


def test_what_hits_one_model_only_is_in_the_ratio() -> None:
    for machine in ("bandwidth", "heavier-throttled", "follows"):
        assert found(CHOSEN, machine, 2).bias > 0.05
        assert abs(found(CHOSEN, machine).bias) < 0.005


def test_the_check_for_bias_tells_it_from_noise() -> None:
    """A quarter of the threshold of 5 % is too much; at most 10 % are withheld in vain."""

    def beyond(machine: str, model: int) -> float:
        by, error = simulate(SCENARIOS[machine], CHOSEN, RUNS, 2).dependence(model).T
        return float(np.mean(np.abs(by) > np.maximum(0.0125, SURE * error)))

    for machine in ("bandwidth", "follows"):
        assert beyond(machine, 2) > 0.9 and beyond(machine, 1) <= 0.1
    for machine in ("process-bias", "bursts", "hiccups", "bimodal-clock"):
        assert beyond(machine, 2) <= 0.1


def test_a_machine_without_habits_takes_the_models_own_times() -> None:
    order = np.array([[0, 1, 1, 0], [1, 1, 0, 0]])
    latencies = np.array([0.02, 0.03])
    times = inference_times(STILL, order, 2, latencies, np.random.default_rng(0))
    assert times == pytest.approx(latencies[order])


def test_the_first_inference_after_a_change_takes_longer() -> None:
    order = np.array([[0, 0, 1, 1, 1, 0]])
    latencies = np.array([0.02, 0.02])
    machine = replace(STILL, carry=0.1)
    times = inference_times(machine, order, 1, latencies, np.random.default_rng(0))
    assert np.log(times[0] / 0.02) == pytest.approx([0, 0, 0.1, 0.025, 0.00625, 0.1])


def test_looking_again_and_again_errs_unless_the_error_is_spent() -> None:
    answers = stopping.stopped(SCENARIOS["process-bias"], 200, 0)
    border = {rule: by_truth[stopping.THRESHOLD] for rule, by_truth in answers.items()}
    assert border["the usual interval"].supported > 0.10
    for rule in ("O'Brien-Fleming", "evenly spent", "Pocock", "always valid", stopping.PRODUCT):
        assert border[rule].supported < 0.096 and border[rule].refuted < 0.096
        assert answers[rule][0.12].refuted > 0.97
        assert answers[rule][0.12].seconds < answers["one look, at the end"][0.12].seconds / 2


def test_the_command_prints_a_row_for_each_machine_and_design(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert prove_designs.main(["--runs", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 112
    for design in DESIGNS:
        assert sum(line.startswith(f"  {design.name} ") for line in lines) == len(
            prove_designs.MACHINES
        )
    assert sum(line.startswith("  evenly spent") for line in lines) == len(prove_designs.STOPPING)
