"""The pilot: what it finds, when it stops, and that it is not done twice."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from replay import ReplayedDevice

from edgebench.benchmarks.planning.pace import Pace
from edgebench.benchmarks.planning.pilot import PILOT, limit_s, pace, pilot_plan, run_pilot
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import PILOT_SHARE
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.runs import run as running
from edgebench.deploy.documents.plan import Plan, TurnLength
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import PLAN, RESULT, read_plan
from edgebench.deploy.transports.simulated.device import SimulatedDevice
from edgebench.documents import load
from edgebench.errors import UsageError
from edgebench.progress import silent

MODELS = ("scenes_v2", "scenes_v2_se", "scenes_v2_ca")
LATENCY = {f"{model}.{kind}.tflite": 0.002 for model in MODELS for kind in ("fp32", "int8")}
CA, BASE = "scenes_v2_ca.fp32.tflite", "scenes_v2.fp32.tflite"


@pytest.fixture
def folder(artifacts: Path, tmp_path: Path) -> Path:
    """A prepared run folder in which nothing is measured yet."""
    request = RunRequest(str(artifacts), precisions=("fp32",), out=str(tmp_path / "runs"))
    return running.prepare(request, ReplayedDevice(LATENCY))


def found(device: ReplayedDevice | SimulatedDevice, folder: Path) -> Pace:
    result = run_pilot(folder / PILOT, device, 10.0, silent)
    return pace(read_plan(folder / PILOT), result)


def test_it_finds_how_long_models_take_and_how_their_pairs_scatter(folder: Path) -> None:
    device = ReplayedDevice({**LATENCY, CA: 0.003}, noise=0.05)
    ((name, group),) = found(device, folder).groups.items()
    assert name == "scenes_v2, tflite fp32"
    assert next(iter(group.inference_s)) == BASE
    assert group.inference_s[CA] == pytest.approx(0.003, rel=0.05)
    assert group.inference_s[BASE] == pytest.approx(0.002, rel=0.05)
    assert group.scatter == pytest.approx(0.05 * 2**0.5, rel=0.4)
    assert group.start_s == 0


def test_a_noisier_machine_is_found_to_be(folder: Path) -> None:
    calm, noisy = (
        found(ReplayedDevice(LATENCY, noise=noise), folder).groups["scenes_v2, tflite fp32"].scatter
        for noise in (0.01, 0.1)
    )
    assert noisy > 3 * calm


class Carrying(ReplayedDevice):
    """Inferences after another model's take longer, and turns scatter by `turns`."""

    turns = 0.0

    def _block(self, plan, planned, chance):  # type: ignore[no-untyped-def]
        block = super()._block(plan, planned, chance)
        longer = (1.2, 1.1, 1.03, 1.0, 1.0, 1.0)
        turns = []
        for turn, last in zip(block.turns, (None, *block.turns), strict=False):
            slow = float(np.exp(chance.normal(0, self.turns)))
            times = [slow * one for one in (*turn.dropped_ns, *turn.samples_ns)]
            if last is None or turn.slot != last.slot:
                times = [a * b for a, b in zip(times, longer, strict=True)]
            whole = tuple(map(int, times))
            turns.append(replace(turn, dropped_ns=whole[:2], samples_ns=whole[2:]))
        return replace(block, turns=tuple(turns))


class ChangingAndCarrying(Carrying):
    turns = 0.2


def test_it_finds_how_many_inferences_another_model_is_felt(folder: Path) -> None:
    (settled,) = found(ReplayedDevice(LATENCY), folder).groups.values()
    assert settled.carry_over <= 1 and settled.turn == TurnLength(3, 1, 1)
    (folder / PILOT / RESULT).unlink()
    (carrying,) = found(Carrying(LATENCY), folder).groups.values()
    assert carrying.carry_over == 4 and carrying.turn.dropped == 4
    # What is longer after another model's turn does not make turns differ.
    assert carrying.turn_scatter < 0.01


def test_where_turns_scatter_what_is_a_little_longer_counts(folder: Path) -> None:
    (changing,) = found(ChangingAndCarrying(LATENCY), folder).groups.values()
    assert changing.turn_scatter > 0.1
    # The third takes 3 % longer, and counts; the second takes 10 % longer, and never does.
    assert changing.carry_over == 2


def test_it_finds_how_much_the_machine_changes_from_turn_to_turn(folder: Path) -> None:
    class Changing(ReplayedDevice):
        def _block(self, plan, planned, chance):  # type: ignore[no-untyped-def]
            block = super()._block(plan, planned, chance)
            turns = []
            for turn in block.turns:
                slow = float(np.exp(chance.normal(0, 0.1)))
                times = tuple(int(slow * one) for one in turn.samples_ns)
                turns.append(replace(turn, samples_ns=times))
            return replace(block, turns=tuple(turns))

    (calm,) = found(ReplayedDevice(LATENCY, noise=0.05), folder).groups.values()
    (folder / PILOT / RESULT).unlink()
    (changing,) = found(Changing(LATENCY, noise=0.05), folder).groups.values()
    for one in (calm, changing):
        assert one.scatter == pytest.approx(0.05 * 2**0.5, rel=0.3)
    assert changing.turn_scatter == pytest.approx(0.1 * 2**0.5, rel=0.4)
    assert calm.turn_scatter < changing.turn_scatter / 2


