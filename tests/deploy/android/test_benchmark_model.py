"""Plans carried out by `benchmark_model`: a stand-in of it, on a stand-in for a phone."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path

import litert_tool
import numpy as np
import pytest
from phone import PhoneShell
from test_android_readings import battery, thermal
from toy_models import IMAGES, MakeRun

from edgebench.benchmarks.planning.pace import APART_S
from edgebench.benchmarks.planning.pilot import pace
from edgebench.benchmarks.planning.sizing import choose_size
from edgebench.deploy.benchmark_model import worker
from edgebench.deploy.benchmark_model.runner import BenchmarkModelRunner, end_leftovers
from edgebench.deploy.benchmark_model.tool import Tool
from edgebench.deploy.device.interface import CheckStep
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import read_plan
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.shell import DeviceLostError
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.local import LocalDevice
from edgebench.errors import DeviceError
from edgebench.progress import silent


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhoneShell:
    monkeypatch.setenv("EDGEBENCH_DATA", str(tmp_path / "data"))
    shell = PhoneShell(tmp_path / "phone")
    (shell.state / "dumpsys.thermalservice").write_text(thermal())
    (shell.state / "dumpsys.battery").write_text(battery(77))
    for name, value in {"ro.build.version.release": "16", "ro.soc.model": "T1000"}.items():
        (shell.state / f"prop.{name}").write_text(value + "\n")
    return shell


def device(phone: PhoneShell, tmp_path: Path, **mode: object) -> RemoteDevice:
    litert_tool.write(tmp_path / "data" / "android" / "benchmark_model", **mode)
    store = Store(phone, str(tmp_path / "phone" / "home"))
    return RemoteDevice(
        "phone", "a stand-in", store, BenchmarkModelRunner(), keep=True, reconnect_s=5.0
    )


def measure(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun, *names: str, **options: object
) -> tuple[Path, RunResult]:
    """Run a plan of one block; `mode` is the stand-in's."""
    mode = options.pop("mode", {})
    assert isinstance(mode, dict)
    folder = make_run(*(names or ("plain", "attention")), blocks=1, processes=1, **options)
    return folder, device(phone, tmp_path, **mode).run(folder, silent)


MANY = 100_000
"""More inferences of a toy than the stand-in makes in the shortest time of a turn."""


