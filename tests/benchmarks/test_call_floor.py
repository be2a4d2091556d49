"""The floor of the call: an overhead that the call dilutes supports nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from replay import Toy, make_artifacts

from edgebench.benchmarks.planning.design import is_floor
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.report.headline import warnings
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.results.comparison import Comparison, ModelRow
from edgebench.benchmarks.runs import run as running
from edgebench.deploy.documents.plan import CALL_FLOOR
from edgebench.deploy.documents.staging import read_plan
from edgebench.deploy.transports.simulated.device import SimulatedDevice

SLOT = "scenes_v2_ca.fp32.tflite"
LATENCY_S = 0.02


@pytest.fixture
def floor(tmp_path: Path) -> Path:
    make_artifacts(tmp_path / "floor", (Toy(CALL_FLOOR, CALL_FLOOR, 1, 1),))
    return tmp_path / "floor"


def measured(
    artifacts: Path, floor: Path | None, device: SimulatedDevice, seed: int = 0
) -> Comparison:
    request = RunRequest(
        str(artifacts),
        models=("scenes_v2_ca",),
        precisions=("fp32",),
        budget_s=60.0,
        seed=seed,
        out=str(artifacts.parent / "runs"),
        floor=None if floor is None else str(floor),
    )
    return running.run(request, device)


def row(comparison: Comparison) -> ModelRow:
    return comparison.groups[0].rows[1]


def device(call_share: float, overhead: float) -> SimulatedDevice:
    return SimulatedDevice(
        overheads={SLOT: overhead}, latency_s=LATENCY_S, call_s=call_share * LATENCY_S
    )


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("call_share", [0.8, 0.95])
def test_an_overhead_that_the_call_dilutes_is_not_supported(
    call_share: float, seed: int, artifacts: Path, floor: Path
) -> None:
    """2 % of the latency are 10 % and 40 % of what the model itself takes."""
    of_latency = row(measured(artifacts, None, device(call_share, 0.02), seed))
    assert of_latency.verdict is not None and of_latency.verdict.outcome == "supported"
    found = row(measured(artifacts, floor, device(call_share, 0.02), seed))
    assert found.verdict is not None and found.verdict.outcome == "no verdict"
    (reason,) = found.verdict.reasons
    assert reason.id == "hidden_by_the_call"
    assert found.call is not None and found.call.share == pytest.approx(call_share, abs=0.02)
    if found.call.net is not None:
        truth = 0.02 / (1 - call_share)
        assert found.call.net.low <= truth * 1.1 and truth * 0.9 <= found.call.net.high


@pytest.mark.parametrize("seed", range(2))
def test_a_call_that_is_a_small_part_changes_no_verdict(
    seed: int, artifacts: Path, floor: Path
) -> None:
    comparison = measured(artifacts, floor, device(0.1, 0.02), seed)
    found = row(comparison)
    assert found.verdict is not None and found.verdict.outcome == "supported"
    assert found.call is not None and found.call.net is not None
    assert found.call.net.low < 0.02 / 0.9 < found.call.net.high
    call_s = comparison.groups[0].call_s
    assert call_s is not None and call_s.value == pytest.approx(0.1 * LATENCY_S, rel=0.02)
    (said,) = (one for one in warnings(comparison) if "almost empty" in one)
    assert "10 % of scenes_v2's latency; without it the overheads are about scenes_v2_ca" in said


def test_what_costs_more_than_allowed_stays_refuted(artifacts: Path, floor: Path) -> None:
    found = row(measured(artifacts, floor, device(0.8, 0.1)))
    assert found.verdict is not None and found.verdict.outcome == "refuted"
    assert found.call is not None and found.call.net is not None
    assert found.call.net.value == pytest.approx(0.5, rel=0.2)


def test_a_model_that_is_all_call_has_no_net_overhead(artifacts: Path, floor: Path) -> None:
    found = row(measured(artifacts, floor, device(1.0, 0.0)))
    assert found.verdict is not None and found.verdict.outcome == "no verdict"
    assert found.call is not None and found.call.net is None


def test_the_floor_is_a_group_of_the_plan_and_no_row_of_the_report(
    artifacts: Path, floor: Path
) -> None:
    comparison = measured(artifacts, floor, device(0.1, 0.02))
    plan = read_plan(run_folder.latest(artifacts.parent / "runs", "simulated"))
    (group,) = filter(is_floor, plan.groups)
    assert len(group.slots) == 2
    own = [block for block in plan.blocks if block.group == group.name]
    assert [block.process for block in own] == list(range(plan.processes))
    assert [one.model for one in comparison.groups[0].rows] == ["scenes_v2", "scenes_v2_ca"]
    assert len(comparison.groups) == 1
