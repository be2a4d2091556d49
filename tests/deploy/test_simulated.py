"""The simulated device: what it goes through, what it tells of it, and that it does not cheat."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgebench.benchmarks.statistics import local_pairs
from edgebench.deploy.documents.plan import (
    Group,
    Plan,
    PlannedArtifact,
    PlannedBlock,
    TurnLength,
    Warmup,
)
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT, plan_hash, write_plan
from edgebench.deploy.registry import devices
from edgebench.deploy.transports.simulated.device import OVERHEAD, SimulatedDevice
from edgebench.deploy.transports.simulated.scenarios import BIASED, SCENARIOS, random_scenario
from edgebench.documents import load
from edgebench.errors import UnknownNameError
from edgebench.progress import silent

BASE, AGAIN, MODEL = "base", "base~again", "model"
BLOCKS = 24
TURN = TurnLength(3, 2, 1)


def plan(seed: int = 0) -> Plan:
    order = (BASE, MODEL, AGAIN)
    turns = (BASE, BASE, MODEL, AGAIN, MODEL, MODEL, BASE, AGAIN, AGAIN)
    return Plan(
        id="simulated",
        seed=seed,
        threads=1,
        cores=None,
        delegate="xnnpack",
        artifacts={
            slot: PlannedArtifact(slot, digest, digest, "tflite", None)
            for slot, digest in ((BASE, "a"), (AGAIN, "a"), (MODEL, "b"))
        },
        groups=(Group("group", BASE, order, TURN),),
        processes=BLOCKS,
        first_look=BLOCKS,
        blocks=tuple(PlannedBlock(number, number, "group", turns * 6) for number in range(BLOCKS)),
        warmup=Warmup(3, 0.05, 0.3),
    )


def samples(result: RunResult, slot: str, block: int) -> np.ndarray:
    turns = result.blocks[block].turns
    return np.array([time for turn in turns if turn.slot == slot for time in turn.samples_ns])


def levels(result: RunResult, slot: str) -> np.ndarray:
    """A slot's log level in each block."""
    return np.array([np.log(np.median(samples(result, slot, number))) for number in range(BLOCKS)])


@pytest.fixture(scope="module")
def results() -> dict[str, RunResult]:
    """One run in every scenario."""
    return {name: SimulatedDevice(one).simulate(plan()) for name, one in SCENARIOS.items()}


def test_a_plan_is_carried_out_as_it_stands(results: dict[str, RunResult]) -> None:
    for result in results.values():
        assert result.complete
        assert set(result.evaluations) == {BASE, AGAIN, MODEL}
        for planned, block in zip(plan().blocks, result.blocks, strict=True):
            assert (block.index, block.process) == (planned.index, planned.process)
            assert tuple(turn.slot for turn in block.turns) == planned.order
            assert {one.slot for one in block.warmups} == {BASE, AGAIN, MODEL}
            for turn in block.turns:
                assert (len(turn.dropped_ns), len(turn.samples_ns)) == (2, 1)


def test_the_same_plan_gives_the_same_result_and_another_seed_another() -> None:
    device = SimulatedDevice(SCENARIOS["bursts"])
    assert device.simulate(plan(1)) == device.simulate(plan(1))
    assert device.simulate(plan(1)) != device.simulate(plan(2))


@pytest.mark.parametrize("scenario", ["clean", "process-bias", "drift", "silent"])
def test_the_overheads_are_those_that_were_set(
    scenario: str, results: dict[str, RunResult]
) -> None:
    result = results[scenario]
    itself = levels(result, AGAIN) - levels(result, BASE)
    model = levels(result, MODEL) - levels(result, BASE)
    assert abs(itself.mean()) < 0.006
    assert model.mean() == pytest.approx(np.log1p(OVERHEAD), abs=0.006)
    dear = SimulatedDevice(SCENARIOS[scenario], {MODEL: 0.5}).simulate(plan())
    assert (levels(dear, MODEL) - levels(dear, BASE)).mean() == pytest.approx(
        np.log(1.5), abs=0.006
    )


@pytest.mark.parametrize("scenario", ["throttling", "throttling-silent"])
def test_what_slows_the_machine_slows_models_and_probe_alike(
    scenario: str, results: dict[str, RunResult]
) -> None:
    result = results[scenario]
    base, model = levels(result, BASE), levels(result, MODEL)
    probe = np.array([np.log(np.median(one.after.probe_ns)) for one in result.blocks])  # type: ignore[union-attr]
    slowed = base[-4:].mean() - base[:4].mean()
    assert slowed > 0.15
    assert model[-4:].mean() - model[:4].mean() == pytest.approx(slowed, abs=0.03)
    assert probe[-4:].mean() - probe[:4].mean() == pytest.approx(slowed, abs=0.06)


def test_a_silent_machine_tells_nothing_but_its_probe(results: dict[str, RunResult]) -> None:
    for block in results["throttling-silent"].blocks:
        assert block.before is not None and block.before.probe_ns
        for name in (
            "frequencies_khz",
            "temperatures_c",
            "throttled",
            "busy_s",
            "running",
            "core",
            "own_s",
        ):
            assert getattr(block.before, name) is None


