"""The matrix: trained models through every format, proved before they were written."""

from __future__ import annotations

from pathlib import Path

import pytest
from zoo import MODELS, TARGETS

from edgebench.converters.artifact import Artifact, find_artifacts
from edgebench.converters.tflite import inspect

pytestmark = pytest.mark.slow

FLOOR_DB = {"fp32": 100, "fp16": 50}
AGREEMENT = {"onnx": 0.95, "openvino": 0.95}


@pytest.fixture(scope="module")
def artifacts(zoo: Path) -> dict[tuple[str, str], Artifact]:
    """By model and target."""
    return {
        (one.manifest.model, f"{one.manifest.format}:{one.manifest.precision}"): one
        for one in find_artifacts(zoo)
    }


def test_the_papers_attentions_go_through_every_format(
    artifacts: dict[tuple[str, str], Artifact],
) -> None:
    assert set(artifacts) == {(model, target) for model in MODELS for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", MODELS)
def test_answers_are_kept(
    artifacts: dict[tuple[str, str], Artifact], model: str, target: str
) -> None:
    first, *_, hop = artifacts[model, target].manifest.hops
    assert first.step == "torch->onnx"
    assert hop.agreement is not None
    form, _, kind = target.partition(":")
    assert hop.snr_db is None or hop.snr_db > FLOOR_DB.get(kind, 20)  # None: they are equal.
    # The inputs are a sample; another one of this size differs by a point or two.
    assert hop.agreement.high > AGREEMENT.get(form, 0.9) + 0.01


@pytest.mark.parametrize("kind", ["fp32", "dynamic", "int8"])
@pytest.mark.parametrize("model", MODELS)
def test_a_tflite_file_is_one_partition_without_transposes(
    artifacts: dict[tuple[str, str], Artifact], model: str, kind: str
) -> None:
    found = inspect.summary(artifacts[model, f"tflite:{kind}"].path.read_bytes())
    assert (found.transposes, found.partitions, found.outside) == (0, 1, {})
