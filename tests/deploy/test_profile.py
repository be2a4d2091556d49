"""Profiles: what the runtimes' own profilers say, kept beside the measurement."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_models import MakeRun

from edgebench.deploy.documents.result import Profile, RunResult
from edgebench.deploy.documents.staging import read_plan, stage_runner, write_plan
from edgebench.deploy.runner import profilers
from edgebench.deploy.runner.profilers import onnx as onnx_profiler
from edgebench.deploy.runner.profilers.inferences import INFERENCES, Rows
from edgebench.documents import convert, load

CRASH = """
import ctypes, os
opened = ctypes.CDLL
def crash(name, *rest, **more):
    # The package loads its library too, and gives a mode.
    ours = str(name).endswith("libLiteRt.so") and not more
    return os.abort() if ours else opened(name, *rest, **more)
ctypes.CDLL = crash
"""
PLAN = {"threads": 1, "delegate": "xnnpack"}


def profiled(folder: Path) -> RunResult:
    write_plan(replace(read_plan(folder), profile=True), folder)
    command = [sys.executable, stage_runner(folder), "plan.json", "result.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert ("profile", 2, 2) in [(one["event"], one["done"], one["total"]) for one in told]
    return load(folder / "result.json", RunResult)


def test_a_run_with_a_profile_names_the_operations_inside_the_delegate(make_run: MakeRun) -> None:
    result = profiled(make_run("plain", "attention"))
    assert result.complete
    plain, attention = (result.evaluations[name].profile for name in ("plain", "attention"))
    assert plain is not None and attention is not None
    for found in (plain, attention):
        assert found.source == "LiteRT profiler" and found.inferences == INFERENCES // 4
        assert any("Convolution" in one.type for one in found.operations)
        assert found.whole_s > 0 and all(one.time_s >= 0 for one in found.operations)
        # Operations run one after another within the inference.
        assert sum(one.time_s for one in found.operations) <= found.whole_s * 1.01
    assert len(attention.operations) > len(plain.operations)


def test_without_the_delegate_the_built_in_kernels_are_profiled(make_run: MakeRun) -> None:
    result = profiled(make_run("plain", "int8", delegate="none"))
    for name in ("plain", "int8"):
        found = result.evaluations[name].profile
        assert found is not None
        assert {"CONV_2D"} <= {one.type for one in found.operations}


def test_a_run_that_asks_for_no_profile_has_none(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention")
    command = [sys.executable, stage_runner(folder), "plan.json", "result.json"]
    assert subprocess.run(command, cwd=folder, capture_output=True).returncode == 0
    result = load(folder / "result.json", RunResult)
    assert all(one.profile is None for one in result.evaluations.values())


def test_a_profiler_that_crashes_costs_nothing_but_its_profile(
    make_run: MakeRun, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(CRASH)
    folder = make_run("plain", "attention")
    write_plan(replace(read_plan(folder), profile=True), folder)
    command = [sys.executable, stage_runner(folder), "plan.json", "result.json"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "has no profile: the runtime crashed (SIGABRT)" in done.stderr
    result = load(folder / "result.json", RunResult)
    assert result.complete
    assert all(one.profile is None for one in result.evaluations.values())


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import onnx
    from onnx import helper, numpy_helper

    weights = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], name="first", kernel_shape=[3, 3]),
        helper.make_node("Sigmoid", ["y"], ["z"], name="second"),
    ]
    ports = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("x", [1, 3, 34, 34]), ("z", [1, 4, 32, 32]))
    ]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], [weights])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    path = tmp_path_factory.mktemp("onnx") / "toy.onnx"
    onnx.save(model, path)
    return path


def test_onnx_runtimes_profile_names_the_graphs_nodes(onnx_file: Path) -> None:
    found = profilers.profile(str(onnx_file), {"format": "onnx"}, PLAN)
    assert found is not None and found["source"] == "ONNX Runtime profile"
    assert "Conv" in {one["type"] for one in found["operations"]}
    assert 0 < sum(one["time_s"] for one in found["operations"]) <= found["whole_s"]


def test_openvinos_counters_name_the_graphs_nodes(onnx_file: Path, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    openvino.save_model(openvino.convert_model(onnx_file), tmp_path / "model.xml", False)
    found = profilers.profile(str(tmp_path), {"format": "openvino"}, PLAN)
    assert found is not None and found["source"] == "OpenVINO counters"
    assert any("first" in one["name"] for one in found["operations"])


def test_a_format_without_a_profiler_has_no_profile() -> None:
    assert profilers.profile("model.mlpackage", {"format": "coreml"}, PLAN) is None


def test_an_onnx_trace_is_parted_into_its_inferences() -> None:
    def event(name: str, ts: int, dur: int, **args: str) -> dict[str, object]:
        return {"cat": "Node", "name": name, "ts": ts, "dur": dur, "args": args}

    trace = [
        event("a_kernel_time", 10, 5, op_name="Conv"),
        event("a_fence_before", 9, 1),
        event("b_kernel_time", 16, 2, op_name="Mul"),
        {"cat": "Session", "name": "model_run", "ts": 8, "dur": 12},
        event("a_kernel_time", 31, 7, op_name="Conv"),
        {"cat": "Session", "name": "model_run", "ts": 30, "dur": 9},
    ]
    first, second = onnx_profiler.inferences(trace)
    assert first == (12e-6, [("a", "Conv", 5e-6), ("b", "Mul", 2e-6)])
    assert second == (9e-6, [("a", "Conv", 7e-6)])


ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.just("Conv"), st.floats(0, 1)), max_size=4)


@given(st.lists(st.tuples(ROWS, st.floats(0, 1)), min_size=1, max_size=9))
def test_a_profiles_operations_add_up_to_no_more_than_the_whole(
    inferences: list[tuple[Rows, float]],
) -> None:
    every = [(sum(row[2] for row in rows) + rest, rows) for rows, rest in inferences]
    found = load_profile(profilers.summary(every))
    assert sum(one.time_s for one in found.operations) <= found.whole_s + 1e-9
    assert found.whole_s <= sum(whole for whole, _ in every) / len(every) + 1e-9
    assert found.inferences == (len(every) + 3) // 4


def test_an_inference_that_was_interrupted_is_left_out() -> None:
    calm = (1.0, [("a", "Conv", 0.5), ("b", "Mul", 0.2)])
    found = profilers.summary([calm, (9.0, [("a", "Conv", 8.5), ("b", "Mul", 0.2)]), calm])
    assert found["whole_s"] == 1.0
    assert [one["time_s"] for one in found["operations"]] == [0.5, 0.2]


def test_an_operation_that_an_inference_does_not_list_took_no_time_there() -> None:
    every = [(1.0, [("a", "Conv", 0.5)]), (1.0, [("a", "Conv", 0.3), ("b", "Mul", 0.2)])]
    every += [(2.0, [("a", "Conv", 2.0)])] * 6
    found = profilers.summary(every)
    assert [one["name"] for one in found["operations"]] == ["a", "b"]
    assert [one["time_s"] for one in found["operations"]] == pytest.approx([0.4, 0.1])


def load_profile(found: dict[str, object]) -> Profile:

    return convert({"source": "test", **found}, Profile)
