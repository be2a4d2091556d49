"""A thin slice of `make matrix`: every backbone and every new attention once, small.

Attention by itself goes through every format in the tests of the converters.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.commands.matrix.cells import PASSED, ModelCells, Task, left, prove
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.targets import parse
from edgebench.documents import load
from edgebench.models import registry
from edgebench.models.backbones.build import BACKBONES
from edgebench.progress import silent

SLICE = {
    "mobilenext_w025_ela_s64": "tflite:int8",
    "efficientnet_b0_w025_ema_s64": "tflite:int8",
    "efficientnet_lite0_w025_ca_hard_s64": "onnx:int8",
    "mobilenet_v3_large_w025_simam_s64": "tflite:int8",
    "mobilenet_v3_small_w025_s64": "tflite:int8",
    "mobilenet_v4_conv_s_w025_se_hard_s64": "tflite:int8",
    "mobilenet_v4_conv_m_w025_ela_late_s64": "openvino:int8",
    "resnet18_w025_ema_s64": "coreml:w8a8",
    "resnet50_w025_simam_output_s64": "coreml:fp16",
}
NEW = {"simam", "ela", "ema", "se_hard", "ca_hard"}


def task(folder: Path, model: str, *targets: str) -> Task:
    request = ExportRequest(model, tuple(map(parse, targets)), folder / "files")
    return Task(request, folder / f"{model}.json", keep=False)


def test_the_slice_has_every_new_backbone_and_attention() -> None:
    specs = [registry.get(name) for name in SLICE]
    assert {s.backbone for s in specs} == set(BACKBONES) - {"mobilenet_v2", "mobilenet_v2_deeper"}
    assert {s.attention for s in specs} == NEW | {"own"}


@pytest.mark.slow
@pytest.mark.parametrize("model", SLICE)
def test_a_cell_of_the_slice_passes(tmp_path: Path, model: str) -> None:
    one = task(tmp_path, model, SLICE[model])
    (cell,) = prove(one, silent).cells
    assert (cell.status, cell.reason) == (PASSED, "")
    assert load(one.record, ModelCells).cells == [cell]
    assert not (tmp_path / "files").exists()
    assert left(one.request, one.record, only_failed=False) == ()