def test_a_plan_is_carried_out_and_every_turn_says_what_its_sample_is(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    _, result = measure(phone, tmp_path, make_run, cores=[0], samples=MANY)
    assert result.complete
    (block,) = result.blocks
    order = ["plain", "attention", "attention", "plain"]
    assert [turn.slot for turn in block.turns] == [one.slot for one in block.warmups] == order
    for warmup, turn in zip(block.warmups, block.turns, strict=True):
        assert turn.summary is not None and turn.summary.kind == "median"
        assert turn.summary.inferences >= MANY - 1
        assert turn.dropped_ns == () and turn.cpu_ns is None
        assert len(turn.samples_ns) == len(warmup.times_ns) == 1
        assert turn.samples_ns[0] > 0 and warmup.times_ns[0] > 0
    assert block.before is not None and block.after is not None
    assert block.after.battery_percent == 77 and block.before.thermal_status == 0
    shortest_s = len(order) * (worker.WARMUP_S + worker.TIMED_S)
    assert block.after.unix_s - block.before.unix_s > shortest_s
    context = result.context
    assert (context.system, context.cpu_model, context.python) == ("Android 16", "T1000", None)
    assert context.runtimes["tflite"].name == "benchmark_model"
    assert context.cores == (0,)
    for evaluation in result.evaluations.values():
        assert evaluation.partitions == 1 and evaluation.leftover_ops == ()
        assert evaluation.load_s is not None and evaluation.first_inference_s is not None
        assert evaluation.peak_memory_bytes == round(7.25 * 2**20)


def test_a_run_is_planned_for_turns_that_are_processes_of_their_own(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    folder, result = measure(phone, tmp_path, make_run)
    plan = read_plan(folder)
    found = pace(plan, result)
    (group,) = found.groups.values()
    (size,) = choose_size(found, 600.0, None).size.groups.values()
    assert group.start_s > worker.WARMUP_S and size.there_and_back
    assert size.turn.samples * max(group.inference_s.values()) >= APART_S
    here = make_run("plain", "attention", blocks=1, processes=1, where="here")
    (own,) = pace(plan, LocalDevice().run(here, silent)).groups.values()
    assert own.start_s == 0


def test_an_old_tool_tells_means_and_saves_no_outputs(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    _, result = measure(
        phone, tmp_path, make_run, evaluate=True, delegate="none", mode={"form": "old"}
    )
    assert result.complete
    turns = result.blocks[0].turns
    assert {turn.summary.kind for turn in turns if turn.summary} == {"mean"}
    assert {one.outputs for one in result.evaluations.values()} == {None}
    assert {one.partitions for one in result.evaluations.values()} == {0}


def test_outputs_on_the_phone_are_those_of_the_runner_here(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    names = ("plain", "attention", "int8")
    folder, result = measure(phone, tmp_path, make_run, *names, evaluate=True)
    here = make_run(*names, evaluate=True, where="here")
    expected = LocalDevice().run(here, silent)
    assert set(result.evaluations) == set(names)
    for slot, evaluation in result.evaluations.items():
        assert evaluation.outputs is not None and evaluation.images == IMAGES
        assert evaluation.outputs == expected.evaluations[slot].outputs
        for role in evaluation.outputs.values():
            ours = np.load(folder / role)
            np.testing.assert_array_equal(ours, np.load(here / role))
            assert ours.dtype == np.float32


def test_no_more_images_are_run_than_the_limit(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LIMIT", 3)
    folder, result = measure(phone, tmp_path, make_run, evaluate=True)
    for evaluation in result.evaluations.values():
        assert evaluation.images == 3
        assert evaluation.outputs is not None
        assert len(np.load(folder / evaluation.outputs["logits"])) == 3


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ({"fail": "crash"}, "stopped by SIGSEGV"),
        ({"fail": "killed"}, "stopped by SIGKILL, as Android does when memory runs out"),
        ({"fail": "garbage"}, "printed no times"),
        ({"fail": "nan"}, "are not finite"),
        ({"gpu": "refused"}, "Failed to apply GPU delegate"),
        ({"gpu": "none"}, "has no gpu delegate; it has: xnnpack, none"),
    ],
)
def test_what_fails_is_said_in_a_sentence(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun, mode: dict[str, object], sentence: str
) -> None:
    delegate = "gpu" if "gpu" in mode else "xnnpack"
    with pytest.raises(DeviceError, match=sentence) as caught:
        measure(phone, tmp_path, make_run, evaluate=True, delegate=delegate, mode=mode)
    assert "--resume" in caught.value.remedy


def test_processes_of_the_tool_that_nobody_hears_are_ended(
    phone: PhoneShell, tmp_path: Path
) -> None:
    program = shutil.copy(shutil.which("sleep") or "", tmp_path / "tool")
    with subprocess.Popen([program, "60"]) as left, subprocess.Popen(["sleep", "60"]) as other:
        end_leftovers(Tool(phone, str(program), frozenset()))
        assert left.wait(10) == -signal.SIGKILL and other.poll() is None
        other.kill()


@pytest.mark.parametrize(
    ("taskset", "why"),
    [
        ("echo 'taskset: inaccessible or not found' >&2; exit 127", "not found"),
        ('shift; exec taskset -c 1 "$@"', "it uses cores 1 instead"),
    ],
)
def test_cores_that_a_process_is_not_kept_on_are_said(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun, taskset: str, why: str
) -> None:
    real = shutil.which("taskset")
    assert real is not None
    phone.add("taskset", "#!/bin/sh\n" + taskset.replace("exec taskset", f"exec {real}") + "\n")
    with pytest.raises(DeviceError, match=f"does not keep programs on cores 0: .*{why}") as caught:
        measure(phone, tmp_path, make_run, cores=[0])
    assert "--cores all" in caught.value.remedy


def test_a_turn_that_crashes_costs_its_block_alone_and_is_measured_again(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    # Two runs of two models to evaluate them, after which the fifth turn crashes.
    folder = make_run("plain", "attention", blocks=2, processes=1)
    result = device(phone, tmp_path, fail="crash", fail_after=1 + 4 + 4).run(folder, silent)
    assert not result.complete
    first, second = result.blocks
    assert first.error is None and len(first.turns) == 4
    assert second.error is not None and "SIGSEGV" in second.error
    whole = device(phone, tmp_path).run(folder, silent)
    assert whole.complete and whole.blocks[0] == first


@pytest.mark.parametrize(
    ("gpu", "partitions", "left"),
    [("whole", 1, 0), ("partial", 2, 2), ("unused", 0, None)],
)
def test_what_the_delegate_took_and_left_is_recorded(
    phone: PhoneShell,
    tmp_path: Path,
    make_run: MakeRun,
    gpu: str,
    partitions: int,
    left: int | None,
) -> None:
    _, result = measure(phone, tmp_path, make_run, delegate="gpu", mode={"gpu": gpu})
    for evaluation in result.evaluations.values():
        assert evaluation.partitions == partitions
        assert evaluation.leftover_ops is not None
        assert left is None or len(evaluation.leftover_ops) == left


def test_a_phone_that_is_unplugged_in_a_block_measures_that_block_again(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    folder = make_run("plain", "attention", blocks=2, processes=1)
    lost: list[int] = []

    def unplug(step: str, done: int, total: int) -> None:
        if step == "measuring blocks" and done == 1 and not lost:
            lost.append(done)
            phone.gone = DeviceLostError("phone is gone", "plug it in")
        elif "gone" in step:
            phone.gone = None

    result = device(phone, tmp_path).run(folder, unplug)
    assert lost and result.complete and [block.index for block in result.blocks] == [0, 1]


def test_a_profile_by_operation_comes_from_the_tool(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    folder = make_run("plain", "attention", blocks=1, processes=1, delegate="gpu")
    plan = json.loads((folder / "plan.json").read_text())
    (folder / "plan.json").write_text(json.dumps({**plan, "profile": True}))
    result = device(phone, tmp_path, gpu="partial").run(folder, silent)
    for evaluation in result.evaluations.values():
        assert evaluation.profile is not None
        assert evaluation.profile.source == "benchmark_model"
        types = [one.type for one in evaluation.profile.operations]
        assert types == [*["TfLiteGpuDelegateV2"] * 2, "MEAN", "SOFTMAX"]


def check(phone: PhoneShell, runner: BenchmarkModelRunner, tmp_path: Path) -> list[CheckStep]:
    return list(runner.check(Store(phone, str(tmp_path / "phone" / "home"))))


def test_the_check_says_where_to_get_the_tool_and_tries_it(
    phone: PhoneShell, tmp_path: Path
) -> None:
    (missing,) = check(phone, BenchmarkModelRunner(), tmp_path)
    assert missing.state == "missing" and "ai.google.dev" in missing.remedy
    own = tmp_path / "data" / "android" / "benchmark_model"
    litert_tool.write(own)
    assert [step.state for step in check(phone, BenchmarkModelRunner(), tmp_path)] == ["ok"] * 4
    litert_tool.write(own, form="old")
    steps = {step.name: step for step in check(phone, BenchmarkModelRunner(), tmp_path)}
    assert steps["outputs"].state == "note" and steps["outputs"].remedy


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("#!/nowhere/loader\n", "does not work on phone"),
        ("#!/bin/sh\n", "does not work on phone: it lists no options"),
        (
            "#!/bin/sh\necho $0: Permission denied >&2; exit 126\n",
            "phone does not start programs in",
        ),
        (None, "cannot read"),
    ],
)
def test_a_tool_that_cannot_be_used_is_told_apart(
    phone: PhoneShell, tmp_path: Path, content: str | None, sentence: str
) -> None:
    given = tmp_path / "given"
    if content is not None:
        given.write_text(content)
    (step,) = check(phone, BenchmarkModelRunner(str(given)), tmp_path)
    assert step.state == "missing" and sentence in step.found and step.remedy
