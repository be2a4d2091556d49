"""ONNX Runtime and OpenVINO in the runner: what they compute, and with what."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from toy_models import LOGITS, MEAN, SIZE, STD

from edgebench.content import write_content
from edgebench.converters.backend import Instructions
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnxruntime import target as onnx_target
from edgebench.converters.openvino import target as openvino_target
from edgebench.deploy.documents.plan import (
    EvaluationInputs,
    Group,
    Plan,
    PlannedArtifact,
    PlannedBlock,
    TurnLength,
    Warmup,
)
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import stage_file, write_plan
from edgebench.deploy.runner.engines import engine, xnnpack_provider
from edgebench.deploy.runner.engines.onnx import find_runtime, session_options
from edgebench.deploy.runner.engines.openvino import compile_model
from edgebench.deploy.runner.engines.openvino import find_runtime as find_openvino
from edgebench.deploy.runner.messages import RunnerError
from edgebench.deploy.transports.local import LocalDevice
from edgebench.documents import load, sha256
from edgebench.progress import silent

BACKENDS: Mapping[str, Any] = {"onnx": onnx_target, "openvino": openvino_target}
FORMATS = tuple(BACKENDS)
PLAN = {"threads": 1, "delegate": "xnnpack"}
IMAGES = 6
LAYERS = 3  # The convolution with its activation, the mean, the linear layer.


def network() -> onnx.ModelProto:
    """A convolution, a mean and a linear layer, on one image."""
    chance = np.random.default_rng(0)
    weights = {
        "w": chance.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32),
        "out": chance.normal(0, 1, (8, 5)).astype(np.float32),
    }
    return model(
        [
            helper.make_node("Conv", ["image", "w"], ["conv"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["conv"], ["relu"]),
            helper.make_node("GlobalAveragePool", ["relu"], ["pool"]),
            helper.make_node("Flatten", ["pool"], ["flat"]),
            helper.make_node("MatMul", ["flat", "out"], ["y"]),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 5])],
        weights,
    )


def model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: Mapping[str, np.ndarray],
) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "toy", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def write(path: Path, form: str, made: onnx.ModelProto) -> Path:
    graph = OnnxGraph(made, "toy", "file", "")
    content = BACKENDS[form].convert(graph, ["fp32"], [], Instructions(), silent)["fp32"]
    file = path / f"toy.fp32.{form}"
    write_content(file, content)
    return file


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The toy network in each format."""
    folder = tmp_path_factory.mktemp("engines")
    return {form: write(folder, form, network()) for form in FORMATS}


def image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (1, 3, SIZE, SIZE))


@pytest.mark.parametrize("form", FORMATS)
def test_an_engine_computes_the_file_in_float32(form: str, files: Mapping[str, Path]) -> None:
    opened = engine(form)(str(files[form]), PLAN)
    opened.fill({})
    for seed in range(2):  # The second image takes the first one's place.
        opened.feed(opened.inputs[0], image(seed))
        opened.invoke()
        sample = {"image": image(seed).astype(np.float32)}
        ((wanted,),) = reference.run(network(), [sample])
        # Far closer than bfloat16, which OpenVINO would choose by itself, could come.
        np.testing.assert_allclose(opened.output(0), wanted, rtol=0, atol=1e-4 * abs(wanted).max())


