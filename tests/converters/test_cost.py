"""What a precision costs: measured, told, and refused only where the user asked for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from in_process import EXPORT
from onnx import TensorProto, helper, numpy_helper
from tiny_models import SIDE, Write, tiny_cnn

from edgebench.cli import main
from edgebench.converters.artifact import Hop, Part, find_artifacts
from edgebench.converters.export import cost
from edgebench.converters.export.export import Export, export
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.targets import parse
from edgebench.errors import AgreementError, UsageError
from edgebench.intervals import Estimate, share

INT8 = parse("onnx:int8")


def hop(agreement: Estimate | None = None, snr_db: float = 30.0, part: Part | None = None) -> Hop:
    return Hop("onnx->onnx:int8", 64, 0.1, snr_db, agreement, part, "")


def told(found: Hop, required: float | None = None, meaningful: bool = True) -> list[str]:
    return list(cost.warnings("net", INT8, found, "images", meaningful, required))


def test_one_flip_of_a_few_is_no_reason_to_refuse() -> None:
    cost.check(0.99, INT8, hop(share(19, 20)), "images")
    (sentence,) = told(hop(share(63, 64)), required=0.99)
    assert "too few samples to decide" in sentence and "98.4 [91.7, 99.7] %" in sentence


def test_an_interval_below_what_is_required_is_refused_with_a_finer_precision() -> None:
    with pytest.raises(
        AgreementError, match=r"75\.0 \[.*\] % of the images .64 samples.; required is 99 %"
    ) as e:
        cost.check(0.99, INT8, hop(share(48, 64)), "images")
    assert e.value.exit_code == 4
    assert "onnx:fp16" in e.value.remedy
    cost.check(None, INT8, hop(share(48, 64)), "images")


def test_a_large_cost_is_told_where_it_is_known() -> None:
    assert "75.0 [" in told(hop(share(48, 64)))[0]
    assert not told(hop(share(62, 64)))
    assert not told(hop(share(48, 64)), meaningful=False)
    assert "at 5.0 dB" in told(hop(snr_db=5.0))[0]
    assert not told(hop(snr_db=25.0))


def test_an_agreement_that_cannot_be_measured_cannot_be_required(
    write: Write, tmp_path: Path
) -> None:
    asked = ExportRequest(str(write()), (parse("onnx"),), tmp_path / "out", require_agreement=0.9)
    with pytest.raises(UsageError, match="trained model, a task, and data"):
        export(asked)


def close_classes() -> onnx.ModelProto:
    """The tiny classifier with scores so close together that eight bits cannot part them."""
    model = tiny_cnn()
    for tensor in model.graph.initializer:
        if tensor.name == "linear":
            array = numpy_helper.to_array(tensor)
            near = array.mean(1, keepdims=True) + 0.001 * array
            tensor.CopyFrom(numpy_helper.from_array(near.astype(np.float32), "linear"))
    return model


def test_a_required_agreement_fails_the_file_the_command_and_what_was_up_to_date(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, inputs = write(close_classes()), tmp_path / "out", tmp_path / "inputs"
    inputs.mkdir()
    for seed in range(96):
        np.savez(
            inputs / f"{seed}.npz", x=np.random.default_rng(seed).normal(size=(1, 3, SIDE, SIDE))
        )
    words = [*EXPORT, str(source), "--to", "onnx:int8", "--out", str(out)]
    words += ["--calibration", str(inputs)]
    assert main([*words, "--require-agreement", "99.9%"]) == 4
    assert "agrees with the ONNX graph in" in capsys.readouterr().err
    assert not out.exists()
    assert main(words) == 0
    assert "agrees with the ONNX graph in" in capsys.readouterr().err
    before = next(find_artifacts(out))
    agreement = before.manifest.hops[-1].agreement
    assert agreement is not None and agreement.high < 0.95
    assert main([*words, "--require-agreement", "99.9%"]) == 4
    assert next(find_artifacts(out)) == before
    assert main([*words, "--to", "onnx:fp32", "--require-agreement", "99.9%"]) == 4
    assert "1 of 2 targets were not made: onnx:int8" in capsys.readouterr().err
    kept = {artifact.manifest.precision: artifact for artifact in find_artifacts(out)}
    assert kept.keys() == {"fp32", "int8"} and kept["int8"] == before


def detector() -> onnx.ModelProto:
    """Boxes of 0..640 and scores of 0..1 on one output, which is computed of both: they share a
    scale, where what only joins them would stay in float."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(0, 0.2, (16, 3, 3, 3)),
        "wb": rng.normal(0, 1, (4, 16, 1, 1)),
        "ws": rng.normal(0, 1, (20, 16, 1, 1)),
        "pixels": np.array(640.0),
        "factor": np.array(0.75),
    }
    shapes = {"box_rows": np.array([1, 4, -1]), "score_rows": np.array([1, 20, -1])}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], strides=[4, 4], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["f"]),
        helper.make_node("Conv", ["f", "wb"], ["b0"]),
        helper.make_node("Sigmoid", ["b0"], ["b1"]),
        helper.make_node("Mul", ["b1", "pixels"], ["b2"]),
        helper.make_node("Reshape", ["b2", "box_rows"], ["boxes"]),
        helper.make_node("Conv", ["f", "ws"], ["s0"]),
        helper.make_node("Sigmoid", ["s0"], ["s1"]),
        helper.make_node("Reshape", ["s1", "score_rows"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores"], ["joined"], axis=1),
        helper.make_node("Mul", ["joined", "factor"], ["y"]),
    ]
    initializers = [
        numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()
    ] + [numpy_helper.from_array(value.astype(np.int64), n) for n, value in shapes.items()]
    made = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 24, SIDE**2 // 16])],
        initializers,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture(scope="module")
def detectors(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Export:
    folder = tmp_path_factory.mktemp("detector")
    onnx.save(detector(), folder / "detector.onnx")
    targets = ("tflite:fp32", "tflite:int8", "tflite:int16x8", "onnx:int8", "onnx:fp16")
    return export(
        ExportRequest(
            str(folder / "detector.onnx"),
            tuple(map(parse, targets)),
            folder / "out",
            calibration=str(photos),
        )
    )


def test_scores_lost_beside_boxes_are_told_with_a_remedy_that_helps(detectors: Export) -> None:
    parts = {
        f"{one.manifest.format}:{one.manifest.precision}": one.manifest.hops[-1].part
        for one in detectors.artifacts
    }
    for target in ("tflite:int8", "onnx:int8"):
        part = parts[target]
        assert part is not None and (part.axis, part.lost, part.count) == (1, 20, 24)
        (note,) = (note for note in detectors.notes if f"in {target} loses 20 of the 24" in note)
        finer = note.rpartition("export ")[2]
        better = parts[finer]
        assert better is None or better.lost == 0
    fp32 = parts["tflite:fp32"]
    assert fp32 is None or fp32.snr_db > 80


def test_the_manifest_keeps_the_cost_and_the_table_shows_it(
    write: Write, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*EXPORT, str(write()), "--to", "onnx:int8", "--out", str(tmp_path / "out")]
    words += ["--calibration", str(photos)]
    assert main([*words, "--json"]) == 0
    (manifest,) = json.loads(capsys.readouterr().out)
    proof, price = manifest["hops"]
    assert (proof["step"], price["step"]) == ("onnx->onnx:fp32", "onnx->onnx:int8")
    assert proof["tolerance"].startswith("SNR >= 80 dB") and price["tolerance"] == ""
    agreement = price["agreement"]
    assert agreement["low"] < agreement["value"] <= agreement["high"]
    assert main(words) == 0
    shown = f"{100 * agreement['value']:.1f} [{100 * agreement['low']:.1f}, "
    assert shown in capsys.readouterr().out


def test_without_data_the_cost_is_unknown(
    write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*EXPORT, str(write()), "--to", "onnx:fp16", "--out", str(tmp_path / "out")]) == 0
    assert "unknown: no task, untrained weights, or no data" in capsys.readouterr().out
