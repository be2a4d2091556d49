"""Two runs compared: through the command line, and the laws of the comparison itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from replay import Replay, ReplayedDevice

from edgebench.benchmarks.proof import prove_gate
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.results.regression import change, latency_change, overhead_change
from edgebench.benchmarks.statistics import paired
from edgebench.benchmarks.statistics.paired import Overhead
from edgebench.cli import main
from edgebench.deploy.documents.result import Runtime
from edgebench.documents import save
from edgebench.intervals import Interval

Measure = Callable[..., Comparison]


@pytest.fixture
def measure(replay: Replay, tmp_path: Path) -> Measure:
    """Keep a run of one model of known overhead: `measure("a", 0.16, runtime="2.3.0")`."""

    def measure(
        name: str,
        overhead: float = 0.16,
        slower: float = 1.0,
        runtime: str = "2.3.0",
        error: str = "",
        throttled: bool = False,
        models: tuple[str, ...] = ("scenes_v2", "scenes_v2_ca"),
        **fields: object,
    ) -> Comparison:
        slots = {"scenes_v2": 0.002, "scenes_v2_ca": 0.002 * (1 + overhead), "scenes_v2_se": 0.002}
        device = ReplayedDevice(
            {f"{model}.fp32.tflite": slower * level for model, level in slots.items()},
            noise=0.02,
            errors={"scenes_v2_ca.fp32.tflite": error} if error else {},
            throttled=throttled,
        )
        seed = sum(name.encode())
        made = replay(device, models=models, precisions=("fp32",), seed=seed, budget_s=20.0)
        runtimes = {"tflite": Runtime("ai-edge-litert", runtime)}
        context = replace(made.context, runtimes=runtimes)
        made = replace(made, run=name, context=context, **fields)
        save(tmp_path / "kept" / name / "comparison.json", made)
        return made

    return measure


@pytest.fixture
def compare(tmp_path: Path) -> Callable[..., int]:
    """`compare("a b --fail-above 5%")`, as on the command line."""
    return lambda words: main(["compare", *words.split(), "--runs", str(tmp_path / "kept")])


def unfolded(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, without the line breaks of a narrow terminal."""
    return " ".join(capsys.readouterr().out.split())


def test_a_model_that_became_slower_fails_the_gate(
    measure: Measure,
    compare: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    measure("a", 0.10)
    measure("b", 0.30)
    assert compare("a b --fail-above 5%") == 4
    out = capsys.readouterr().out
    assert "1 regressed by more than +5.0 %" in out
    assert re.search(r"\+(9\.\d|1\d\S*) -> \+(29|30|31) %", out)
    assert max(len(line) for line in out.splitlines()) <= 100
    assert compare("b a --fail-above 5%") == 0
    assert compare("a b --fail-above 25%") == 0
    assert "none regressed" in capsys.readouterr().out
    assert compare("a b") == 0
    assert "1 slower and 0 faster" in capsys.readouterr().out


def test_a_slower_session_fails_the_gate_only_where_latencies_are_judged(
    measure: Measure, compare: Callable[..., int]
) -> None:
    measure("a")
    measure("b", slower=1.2)
    assert compare("a b --fail-above 5%") == 0
    assert compare("a b --fail-above 5% --latency") == 4


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"threads": 4}, "threads 1 and 4"),
        ({"device": "pixel7"}, "device local and pixel7"),
        ({"cores": (0, 1)}, "cores not set and 0, 1"),
        ({"delegate": "none"}, "delegate xnnpack and none"),
        ({"runtime": "2.4.0"}, "tflite runtime ai-edge-litert 2.3.0 and ai-edge-litert 2.4.0"),
    ],
)
def test_runs_that_were_not_measured_alike_are_compared_only_if_told_to(
    measure: Measure,
    compare: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    fields: dict[str, object],
    says: str,
) -> None:
    measure("a")
    measure("b", **fields)
    assert compare("a b") == 2
    out, err = capsys.readouterr()
    assert out == "" and says in err and "--anyway" in err
    assert compare("a b --anyway") == 0
    assert f"note: compared although not measured alike: {says}" in unfolded(capsys)


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ({"throttled": True}, "the second run has no verdict on it"),
        ({"error": "it crashed"}, "it does not run in the second run: it crashed"),
        ({"models": ("scenes_v2", "scenes_v2_se")}, "it is not in the second run"),
    ],
)
def test_what_cannot_be_judged_is_said_and_has_its_own_exit_code(
    measure: Measure,
    compare: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    second: dict[str, object],
    says: str,
) -> None:
    measure("a", 0.1)
    measure("b", 0.4, **second)
    assert compare("a b --fail-above 5%") == 3
    assert says in unfolded(capsys)


def test_a_regression_outweighs_what_cannot_be_judged(
    measure: Measure, compare: Callable[..., int]
) -> None:
    measure("a", 0.1, models=("scenes_v2", "scenes_v2_ca", "scenes_v2_se"))
    measure("b", 0.4)
    assert compare("a b --fail-above 5%") == 4