@pytest.mark.parametrize("form", FORMATS)
def test_scalars_and_integers_are_fed_too(form: str, tmp_path: Path) -> None:
    made = model(
        [
            helper.make_node("Gather", ["table", "row"], ["picked"]),
            helper.make_node("Mul", ["picked", "factor"], ["y"]),
        ],
        [
            helper.make_tensor_value_info("row", TensorProto.INT64, [2]),
            helper.make_tensor_value_info("factor", TensorProto.FLOAT, []),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
        {"table": np.arange(12, dtype=np.float32).reshape(4, 3)},
    )
    opened = engine(form)(str(write(tmp_path, form, made)), PLAN)
    opened.fill({})
    opened.feed(opened.inputs[0], np.array([3.0, 1.0]))
    opened.feed(opened.inputs[1], np.array(2.0))
    opened.invoke()
    np.testing.assert_allclose(opened.output(0), [[18, 20, 22], [6, 8, 10]])


@pytest.mark.parametrize("form", FORMATS)
def test_every_output_is_given_by_its_place(form: str, tmp_path: Path) -> None:
    made = model(
        [
            helper.make_node("Relu", ["image"], ["positive"]),
            helper.make_node("ArgMax", ["image"], ["largest"], axis=1, keepdims=0),
            helper.make_node("Neg", ["image"], ["negative"]),
        ],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])],
        [
            helper.make_tensor_value_info("negative", TensorProto.FLOAT, [1, 3, SIZE, SIZE]),
            helper.make_tensor_value_info("largest", TensorProto.INT64, [1, SIZE, SIZE]),
            helper.make_tensor_value_info("positive", TensorProto.FLOAT, [1, 3, SIZE, SIZE]),
        ],
        {},
    )
    opened = engine(form)(str(write(tmp_path, form, made)), PLAN)
    values = image(0).astype(np.float32)
    opened.feed(opened.inputs[0], values)
    opened.invoke()
    assert opened.output_names() == ["negative", "largest", "positive"]
    negative, largest, positive = map(opened.output, range(3))
    np.testing.assert_allclose(negative, -values)
    np.testing.assert_allclose(positive, values.clip(0))
    assert largest.dtype.kind == "i" and np.array_equal(largest, values.argmax(1))
    assert opened.place({"index": 1, "name": "largest"}) == 1


def test_a_size_that_is_not_fixed_is_said(tmp_path: Path) -> None:
    made = model(
        [helper.make_node("Relu", ["image"], ["y"])],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3, None])],
        {},
    )
    onnx.save(made, tmp_path / "dynamic.onnx")
    with pytest.raises(RunnerError, match=r"shape of its image is not fixed \(batch, 3, \?\)"):
        engine("onnx")(str(tmp_path / "dynamic.onnx"), PLAN)


def test_the_plans_threads_are_the_runtimes(files: Mapping[str, Path]) -> None:
    plan = {**PLAN, "threads": 2}
    assert session_options(find_runtime(), plan).intra_op_num_threads == 2
    compiled = compile_model(find_openvino(), str(files["openvino"]), plan)
    assert compiled.get_property("INFERENCE_NUM_THREADS") == 2
    assert compiled.get_property("NUM_STREAMS") == 1
    assert compiled.get_property("ENABLE_CPU_PINNING") is False


def stage(folder: Path, files: Mapping[str, Path]) -> Path:
    """A run of every format's toy, with evaluation inputs."""
    images = folder / "images.npz"
    folder.mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8)
    np.savez(images, images=pixels)
    digest = sha256(images)
    inputs = EvaluationInputs(
        stage_file(images, digest, folder), digest, MEAN, STD, (0, 1, 2, 3), (LOGITS,)
    )
    artifacts = {}
    for form, path in files.items():
        digest = sha256(path)
        file = stage_file(path, digest, folder)
        artifacts[form] = PlannedArtifact(path.name, file, digest, form, inputs)
    plan = Plan(
        id="engines",
        seed=0,
        threads=1,
        cores=None,
        delegate="xnnpack",
        artifacts=artifacts,
        groups=(Group("toys", FORMATS[0], FORMATS, TurnLength(3, 1, 1)),),
        processes=1,
        first_look=1,
        blocks=(PlannedBlock(0, 0, "toys", (*FORMATS, *reversed(FORMATS))),),
        warmup=Warmup(3, 0.2, 0.05),
    )
    write_plan(plan, folder)
    return folder


def test_a_run_measures_both_and_brings_back_the_same_outputs(
    files: Mapping[str, Path], tmp_path: Path
) -> None:
    folder = stage(tmp_path / "run", files)
    result = LocalDevice().run(folder, silent)
    assert result.complete
    assert set(result.context.runtimes) == set(FORMATS)
    assert [turn.slot for turn in result.blocks[0].turns] == [*FORMATS, *reversed(FORMATS)]
    found = {}
    for form, evaluation in result.evaluations.items():
        assert evaluation.error is None and evaluation.outputs is not None
        assert (evaluation.partitions, evaluation.leftover_ops) == (None, None)
        assert evaluation.layer_types == (None if form == "onnx" else {"f32": LAYERS})
        found[form] = np.load(folder / evaluation.outputs["logits"])
        assert found[form].shape == (IMAGES, 5)
    np.testing.assert_allclose(found["onnx"], found["openvino"], atol=1e-4)
    assert np.ptp(found["onnx"], axis=0).min() > 0  # Each image was fed.


