"""The Core ML engine of the runner, with the evaluator of programs in the place of Core ML."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import coremltools as ct
import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb
from coremltools.models import compute_plan

from edgebench.converters.coreml.evaluator import pipeline, program
from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.runner.engines.coreml import CoreMLEngine
from edgebench.deploy.runner.messages import RunnerError
from edgebench.deploy.transports.apple.mac import Mac
from edgebench.errors import DeviceError

SIZE = 4
MEAN, STD = [0.5, 0.25, 0.0], [0.25, 0.5, 1.0]
ENTRY = DeviceEntry("this Mac's Core ML", "mac", name="mac")


def package(folder: Path, image: bool) -> Path:
    """A program that doubles its input, as a package: an image of pixels or an array."""

    @mb.program(input_specs=[mb.TensorSpec((1, 3, SIZE, SIZE))], opset_version=ct.target.iOS16)
    def double(x: Any) -> Any:
        return mb.mul(x=x, y=np.float32(2), name="doubled")

    inputs = [ct.ImageType(name="x", shape=(1, 3, SIZE, SIZE))] if image else None
    options = {"compute_precision": ct.precision.FLOAT32, "skip_model_load": True}
    made = ct.convert(double, minimum_deployment_target=ct.target.iOS16, inputs=inputs, **options)
    path = folder / "double.mlpackage"
    made.save(str(path))
    return path


def plan(path: Path, delegate: str = "none") -> dict[str, Any]:
    evaluation = {"mean": MEAN, "std": STD}
    artifacts = {"double": {"file": path.name, "evaluation": evaluation}}
    return {"delegate": delegate, "threads": 1, "artifacts": artifacts}


@pytest.fixture(autouse=True)
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """Core ML's part of coremltools, by the evaluator."""

    def predict(self: Any, data: dict[str, Any]) -> Any:
        arrays = {name: np.asarray(value, np.float32) for name, value in data.items()}
        images = {n: a.transpose(2, 0, 1)[None] for n, a in arrays.items() if a.ndim == 3}
        path = Path(self.package_path)
        (made,) = (pipeline.load(path) or program.load(path)).run_all([{**arrays, **images}])
        return made

    monkeypatch.setattr(ct.models.MLModel, "predict", predict)
    monkeypatch.setattr("coremltools.models.model._macos_version", lambda: (14, 4))
    monkeypatch.setattr(sys, "platform", "darwin")


@pytest.mark.parametrize("image", [False, True])
def test_real_values_go_in_and_come_out(tmp_path: Path, image: bool) -> None:
    path = package(tmp_path, image)
    engine = CoreMLEngine(str(path), plan(path))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 3, SIZE, SIZE)).astype("float32")
    mean, std = (np.reshape(values, (1, 3, 1, 1)) for values in (MEAN, STD))
    values = (pixels / 255 - mean) / std
    engine.feed(engine.inputs[0], values)
    engine.invoke()
    # A package with an image as its input normalises the pixels itself; this one does nothing.
    expected = 2 * (pixels if image else values)
    assert np.allclose(engine.output(0), expected, atol=1e-4)
    engine.fill({})
    engine.invoke()
    assert np.isfinite(engine.output(0)).all()


def test_outputs_go_by_their_names(tmp_path: Path) -> None:
    path = package(tmp_path, False)
    engine = CoreMLEngine(str(path), plan(path))
    assert engine.output_names() == ["doubled"]
    assert engine.place({"index": 7, "name": "doubled"}) == 0
    with pytest.raises(RunnerError, match="no array output tripled"):
        engine.place({"index": 0, "name": "tripled"})


@pytest.mark.parametrize(
    ("delegate", "units"),
    [("none", "CPU_ONLY"), ("gpu", "CPU_AND_GPU"), ("ane", "CPU_AND_NE"), ("xnnpack", "ALL")],
)
def test_the_delegate_names_the_compute_units(tmp_path: Path, delegate: str, units: str) -> None:
    path = package(tmp_path, False)
    engine = CoreMLEngine(str(path), plan(path, delegate))
    assert engine.model.compute_unit.name == units
    assert engine.on_the_cpu == (delegate == "none")


def test_what_core_ml_leaves_elsewhere_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_unit = type("MLNeuralEngineComputeDevice", (), {})()
    processor = type("MLCPUComputeDevice", (), {})()
    units = {"conv": engine_unit, "gather": processor, "mul": engine_unit, "const": None}
    names = ["const", "conv", "conv", "gather", "mul"]
    operations = [SimpleNamespace(operator_name=name) for name in names]
    block = SimpleNamespace(block=SimpleNamespace(operations=operations))
    planned = SimpleNamespace(
        model_structure=SimpleNamespace(program=SimpleNamespace(functions={"main": block})),
        get_compute_device_usage_for_mlprogram_operation=lambda one: (
            SimpleNamespace(preferred_compute_device=units[one.operator_name])
            if units[one.operator_name]
            else None
        ),
    )
    monkeypatch.setattr(compute_plan.MLComputePlan, "load_from_path", lambda *_: planned)
    monkeypatch.setattr(ct.models.MLModel, "get_compiled_model_path", lambda self: "compiled")
    path = package(tmp_path, False)
    found = CoreMLEngine(str(path), plan(path, "ane")).delegation()
    assert (found["partitions"], found["leftover_ops"]) == (2, ["gather"])
    assert found["operators"]["others"] == 1 and found["operators"]["ane"] >= 2
    assert CoreMLEngine(str(path), plan(path, "none")).delegation()["partitions"] is None


def test_other_systems_have_no_core_ml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(RunnerError, match="only runs on Apple's systems"):
        CoreMLEngine.runtime()
    with pytest.raises(DeviceError, match="not a Mac"), Mac(ENTRY).reserved():
        pass
    assert [step.state for step in Mac(ENTRY).check()] == ["missing"]


def test_a_mac_runs_core_ml_beside_the_others() -> None:
    assert Mac(ENTRY).formats == ("coreml", "tflite", "onnx", "openvino")
    steps = {step.name: step.state for step in Mac(ENTRY).check()}
    assert steps["Mac"] == steps["coreml"] == "ok"
