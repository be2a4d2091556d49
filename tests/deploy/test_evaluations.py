"""What the runner finds of each artifact before it measures: load, memory, outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_runner import finish, result_of
from toy_models import MEAN, STD, MakeRun

from edgebench.deploy.documents.staging import read_plan


def test_an_evaluation_says_load_memory_and_delegation(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention")
    finish(folder)
    for evaluation in result_of(folder).evaluations.values():
        assert evaluation.error is None
        assert evaluation.load_s and evaluation.load_s > 0
        assert evaluation.first_inference_s and evaluation.first_inference_s > 0
        assert evaluation.peak_memory_bytes is not None
        assert 0 < evaluation.peak_memory_bytes < 200e6
        assert (evaluation.partitions, evaluation.leftover_ops) == (1, ())
        assert evaluation.operators is not None and evaluation.operators["cpu"] == 0
        assert evaluation.operators["xnnpack"] >= 3  # Convolution, mean, dense layer.


def test_a_model_against_itself_is_evaluated_once(make_run: MakeRun) -> None:
    folder = make_run("plain", "plain~again", evaluate=True)
    finish(folder)
    evaluations = result_of(folder).evaluations
    assert evaluations["plain"].outputs
    assert evaluations["plain~again"] == evaluations["plain"]  # With its times.


def test_an_evaluation_that_failed_is_tried_again(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", "attention~again")
    file = folder / "files" / read_plan(folder).artifacts["attention"].file
    away = file.rename(folder / "away")
    finish(folder)
    assert sum(bool(one.error) for one in result_of(folder).evaluations.values()) == 2
    away.rename(file)
    assert finish(folder)[0] == 0
    assert not any(one.error for one in result_of(folder).evaluations.values())


def test_without_the_delegate_every_operation_is_left_over(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", delegate="none")
    finish(folder)
    evaluation = result_of(folder).evaluations["plain"]
    assert evaluation.partitions == 0
    assert evaluation.leftover_ops is not None and "CONV_2D" in evaluation.leftover_ops
    assert evaluation.operators == {"cpu": len(evaluation.leftover_ops)}


@pytest.mark.parametrize("name", ["attention", "int8"])
def test_outputs_are_those_of_the_preprocessed_images(
    name: str, make_run: MakeRun, toys: Path
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    folder = make_run("plain", name, blocks=1, processes=1, evaluate=True)
    finish(folder)
    stored = result_of(folder).evaluations[name].outputs
    assert stored is not None
    assert stored == {"logits": f"outputs/{name}/logits.npy"}
    outputs = np.load(folder / stored["logits"])
    interpreter = Interpreter(model_path=str(toys / f"{name}.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    (source,), (sink,) = interpreter.get_input_details(), interpreter.get_output_details()
    images = np.load(toys / "images.npz")["images"]
    for image, output in zip(images, outputs, strict=True):
        real = (image.astype(np.float64) / 255 - MEAN) / STD
        if name == "int8":
            scale, zero = source["quantization"]
            real = np.clip(np.round(real / scale + zero), -128, 127)
        interpreter.set_tensor(source["index"], real[np.newaxis].astype(source["dtype"]))
        interpreter.invoke()
        expected = interpreter.get_tensor(sink["index"])[0].astype(np.float64)
        step = 1e-5
        if name == "int8":
            step, zero = sink["quantization"]
            expected = (expected - zero) * step
        # In int8 a pixel half way between two steps may round either way in float32.
        np.testing.assert_allclose(output, expected, atol=step * 1.01)