def test_a_changed_weight_of_a_folder_is_not_measured(
    files: Mapping[str, Path], tmp_path: Path
) -> None:
    folder = stage(tmp_path / "run", files)
    file = json.loads((folder / "plan.json").read_bytes())["artifacts"]["openvino"]["file"]
    weights = folder / "files" / file / "model.bin"
    changed = weights.read_bytes()[::-1]
    weights.unlink()  # It is a link to the artifact's own.
    weights.write_bytes(changed)
    result = LocalDevice().run(folder, silent)
    assert "has changed" in str(result.evaluations["openvino"].error)
    assert result.evaluations["onnx"].error is None


def test_a_runtime_that_is_missing_fails_its_own_artifacts_only(
    files: Mapping[str, Path], tmp_path: Path
) -> None:
    folder = stage(tmp_path / "run", files)
    broken = tmp_path / "broken" / "openvino"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('broken wheel')")
    script = "import sys; from pathlib import Path\n"
    script += "from edgebench.deploy.transports.local import LocalDevice\n"
    script += "LocalDevice().run(Path(sys.argv[1]), lambda *step: None)"
    environment = {**os.environ, "PYTHONPATH": str(broken.parent)}
    subprocess.run([sys.executable, "-c", script, str(folder)], env=environment, check=True)
    result = load(folder / "result.json", RunResult)
    reason = str(result.evaluations["openvino"].error)
    assert "pip install openvino (broken wheel)" in reason
    assert result.evaluations["onnx"].error is None


ALONE = "from edgebench.deploy.runner.engines import {form}; {form}.find_runtime()"


@pytest.mark.parametrize("form", FORMATS)
def test_a_runtime_counts_its_uses_nowhere(form: str, tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": ""}
    env.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", ALONE.format(form=form)], env=env, check=True)
    assert list(tmp_path.iterdir()) == []  # Where they would keep who is counted.


@pytest.mark.parametrize(
    ("form", "delegate", "reason"),
    [
        ("onnx", "gpu", "ONNX Runtime has no gpu delegate here; it has xnnpack, none and"),
        ("onnx", "nnapi", "ONNX Runtime has no nnapi delegate"),
        ("openvino", "ane", "OpenVINO has no ane delegate here; it has: xnnpack, none"),
        ("openvino", "qnn", "OpenVINO has no qnn delegate"),
    ],
)
def test_an_accelerator_that_is_not_there_is_an_error_and_not_the_cpu(
    form: str, delegate: str, reason: str, files: Mapping[str, Path]
) -> None:
    with pytest.raises(RunnerError, match=reason):
        engine(form)(str(files[form]), {"threads": 1, "delegate": delegate})


@pytest.mark.skipif(platform.machine() != "x86_64", reason="an Arm processor may have an NPU")
def test_an_npu_is_never_emulated_where_time_is_measured(files: Mapping[str, Path]) -> None:
    with pytest.raises(RunnerError, match="this x86_64 has no NPU of Qualcomm"):
        engine("onnx")(str(files["onnx"]), {"threads": 1, "delegate": "npu"})


def test_a_runtime_without_xnnpack_says_so_and_where_it_is(tmp_path: Path) -> None:
    onnx.save(network(), tmp_path / "it.onnx")
    with pytest.raises(RunnerError) as caught:
        engine("onnx")(str(tmp_path / "it.onnx"), {**PLAN, "delegate": "xnnpack-provider"})
    said = str(caught.value)
    assert "no XNNPACK provider (it has " in said and "CPUExecutionProvider" in said
    assert "--use_xnnpack" in said and "Android app" in said


def test_what_xnnpack_leaves_to_the_runtimes_own_kernels_is_named() -> None:
    def part(provider: str, *types: str) -> Any:
        nodes = [SimpleNamespace(op_type=one) for one in types]
        return SimpleNamespace(ep_name=provider, get_nodes=lambda: nodes)

    parts = [
        part(xnnpack_provider.PROVIDER, "Conv", "Conv"),
        part("CPUExecutionProvider", "HardSwish", "Mul"),
        part(xnnpack_provider.PROVIDER, "Conv"),
    ]
    session = SimpleNamespace(get_provider_graph_assignment_info=lambda: parts)
    found = xnnpack_provider.delegation(session)
    assert (found["partitions"], found["leftover_ops"]) == (2, ["HardSwish", "Mul"])
    assert found["operators"] == {xnnpack_provider.PROVIDER: 3, "cpu": 2}
