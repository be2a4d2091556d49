"""What `benchmark_model` prints, in the forms of its versions, is read for what it says."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.deploy.benchmark_model.output import InferenceTimes, failure, flags, parse
from edgebench.deploy.benchmark_model.profile import left_over

OLD = """STARTING!
Min num runs: [50]
Graph: [/data/local/tmp/a.tflite]
Loaded model /data/local/tmp/a.tflite
INFO: Initialized TensorFlow Lite runtime.
INFO: Created TensorFlow Lite delegate for GPU.
Explicitly applied GPU delegate, and the model graph will be {how}
The input model file size (MB): 13.9
Initialized session in 412.5ms.
Running benchmark for at least 6 iterations and at least 0.1 seconds but terminate if exceeding 150
count=6 first=21000 curr=11100 min=11000 max=21000 avg=12700 std=3700

Running benchmark for at least 3 iterations and at least 0.5 seconds but terminate if exceeding 150
count=45 first=11010 curr=11050 min=10990 max=11400 avg=11042.4 std=61

Inference timings in us: Init: 412500, First inference: 21000, Warmup (avg): 12700, Inference (avg)
Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE
Memory footprint delta from the start of the tool (MB): init=40.5 overall=52.25
"""
COMPLETELY = "completely executed by the delegate."
PARTIALLY = "partially executed by the delegate w/ 3 delegate kernels."


def test_an_old_version_tells_the_mean() -> None:
    found = parse(OLD.format(how=COMPLETELY))
    assert found.timed == InferenceTimes(45, 11_010_000, 11_042_400, "mean")
    assert found.warmup == InferenceTimes(6, 21_000_000, 12_700_000, "mean")
    assert found.init_s == pytest.approx(0.4125)
    assert found.first_inference_s == pytest.approx(0.021)
    assert found.memory_bytes == round(52.25 * 2**20)
    assert found.kernels == 1


def test_a_mean_of_the_warm_up_is_taken_without_its_first_inference() -> None:
    warmup = parse(OLD.format(how=COMPLETELY)).warmup
    assert warmup is not None
    assert warmup.settled_ns == pytest.approx((6 * 12_700_000 - 21_000_000) / 5)


@pytest.mark.parametrize(("how", "kernels"), [(COMPLETELY, 1), (PARTIALLY, 3), ("", 0)])
def test_the_delegates_nodes_are_counted(how: str, kernels: int) -> None:
    assert parse(OLD.format(how=how)).kernels == kernels


def test_a_delegate_that_takes_nothing_has_no_node() -> None:
    line = "Though GPU delegate is explicitly applied, the model graph will not be executed by the"
    assert parse(f"INFO: {line} delegate.\n").kernels == 0


MICROSECONDS = st.integers(min_value=1, max_value=10**7)


@given(st.lists(MICROSECONDS, min_size=1, max_size=30), st.booleans())
def test_a_list_of_times_is_read_as_it_was_summed_up(times: list[int], new: bool) -> None:
    middle = sorted(times)[len(times) // 2]
    if len(set(times)) == 1:
        text = f"count={len(times)} curr={times[-1]}" + ("(all same)" if len(times) > 1 else "")
    else:
        text = (
            f"count={len(times)} first={times[0]} curr={times[-1]} min={min(times)} "
            f"max={max(times)} avg={sum(times) / len(times):.6g} std=1"
        )
    if new:
        text = f"INFO: {text} p5={min(times)} median={middle} p95={max(times)}"
    found = parse(text + "\n").timed
    assert found is not None
    assert found.count == len(times)
    assert found.first_ns == times[0] * 1000
    mean = sum(times) / len(times)
    assert found.level_ns == pytest.approx((middle if new else mean) * 1000, rel=1e-5)
    assert found.kind == ("median" if new else "mean")


@given(st.text())
def test_whatever_is_printed_breaks_nothing(text: str) -> None:
    parse(text)
    assert failure(1, text)
    assert failure(0, text) is None or "no times" in str(failure(0, text))


@pytest.mark.parametrize(
    ("status", "text", "sentence"),
    [
        (1, "INFO: fine\nERROR: Failed to apply GPU delegate.\nERROR: Benchmarking failed.\n",
         "benchmark_model: Failed to apply GPU delegate."),
        (128 + signal.SIGSEGV, "", "benchmark_model was stopped by SIGSEGV"),
        (128 + signal.SIGABRT, "INFO: so\nFATAL: The size of a.raw is 3 bytes.\n", "is 3 bytes"),
        (128 + signal.SIGKILL, "", "when memory runs out"),
        (124, "count=1 curr=5\n", "did not end in time"),
        (0, "hello\n", "printed no times"),
        (1, "", "exit status 1"),
    ],
)  # fmt: skip
def test_a_failure_is_one_sentence(status: int, text: str, sentence: str) -> None:
    said = failure(status, text)
    assert said is not None and sentence in said and "\n" not in said


def test_a_run_that_worked_is_no_failure() -> None:
    assert failure(0, OLD.format(how=COMPLETELY)) is None


def test_the_help_lists_the_options() -> None:
    usage = "usage: ./benchmark_model <flags>\nFlags:\n\t--num_runs=50\tint32\toptional\truns\n"
    assert flags(usage + "\t--graph=\tstring\toptional\n") == {"num_runs", "graph"}


def test_operations_that_no_delegate_takes_are_named() -> None:
    head = "==== Run Order ====\n"
    line = "\t{}\t0.1\t0.2\t10.0%\t10.0%\t0.000\t1\t[layer]:0\n"
    rows = ("TfLiteGpuDelegateV2", "RESIZE_BILINEAR", "TfLiteXNNPackDelegate", "SOFTMAX")
    text = head + "".join(line.format(name) for name in rows)
    assert left_over(text, "gpu") == rows[1:]
    assert left_over(text, "xnnpack") == ("RESIZE_BILINEAR", "SOFTMAX")