def test_it_finds_how_much_the_layout_of_memory_matters(folder: Path) -> None:
    class Placed(ReplayedDevice):
        def _block(self, plan, planned, chance):  # type: ignore[no-untyped-def]
            placed = {
                slot: s * float(np.exp(chance.normal(0, 0.03))) for slot, s in LATENCY.items()
            }
            return ReplayedDevice(placed, noise=self.noise)._block(plan, planned, chance)

    (same,) = found(ReplayedDevice(LATENCY), folder).groups.values()
    (folder / PILOT / RESULT).unlink()
    (other,) = found(Placed(LATENCY), folder).groups.values()
    assert same.layout < 0.005 and 0.015 < other.layout < 0.06
    # The more blocks differ, the shorter they should be.
    assert other.best_s < same.best_s


def test_models_that_do_not_run_are_left_out(folder: Path) -> None:
    (group,) = found(ReplayedDevice(LATENCY, errors={CA: "corrupt"}), folder).groups.values()
    assert CA not in group.inference_s and len(group.inference_s) == 2
    assert found(ReplayedDevice(LATENCY, errors={BASE: "corrupt"}), folder).groups == {}


def test_its_part_of_the_budget_is_bounded() -> None:
    assert limit_s(20.0) == pytest.approx(20.0 * PILOT_SHARE)
    assert limit_s(None) == limit_s(100_000.0) < 60


class BlockByBlock(ReplayedDevice):
    """Reports every block, and what is interrupted leaves what it has."""

    def run(self, folder, progress):  # type: ignore[no-untyped-def]
        total = len(read_plan(folder).blocks)
        for done in range(1, total + 1):
            self.pilot_blocks = done
            result = super().run(folder, silent)
            progress("measuring blocks", done, total)
        return result


def test_it_stops_when_it_has_taken_long_enough(folder: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    device = BlockByBlock(LATENCY)
    result = run_pilot(folder / PILOT, device, 0.0, lambda *step: steps.append(step))
    assert len(result.blocks) == 1
    assert steps == [("pilot: measuring blocks", 8, 8)]


def test_an_interruption_by_the_user_goes_on(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_pilot(folder / PILOT, ReplayedDevice(LATENCY, pilot_blocks=3), 1000.0, silent)


def test_an_interruption_while_it_is_stopping_goes_on(folder: Path) -> None:
    class Stopping(ReplayedDevice):
        def run(self, folder, progress):  # type: ignore[no-untyped-def]
            with suppress(KeyboardInterrupt):
                progress("measuring blocks", 1, 6)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_pilot(folder / PILOT, Stopping(LATENCY), 0.0, silent)


def test_the_plan_is_made_once_and_from_the_folder_alone(folder: Path, artifacts: Path) -> None:
    for path in artifacts.iterdir():
        path.unlink()
    device = ReplayedDevice(LATENCY)
    forecast = running.plan_ahead(folder, device)
    plan = load(folder / PLAN, Plan)
    assert len(plan.blocks) == forecast.blocks
    assert plan.processes == forecast.size.processes
    assert plan.first_look == forecast.size.first_look
    (group,) = plan.groups
    assert group.turn == forecast.size.groups[group.name].turn
    assert all(one.evaluation is not None for one in plan.artifacts.values())
    before = (folder / PLAN).stat().st_mtime_ns
    assert running.plan_ahead(folder, ReplayedDevice({})) == forecast
    assert (folder / PLAN).stat().st_mtime_ns == before


def test_the_pilot_is_a_plan_with_a_result_and_evaluates_nothing(folder: Path) -> None:
    running.plan_ahead(folder, ReplayedDevice(LATENCY))
    pilot = json.loads((folder / PILOT / "plan.json").read_bytes())
    assert all(one["evaluation"] is None for one in pilot["artifacts"].values())
    assert load(folder / PILOT / "result.json", RunResult).complete


def test_a_budget_too_short_is_refused_before_measuring(artifacts: Path, tmp_path: Path) -> None:
    request = RunRequest(str(artifacts), budget_s=20.0, out=str(tmp_path / "runs"))
    slow = ReplayedDevice(dict.fromkeys(LATENCY, 1.0))
    with pytest.raises(UsageError, match="too short for these models"):
        running.run(request, slow)
    (folder,) = (tmp_path / "runs").iterdir()
    assert not (folder / PLAN).exists()


def test_slow_models_may_warm_up_for_as_many_inferences_as_fast_ones(folder: Path) -> None:
    """A limit that cuts the slower model short makes its overhead larger than it is."""
    plan = pilot_plan(load(folder / run_folder.DRAFT, Plan))
    for latency_s in (0.002, 0.1, 0.4):
        result = SimulatedDevice(latency_s=latency_s).simulate(plan)
        assert pace(plan, result).warmup_s >= 12 * latency_s
