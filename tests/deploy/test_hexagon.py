"""Qualcomm's emulator of its NPU as a device: the real compiler and the real emulator."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from toy_models import MakeRun

from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import HOST, PLAN, stage_file, write_plan
from edgebench.deploy.registry import devices
from edgebench.deploy.transports.hexagon.device import HexagonEmulator
from edgebench.documents import load, sha256
from edgebench.errors import DeviceError
from edgebench.progress import silent

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="Qualcomm's libraries are for Linux on x86-64"
)

NAME = "hexagon-emulator"


def staged(make_run: MakeRun, *names: str) -> Path:
    """A run folder of some toys that measures nothing."""
    folder = make_run(*names, evaluate=True)
    write_plan(replace(load(folder / PLAN, Plan), blocks=()), folder)
    return folder


def outputs(result: RunResult, folder: Path, slot: str) -> np.ndarray:
    kept = result.evaluations[slot].outputs
    assert kept is not None
    return np.load(folder / kept["logits"])


def test_the_compiled_file_computes_what_the_file_means(make_run: MakeRun) -> None:
    folder = staged(make_run, "int8", "plain")
    told: list[str] = []
    result = devices.get(NAME).run(folder, lambda step, done, total: told.append(step))
    assert result.complete and not result.blocks
    host = load(folder / HOST / "result.json", RunResult)
    for slot, least_db in (("int8", 20.0), ("plain", 40.0)):
        one = result.evaluations[slot]
        assert one.error is None and one.partitions == 1 and one.leftover_ops == ()
        here = outputs(host, folder / HOST, slot)
        there = outputs(result, folder, slot)
        noise = np.square(there - here).sum()
        assert 10 * np.log10(np.square(here).sum() / max(noise, 1e-12)) > least_db
        assert noise > 0  # The same to the last bit would be this machine's own kernels.
    assert "emulating int8" in told


def test_nothing_is_timed_and_the_processor_is_the_emulated_one(make_run: MakeRun) -> None:
    result = devices.get(NAME).run(staged(make_run, "int8"), silent)
    one = result.evaluations["int8"]
    assert (one.load_s, one.first_inference_s, one.peak_memory_bytes) == (None, None, None)
    assert result.context.delegate == "npu"
    assert result.context.machine == "Hexagon v75"
    assert result.context.cpu_model == "Snapdragon 8 Gen 3, SM8650"
    assert result.context.runtimes["tflite"].within == "Hexagon emulator, SM8650"


def test_it_computes_the_same_twice(make_run: MakeRun) -> None:
    found = []
    for _ in range(2):
        folder = staged(make_run, "int8")
        result = HexagonEmulator("x", "", "SM8350").run(folder, silent)
        found.append(outputs(result, folder, "int8").tobytes())
    assert found[0] == found[1]


def with_onnx(folder: Path, model: onnx.ModelProto) -> Path:
    """The run folder with an ONNX file in the place of its only artifact."""
    path = folder / "model.onnx"
    onnx.save(model, path)
    plan = load(folder / PLAN, Plan)
    (slot,) = plan.artifacts
    digest = sha256(path)
    file = stage_file(path, digest, folder)
    changed = replace(
        plan.artifacts[slot], file=file, sha256=digest, format="onnx", evaluation=None
    )
    write_plan(replace(plan, artifacts={slot: changed}), folder)
    return folder


def network(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in ("x", "y")]
    graph = helper.make_graph(list(nodes), "toy", ports[:1], ports[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_an_onnx_file_runs_whole_on_the_npu(make_run: MakeRun) -> None:
    model = network(helper.make_node("Relu", ["x"], ["y"]))
    result = devices.get(NAME).run(with_onnx(staged(make_run, "int8"), model), silent)
    one = result.evaluations["int8"]
    assert one.error is None and one.partitions == 1


def test_an_operator_that_the_npu_does_not_take_is_named(make_run: MakeRun) -> None:
    model = network(
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Erf", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    )
    with pytest.raises(DeviceError, match=r"leaves 1 operator to the CPU: Erf"):
        devices.get(NAME).run(with_onnx(staged(make_run, "int8"), model), silent)


def test_a_file_that_crashes_or_is_corrupt_does_not_take_others_with_it(
    make_run: MakeRun,
) -> None:
    result = devices.get(NAME).run(staged(make_run, "int8", "corrupt"), silent)
    assert result.evaluations["int8"].error is None
    assert result.evaluations["corrupt"].error
    assert not result.complete


def test_a_soc_without_a_number_is_refused_by_name() -> None:
    steps = list(HexagonEmulator("x", "", "SM9999").check())
    assert [step.state for step in steps] == ["ok", "ok", "missing"]
