"""A run stops as soon as its verdicts are clear, and goes on as long as they are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from machines import EVIDENCE, processes
from replay import make_artifacts

from edgebench.benchmarks.gate.verdict import judge
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import Forecast
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.results.compare import Judgement
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.runs import early_stop
from edgebench.benchmarks.runs import run as running
from edgebench.benchmarks.statistics.paired import overhead
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT, read_plan
from edgebench.deploy.transports.simulated.device import SimulatedDevice
from edgebench.documents import load
from edgebench.progress import DETAIL

CA = "scenes_v2_ca.fp32.tflite"


@pytest.fixture
def request_(tmp_path: Path) -> RunRequest:
    make_artifacts(tmp_path / "artifacts", precisions=("fp32",))
    return RunRequest(
        str(tmp_path / "artifacts"),
        models=("scenes_v2_ca",),
        out=str(tmp_path / "runs"),
        budget_s=60.0,
        seed=1,
    )


def measured(request: RunRequest, overhead: float) -> tuple[Path, Comparison]:
    device = SimulatedDevice(overheads={CA: overhead})
    comparison = running.run(request, device)
    return run_folder.latest(Path(request.out), "simulated"), comparison


def test_a_clear_verdict_ends_the_run(request_: RunRequest) -> None:
    folder, comparison = measured(request_, 0.3)
    assert [one.outcome for one in comparison.verdicts] == ["refuted"]
    assert comparison.stopped_early and not comparison.interrupted
    plan, result = read_plan(folder), load(folder / RESULT, RunResult)
    done = {block.process for block in result.blocks}
    assert len(done) == plan.first_look < plan.processes
    assert not result.complete


@pytest.mark.parametrize("log_ratio", [0.01, 0.4])
@pytest.mark.parametrize(("scatter", "stops"), [(0.01, True), (0.15, False)])
def test_a_clear_verdict_does_not_end_a_run_that_could_not_see_a_bias(
    log_ratio: float, scatter: float, stops: bool
) -> None:
    """However clear the overhead is, the fastest pairs have to be known well enough to compare."""
    measured_ = processes((log_ratio,) * 8, scatter=scatter)
    evidence = replace(EVIDENCE, overhead=overhead([log_ratio] * 8), processes=measured_)
    judgement = Judgement(evidence.overhead, judge(evidence), evidence.visible_bias)
    assert judgement.verdict.outcome in ("supported", "refuted")
    assert judgement.answers(RunRequest("a folder")) == stops


def test_an_overhead_at_the_threshold_is_measured_to_the_end(request_: RunRequest) -> None:
    folder, comparison = measured(request_, request_.threshold)
    assert [one.outcome for one in comparison.verdicts] == ["undecided"]
    assert load(folder / RESULT, RunResult).complete and not comparison.stopped_early


def test_a_run_goes_on_if_a_block_after_its_stop_opens_the_question_again(
    request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([True])
    real = early_stop.decided
    monkeypatch.setattr(early_stop, "decided", lambda *of: next(looks, False) or real(*of))
    folder, comparison = measured(request_, request_.threshold)
    assert next(looks, None) is None and not comparison.interrupted
    assert load(folder / RESULT, RunResult).complete


@pytest.mark.parametrize("changes", [{"whole_budget": True}, {"profile": True}])
def test_figures_that_were_asked_for_are_measured_to_the_end(
    request_: RunRequest, changes: dict[str, object]
) -> None:
    folder, comparison = measured(replace(request_, **changes), 0.3)  # type: ignore[arg-type]
    plan = read_plan(folder)
    assert plan.first_look == plan.processes
    assert load(folder / RESULT, RunResult).complete and not comparison.stopped_early


@pytest.mark.parametrize("overhead", [0.0, 0.04])
def test_what_is_to_be_detected_is_found_or_excluded(request_: RunRequest, overhead: float) -> None:
    folder, comparison = measured(replace(request_, detect=0.03), overhead)
    assert comparison.stopped_early
    found = comparison.groups[0].rows[1].overhead
    assert found is not None
    one, within = found.interval, found.equivalence
    if overhead:
        assert one.low > 0
    else:
        assert one.low <= 0 <= one.high and within.low > -0.03 and within.high < 0.03
    # The threshold is another question: 4 % are found before they are known to be below 5 %.
    assert read_plan(folder).first_look < read_plan(folder).processes


def test_a_noise_floor_is_measured_to_the_end(request_: RunRequest) -> None:
    itself = replace(request_, models=("scenes_v2",), baseline="scenes_v2", against_itself=True)
    folder, _ = measured(itself, 0.0)
    assert load(folder / RESULT, RunResult).complete


def test_a_run_that_stopped_early_has_nothing_left_to_resume(request_: RunRequest) -> None:
    folder, before = measured(request_, 0.3)

    class Refused(SimulatedDevice):
        def run(self, folder: Path, progress: object) -> RunResult:
            raise AssertionError("everything is answered")

    assert running.carry_out(folder, Refused()) == before


def test_what_was_interrupted_before_goes_on(request_: RunRequest) -> None:
    device = SimulatedDevice(overheads={CA: 0.3})
    folder = running.prepare(request_, device)
    forecast = running.plan_ahead(folder, device)
    assert forecast is not None

    def interrupt(step: str, done: int, total: int) -> None:
        if done >= 3:
            raise KeyboardInterrupt

    first = running.carry_out(folder, device, interrupt)
    assert first.interrupted and not first.stopped_early
    assert running.carry_out(folder, device).stopped_early


def test_progress_shows_the_interval_that_is_still_open(request_: RunRequest) -> None:
    shown: list[str] = []
    device = SimulatedDevice(overheads={CA: request_.threshold})
    running.run(request_, device, lambda step, done, total: shown.append(step))
    open_ = [step for step in shown if DETAIL in step]
    assert open_ and all("scenes_v2_ca +" in step and "[" in step for step in open_)
    forecast = load(run_folder.latest(Path(request_.out), "simulated") / "forecast.json", Forecast)
    assert len(set(open_)) <= forecast.size.processes
