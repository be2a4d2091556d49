"""Runs under load: a planted throttle is found, an unbroken load is compared, energy is honest."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_artifacts import make_real_artifacts

from edgebench.benchmarks.planning.design import AGAIN
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sustained import UNITS
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.results.energy import Energy, LoadedBlock, energy
from edgebench.benchmarks.results.sustained import Sustained
from edgebench.benchmarks.runs import history
from edgebench.benchmarks.runs import run as running
from edgebench.benchmarks.statistics.two_samples import shift
from edgebench.cli import main
from edgebench.deploy.documents.result import MeasuredBlock, Readings, RunResult
from edgebench.deploy.documents.staging import RESULT, read_plan
from edgebench.deploy.transports.local import LocalDevice
from edgebench.documents import load, save
from edgebench.intervals import Estimate

MODELS = ("scenes_v2", "scenes_v2_ca")
SLOTS = ("plain", "attention")
BASELINES = dict.fromkeys(SLOTS, "plain")


def test_a_shift_is_the_exact_rank_sum_interval() -> None:
    first, last = np.arange(6.0), np.arange(6.0) + 10
    found = shift(first, last)
    # By hand: of all ways to choose 6 of 12 ranks, so many have a sum of ranks as small as this.
    sums = np.array([sum(one) for one in combinations(range(12), 6)]) - 15
    cut = max(number for number in range(37) if (sums < number).mean() <= 0.025)
    differences = np.sort(np.subtract.outer(last, first).ravel())
    assert found == Estimate(10.0, differences[cut - 1], differences[-cut])
    with pytest.raises(ValueError, match="too few"):
        shift(first[:3], last[:3])


def sustained(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], *options: str
) -> tuple[int, dict[str, Any]]:
    where = ("--artifacts", str(artifacts), "--runs", str(tmp_path / "runs"))
    code = main(("run", MODELS[1], "--precisions", "fp32", *where, *options, "--json"))
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, found


@pytest.mark.parametrize("device", ["throttling", "throttling-silent"])
def test_a_planted_throttle_is_found(
    device: str, artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Heat slows it down by 20 to 80 %, from 20 to 60 % of the run on, and its speed wanders."""
    device = f"simulated:{device}"
    code, found = sustained(artifacts, tmp_path, capsys, "--device", device, "--sustain", "4m")
    loaded = found["sustained"]
    assert code == 0 and found["measures"] == "sustained"
    assert [one["outcome"] for one in loaded["models"]] == ["slower", "slower"]
    for one in loaded["models"]:
        assert one["change"]["low"] > 0.1 and one["change"]["high"] < 1.6
    told = [one["thermal_status"] for one in loaded["states"]]
    assert set(told) == ({None} if "silent" in device else {0, 3})
    assert loaded["energy"]["unknown"]["id"] == "energy_not_told"
    assert not loaded["pauses"] and loaded["to_s"] > 200