def test_cpu_time_leaves_out_what_others_took_of_the_core(results: dict[str, RunResult]) -> None:
    def taken(scenario: str) -> float:
        turns = [turn for block in results[scenario].blocks for turn in block.turns]
        wall = sum(sum(turn.samples_ns) for turn in turns)
        return 1 - sum(sum(turn.cpu_ns or ()) for turn in turns) / wall

    assert taken("bursts") > 0.02
    for scenario in ("clean", "throttling", "slow-cores", "bandwidth"):
        assert taken(scenario) == pytest.approx(0, abs=1e-6)
    for block in results["bursts-silent"].blocks:
        assert all(turn.cpu_ns is None for turn in block.turns)


@pytest.mark.parametrize("scenario", BIASED)
def test_what_hits_one_model_more_is_in_the_ratio(
    scenario: str, results: dict[str, RunResult]
) -> None:
    result = results[scenario]
    late = range(2 * BLOCKS // 3, BLOCKS)  # Heat comes in the middle of a run.
    base, again, heavier = (
        np.concatenate([samples(result, slot, block) for block in late])
        for slot in (BASE, AGAIN, MODEL)
    )
    itself, model = (local_pairs.level(local_pairs.pairs(one, base)) for one in (again, heavier))
    assert abs(itself) < 0.02
    assert abs(model - np.log1p(OVERHEAD)) > 0.025


def test_the_first_inferences_after_another_models_take_longer() -> None:
    result = SimulatedDevice(SCENARIOS["large-carry"]).simulate(plan())
    first: dict[bool, list[float]] = {True: [], False: []}
    for block in result.blocks:
        usual = np.log(np.median(samples(result, BASE, block.index)))
        for before, turn in pairwise(block.turns):
            if turn.slot == BASE:
                first[before.slot == BASE].append(np.log(turn.dropped_ns[0]) - usual)
    assert np.median(first[False]) == pytest.approx(0.15, abs=0.02)
    assert np.median(first[True]) == pytest.approx(0.0, abs=0.02)


def test_a_process_is_cold_when_it_starts_and_its_turns_are_not(
    results: dict[str, RunResult],
) -> None:
    for block in results["clean"].blocks:
        for one in block.warmups:
            usual = np.median(samples(results["clean"], one.slot, block.index))
            assert one.steady
            assert one.times_ns[0] / usual == pytest.approx(1.3, abs=0.1)
            assert one.times_ns[-1] / usual == pytest.approx(1.0, abs=0.1)


def test_a_machine_that_tells_shows_heat_and_other_work(results: dict[str, RunResult]) -> None:
    first, last = (results["throttling"].blocks[place].after for place in (0, -1))
    assert first is not None and last is not None
    assert first.frequencies_khz is not None and last.frequencies_khz is not None
    assert last.frequencies_khz["cpu0"] < 0.9 * first.frequencies_khz["cpu0"]
    assert last.throttled and not first.throttled
    assert (last.temperatures_c or {})["soc"] > (first.temperatures_c or {})["soc"]
    assert last.time_in_state_s is not None
    spent = sum(last.time_in_state_s["cpu0"].values())
    assert spent == pytest.approx(last.unix_s - 1_790_000_000, abs=0.1)
    busy = results["bursts"].blocks[-1].after
    quiet = results["clean"].blocks[-1].after
    assert busy is not None and quiet is not None
    assert (busy.busy_s or 0) > 1.05 * (quiet.busy_s or 0)
    cores = {block.before.core for block in results["slow-cores"].blocks if block.before}
    assert len(cores) == 2


def test_a_stranger_has_the_habits_of_its_seed() -> None:
    strangers = [random_scenario(seed) for seed in range(40)]
    assert strangers == [random_scenario(seed) for seed in range(40)]
    assert 5 < sum(one.throttling is not None for one in strangers) < 20
    assert SimulatedDevice(strangers[0]).simulate(plan()).complete


def test_it_leaves_a_result_in_the_folder_as_any_device(tmp_path: Path) -> None:
    write_plan(plan(), tmp_path)
    steps: list[tuple[int, int]] = []
    result = SimulatedDevice().run(tmp_path, lambda step, done, total: steps.append((done, total)))
    assert load(tmp_path / RESULT, RunResult) == result
    assert result.plan_sha256 == plan_hash(tmp_path)
    assert steps == [(done, BLOCKS) for done in range(1, BLOCKS + 1)]
    assert SimulatedDevice().run(tmp_path, silent) == result


def test_an_interruption_leaves_what_there_is(tmp_path: Path) -> None:
    def interrupt(step: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    write_plan(plan(), tmp_path)
    part = SimulatedDevice().run(tmp_path, interrupt)
    assert not part.complete
    assert load(tmp_path / RESULT, RunResult) == part
    whole = SimulatedDevice().run(tmp_path, silent)
    assert whole.complete
    assert whole.blocks[:5] == part.blocks


def test_scenarios_are_devices_by_name() -> None:
    assert devices.get("simulated").name == "simulated"
    assert devices.get("simulated:throttling").name == "simulated:throttling"
    with pytest.raises(UnknownNameError, match="simulated:throtling") as caught:
        devices.get("simulated:throtling")
    assert "did you mean 'simulated:throttling'" in caught.value.remedy