def test_junit_xml_has_what_ci_systems_read(
    measure: Measure, compare: Callable[..., int], tmp_path: Path
) -> None:
    measure("a", 0.1, models=("scenes_v2", "scenes_v2_ca", "scenes_v2_se"))
    measure("b", 0.4)
    path = tmp_path / "deep" / "junit.xml"
    assert compare(f"a b --fail-above 5% --junit {path}") == 4
    root = ElementTree.parse(path).getroot()
    assert root.tag == "testsuites"
    (suite,) = root
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert cases.keys() == {"scenes_v2_ca", "scenes_v2_se"}
    for counted in (root, suite):
        counts = {name: int(counted.get(name, "")) for name in ("tests", "failures", "skipped")}
        assert counts == {"tests": 2, "failures": 1, "skipped": 1}
    assert all(case.get("classname") == "edgebench.tflite.fp32" for case in cases.values())
    failure, skipped = cases["scenes_v2_ca"].find("failure"), cases["scenes_v2_se"].find("skipped")
    assert failure is not None
    assert re.search(r"overhead moved by \+2[67]", failure.get("message", ""))
    assert skipped is not None and "not in the second run" in skipped.get("message", "")


def test_junit_xml_of_a_run_that_crashed_with_odd_characters_can_be_parsed(
    measure: Measure, compare: Callable[..., int], tmp_path: Path
) -> None:
    measure("a")
    measure("b", error='signal \x0b <"&> \x1b[31m \ud800')
    assert compare(f"a b --junit {tmp_path / 'junit.xml'}") == 3
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert root.findall(".//skipped")


def test_the_comparison_is_given_as_json(
    measure: Measure, compare: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    measure("a", 0.1)
    measure("b", 0.3)
    assert compare("a b --json --fail-above 5%") == 4
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "edgebench.change/2"
    shift = next(one for one in found["shifts"] if one["model"] == "scenes_v2_ca")
    assert shift["outcome"] == "regressed"
    assert shift["overhead"]["low"] < 1.3 / 1.1 - 1 < shift["overhead"]["high"]


def test_runs_without_a_common_artifact_are_refused(
    measure: Measure, compare: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    first = measure("a")
    other = replace(first, run="b", groups=(replace(first.groups[0], precision="int8"),))
    with pytest.raises(Exception, match="no artifact in common"):
        change(first, other)
    assert compare("a gone") == 2
    assert "unknown run" in capsys.readouterr().err


shares = st.floats(-0.5, 3.0)
widths = st.floats(0.0001, 0.3)


def overhead(value: float, below: float, above: float) -> Overhead:
    interval = Interval((1 + value) * (1 - below) - 1, (1 + value) * (1 + above) - 1)
    return Overhead(value, interval, interval, 0.05, ())


overheads = st.builds(overhead, shares, widths, widths)


@given(overheads, overheads)
def test_swapping_the_runs_turns_the_change_round(first: Overhead, second: Overhead) -> None:
    there, back = overhead_change(first, second), overhead_change(second, first)
    assert 1 + back.value == pytest.approx(1 / (1 + there.value))
    assert 1 + back.low == pytest.approx(1 / (1 + there.high))
    assert 1 + back.high == pytest.approx(1 / (1 + there.low))


@given(overheads)
def test_a_run_beside_itself_has_not_changed(one: Overhead) -> None:
    found = overhead_change(one, one)
    assert found.low < found.value == 0.0 < found.high


@given(overheads, overheads)
def test_a_change_is_less_certain_than_either_run(first: Overhead, second: Overhead) -> None:
    found = overhead_change(first, second)
    width = np.log1p(found.high) - np.log1p(found.low)
    for run in (first, second):
        assert width >= np.log1p(run.interval.high) - np.log1p(run.interval.low) - 1e-9


def test_the_interval_of_a_change_holds_the_truth_about_as_often_as_it_says() -> None:
    chance = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        # Unlike in noise and in length, as two sessions are.
        first = paired.overhead(chance.normal(0.10, 0.01, 12))
        second = paired.overhead(0.15 + 0.02 * chance.laplace(size=20))
        found = overhead_change(first, second)
        held += found.low <= np.expm1(0.05) <= found.high
    assert 0.93 <= held / 400 <= 0.98


def test_two_sessions_of_a_simulated_machine_are_judged_right() -> None:
    """A smoke test; the proof is the command."""
    same = [prove_gate.pair_of_runs("drift", 0.0, 60.0, seed) for seed in range(6)]
    slower = [prove_gate.pair_of_runs("drift", 0.12, 60.0, seed) for seed in range(6)]
    assert not any(one.outcome == "regressed" for one in same)
    assert sum(one.outcome == "regressed" for one in slower) >= 5


def test_latencies_of_too_few_processes_have_no_interval() -> None:
    assert latency_change((0.002,) * 3, (0.002,) * 30) is None
    found = latency_change((0.002,) * 8, (0.003,) * 8)
    assert found is not None and found.value == pytest.approx(0.5)