def test_a_cool_device_is_steady_and_every_report_says_it(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = sustained(
        artifacts, tmp_path, capsys, *("--device", "simulated", "--sustain", "2m")
    )
    assert code == 0
    assert {one["outcome"] for one in found["sustained"]["models"]} == {"steady"}
    (folder,) = (tmp_path / "runs").glob("*-simulated")
    assert main(("report", str(folder), "--md", str(tmp_path / "m.md"), "--html")) == 0
    assert "Steady: after" in capsys.readouterr().out
    assert "| scenes_v2_ca |" in (tmp_path / "m.md").read_text()
    page = (folder / "report.html").read_text()
    assert "Latency under load" in page and "thermal status" in page
    (entry,) = history.entries(tmp_path / "runs")
    assert entry.models == MODELS and entry.verdicts == (("steady", 2),)


def test_a_plan_loads_each_model_alone_and_takes_turns_at_both_ends(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sustained(artifacts, tmp_path, capsys, "--device", "simulated", "--sustain", "5m")
    (folder,) = (tmp_path / "runs").glob("*-simulated")
    plan = read_plan(folder)
    for block in plan.blocks:
        assert block.order == (block.group, block.group + AGAIN)
    window = UNITS * len(MODELS)
    for end in (plan.blocks[:window], plan.blocks[-window:]):
        rounds = [{end[i].group, end[i + 1].group} for i in range(0, window, 2)]
        assert all(len(one) == 2 for one in rounds)
    assert plan.processes == 1 and plan.cooldown is None
    assert all(one.evaluation is None for one in plan.artifacts.values())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--sustain", "2m", "--budget", "60s"), "leave out --budget"),
        (("--sustain", "2m", "--detect", "3%"), "leave out --detect"),
        (("--sustain", "1s"), "too short for a sustained run"),
    ],
)
def test_options_that_make_no_sense_under_load_are_refused(
    options: tuple[str, ...],
    says: str,
    artifacts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    where = ("--artifacts", str(artifacts), "--runs", str(tmp_path / "runs"))
    words = ("run", MODELS[1], "--precisions", "fp32", "--device", "simulated", *where, *options)
    assert main(words) == 2
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_load_that_is_killed_goes_on_and_what_was_measured_stays(
    toys: Path, tmp_path: Path
) -> None:
    make_real_artifacts(toys, tmp_path / "artifacts")
    request = RunRequest(str(tmp_path / "artifacts"), sustain_s=6.0, out=str(tmp_path / "runs"))
    device = LocalDevice()

    def killed(step: str, done: int, total: int) -> None:
        if step == "measuring blocks" and done == 5:
            raise KeyboardInterrupt

    folder = running.prepare(request, device)
    first = running.carry_out(folder, device, killed)
    assert first.interrupted and first.sustained is not None
    kept = load(folder / RESULT, RunResult).blocks
    assert len(kept) >= 5
    last = running.carry_out(folder, device)
    assert load(folder / RESULT, RunResult).blocks[: len(kept)] == kept
    assert not last.interrupted and last.sustained is not None
    assert all(one.change is not None for one in last.sustained.models)
    assert load(folder / run_folder.COMPARISON, Comparison) == last


def test_after_a_pause_the_longest_unbroken_load_is_compared(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sustained(artifacts, tmp_path, capsys, "--device", "simulated:throttling", "--sustain", "4m")
    (folder,) = (tmp_path / "runs").glob("*-simulated:throttling")
    result = load(folder / RESULT, RunResult)
    cut = len(result.blocks) // 4
    later = [
        moved(one, 600.0) if number >= cut else one for number, one in enumerate(result.blocks)
    ]
    save(folder / RESULT, replace(result, blocks=tuple(later)))
    found = loaded(folder)
    (pause,) = found.pauses
    assert pause.seconds == pytest.approx(600, abs=5)
    assert found.from_s > 600 and found.to_s - found.from_s > 100


def moved(block: MeasuredBlock, seconds: float) -> MeasuredBlock:
    assert block.before and block.after
    return replace(
        block,
        before=replace(block.before, unix_s=block.before.unix_s + seconds),
        after=replace(block.after, unix_s=block.after.unix_s + seconds),
    )


def loaded(folder: Path) -> Sustained:
    run = run_folder.read_run(folder, load(folder / RESULT, RunResult), "")
    found = running.compare(run).sustained
    assert found is not None
    return found


def test_an_accelerator_that_nothing_tells_of_has_no_answer(
    artifacts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--device", "simulated", "--sustain", "2m", "--delegate", "npu")
    sustained(artifacts, tmp_path, capsys, *words)
    (folder,) = (tmp_path / "runs").glob("*-simulated")
    result = load(folder / RESULT, RunResult)
    for partitions, reason in ((None, "placement_unknown"), (0, "delegate_lost")):
        told = {
            slot: replace(one, partitions=partitions, leftover_ops=None)
            for slot, one in result.evaluations.items()
        }
        save(folder / RESULT, replace(result, evaluations=told))
        for one in loaded(folder).models:
            assert one.outcome == "no answer"
            assert one.reason is not None and one.reason.id == reason


# Energy. A device that takes so many watts, and tells of it in one way or another.
WATTS = {"plain": 2.0, "attention": 3.0}
LATENCY_S = {"plain": 0.010, "attention": 0.012}
BLOCK_S, VOLTS = 5.0, 4.0
STRETCHES = [slot for _ in range(8) for slot in SLOTS for _ in range(6)]

NOTHING = Readings(
    **dict.fromkeys(
        (
            *("frequencies_khz", "governors", "temperatures_c", "thermal_status", "throttled"),
            *("battery_percent", "load_1min", "running", "busy_s", "steal_s", "own_s", "core"),
            *("time_in_state_s", "probe_ns"),
        )
    ),
    unix_s=0.0,
    charging=False,
)
Told = Callable[[float, float], dict[str, Any]]
"""From the joules used so far and the watts of now to fields of the readings."""


def drained(told: Told, order: Sequence[str] = STRETCHES) -> Energy:
    """The energy of blocks in that order, on a device that tells it so."""
    used_j, at_s, found = 0.0, 0.0, []
    for slot in order:
        before = replace(NOTHING, unix_s=at_s, **told(used_j, WATTS[slot]))
        used_j, at_s = used_j + WATTS[slot] * BLOCK_S, at_s + BLOCK_S
        after = replace(NOTHING, unix_s=at_s, **told(used_j, WATTS[slot]))
        block = MeasuredBlock(0, 0, slot, None, before, after, (), ())
        found.append(LoadedBlock(slot, block, LATENCY_S[slot]))
    return energy(found, BASELINES)


def counter(step_uah: int, **more: Any) -> Told:
    def told(used_j: float, watts: float) -> dict[str, Any]:
        left = 3_000_000 - int(used_j / 3600e-6 / VOLTS) // step_uah * step_uah
        gauge = {"charge_uah": left, "voltage_uv": int(VOLTS * 1e6)}
        return {"battery_counters": gauge, **more}

    return told


def gauge(sign: int = -1, **more: Any) -> Told:
    def told(used_j: float, watts: float) -> dict[str, Any]:
        current = sign * int(watts / VOLTS * 1e6)
        return {"battery_counters": {"current_ua": current, "voltage_uv": 4_000_000}, **more}

    return told


def package(used_j: float, watts: float) -> dict[str, Any]:
    counted = int((used_j + 100) * 1e6) % 250_000_000  # It starts again when it is full.
    return {"package_energy_uj": {"package-0": counted}}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("battery_charge", counter(10)),
        ("battery_charge", counter(200)),
        ("battery_power", gauge(-1)),
        ("battery_power", gauge(1)),  # Some makers' current is positive when it goes out.
        ("package", package),
    ],
)
def test_joules_an_inference_are_those_that_the_device_used(source: str, told: Told) -> None:
    found = drained(told)
    assert found.source == source and found.unknown is None
    for one in found.models:
        truth = WATTS[one.slot] * LATENCY_S[one.slot]
        assert one.joules.low <= truth * 1.001 and truth * 0.999 <= one.joules.high
        assert one.joules.value == pytest.approx(truth, rel=0.05)
    overheads = {one.slot: one.overhead for one in found.models}
    assert overheads["plain"] is None and overheads["attention"] is not None
    assert overheads["attention"].value == pytest.approx(3 * 12 / (2 * 10) - 1, rel=0.1)


@pytest.mark.parametrize(
    ("reason", "told", "order"),
    [
        ("energy_not_told", lambda used_j, watts: {}, STRETCHES),
        ("energy_on_charger", counter(10, charging=True), STRETCHES),
        ("energy_on_charger", gauge(-1, charging=None), STRETCHES),
        ("energy_too_coarse", counter(20_000), STRETCHES),
        ("energy_of_too_short_a_load", counter(10), STRETCHES[:24]),
        ("energy_of_too_short_a_load", gauge(-1), STRETCHES[:8]),
        # The mains feed a battery that is full: it gives nothing.
        ("energy_not_told", gauge(0), STRETCHES),
    ],
)
def test_energy_that_is_not_known_says_why(reason: str, told: Told, order: list[str]) -> None:
    found = drained(told, order)
    assert found.source is None and found.models == ()
    assert found.unknown is not None and found.unknown.id == reason


def test_a_coarse_counter_gives_way_to_a_finer_source() -> None:
    def both(used_j: float, watts: float) -> dict[str, Any]:
        coarse = counter(20_000)(used_j, watts)["battery_counters"]
        return {"battery_counters": {**coarse, "current_ua": -int(watts / VOLTS * 1e6)}}

    assert drained(both).source == "battery_power"
