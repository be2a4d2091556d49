"""A thin slice of `make matrix`: every backbone and every new attention once, small.

Attention by itself goes through every format in the tests of the converters.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgebench.commands.matrix import __main__ as program
from edgebench.commands.matrix.cells import (
    FAILED,
    PASSED,
    REFUSED,
    CellTask,
    MatrixCell,
    ModelCells,
    left,
    prove,
)
from edgebench.converters.export.request import ExportRequest, fingerprint
from edgebench.converters.targets import parse
from edgebench.documents import load, save
from edgebench.models import composed, registry
from edgebench.models.backbones.build import BACKBONES
from edgebench.models.kinds import KINDS
from edgebench.models.spec import ModelSpec
from edgebench.progress import silent

SLICE = {
    "mobilenext_w025_ela_s64": "tflite:int8",
    "efficientnet_b0_w025_ema_s64": "onnx:int8",
    "efficientnet_lite0_w025_ca_hard_s64": "onnx:int8",
    "mobilenet_v3_large_w025_simam_s64": "tflite:int8",
    "mobilenet_v3_small_w025_s64": "tflite:int8",
    "mobilenet_v4_conv_s_w025_se_hard_s64": "tflite:int8",
    "mobilenet_v4_conv_m_w025_ela_late_s64": "coreml:fp16",
    "resnet18_w025_ema_s64": "openvino:int8",
    # Its last maps have one element: both strips are the same.
    "resnet18_w025_ca_at5_s32": "tflite:int8",
    "resnet50_w025_simam_output_s64": "coreml:fp16",
}
NEW = {"simam", "ela", "ema", "se_hard", "ca_hard"}


def task(folder: Path, model: str, *targets: str) -> CellTask:
    request = ExportRequest(model, tuple(map(parse, targets)), folder / "files")
    return CellTask(request, folder / f"{model}.json", keep=False)


def asked(name: str) -> ModelSpec:
    """What a name asks for, without counting it."""
    spec = composed.parse(name, registry.MODELS)
    assert spec is not None
    return spec


def test_the_slice_has_every_new_backbone_and_attention() -> None:
    specs = [asked(name) for name in SLICE]
    assert {s.backbone for s in specs} == set(BACKBONES) - {"mobilenet_v2", "mobilenet_v2_deeper"}
    assert {s.attention for s in specs} == NEW | {"own", "ca"}


@pytest.mark.slow
@pytest.mark.parametrize("model", SLICE)
def test_a_cell_of_the_slice_passes(tmp_path: Path, model: str) -> None:
    one = task(tmp_path, model, SLICE[model])
    (cell,) = prove(one, silent).cells
    assert (cell.status, cell.reason) == (PASSED, "")
    # By the lists of two vendors, and by Qualcomm's compiler where it is installed.
    assert {"mediatek", "samsung"} <= cell.npu_left.keys() or not SLICE[model].startswith("tflite")
    assert not any(cell.npu_left.values())
    assert load(one.record, ModelCells).cells == [cell]
    assert not (tmp_path / "files").exists()
    assert left(one.request, one.record, only_failed=False) == ()


def test_what_failed_or_may_have_changed_is_left(tmp_path: Path) -> None:
    one = task(tmp_path, "resnet18_s64", "onnx:fp32", "onnx:int8", "onnx:fp16")
    first, second, third = one.request.targets
    sha256 = fingerprint(one.request, first)
    known = [
        MatrixCell("onnx:fp32", PASSED, fingerprint=sha256),
        MatrixCell("onnx:int8", FAILED, "of old"),
    ]
    save(one.record, ModelCells("resnet18_s64", known))
    assert left(one.request, one.record, only_failed=False) == (second, third)
    assert left(one.request, one.record, only_failed=True) == (second, third)
    save(
        one.record, ModelCells("resnet18_s64", [MatrixCell("onnx:fp32", PASSED, fingerprint="old")])
    )
    assert left(one.request, one.record, only_failed=False) == (first, second, third)
    assert left(one.request, one.record, only_failed=True) == (second, third)
    one.record.write_text("half a rec")
    assert left(one.request, one.record, only_failed=True) == (first, second, third)


def test_the_matrix_has_every_backbone_and_kind() -> None:
    found = [asked(name) for name in program.names(program.MatrixOptions(size=64))]
    assert {s.backbone for s in found} == set(BACKBONES) - {"mobilenet_v2_deeper"}
    assert {s.attention for s in found} == {"none", "own", *KINDS}
    assert {s.input_size for s in found} == {64}
    # What a backbone has by itself is a row of those three that have something.
    assert len(found) == len({s.backbone for s in found}) * (1 + len(KINDS)) + 3


def test_a_matrix_of_what_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--backbones", "vgg"], ["--attention", "sea"], ["--to", "tflite:int3"]):
        assert program.main([*words, "--out", str(tmp_path)]) == 2
        assert "known: " in capsys.readouterr().err


def test_what_does_not_pass_is_told_once_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    targets = "onnx:fp32,onnx:int8,tflite:int8"
    for model in ("resnet18_s64", "resnet18_ela_s64"):
        one = task(tmp_path, model, *targets.split(","))
        record = [
            MatrixCell("onnx:fp32", PASSED),
            MatrixCell("onnx:int8", REFUSED, "no kernel for Foo"),
            MatrixCell("tflite:int8", FAILED, "2 partitions; outside of them: 1 DIV"),
        ]
        hashed = zip(record, one.request.targets, strict=True)
        save(
            one.record,
            ModelCells(
                model, [replace(c, fingerprint=fingerprint(one.request, t)) for c, t in hashed]
            ),
        )
    words = ["--backbones", "resnet18", "--attention", "none,ela", "--size", "64", "--to", targets]
    page = tmp_path / "matrix.md"
    assert program.main([*words, "--out", str(tmp_path), "--markdown", str(page)]) == 1
    said = capsys.readouterr().out
    for text in (said, page.read_text()):
        assert text.count("no kernel for Foo") == 1
        assert "resnet18_s64 tflite:int8, resnet18_ela_s64 tflite:int8" in text
        assert "6 cells: 2 passed, 2 failed, 2 refused" in text
    assert program.main([*words, "--out", str(tmp_path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [one["model"] for one in found] == ["resnet18_s64", "resnet18_ela_s64"]
