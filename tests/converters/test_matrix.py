"""The matrix: trained models through every format, proved and printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebench.cli import main
from edgebench.converters.targets import FORMATS

pytestmark = pytest.mark.slow

# The papers' attentions; `edgebench export MODEL --to all` prints the same of any other.
TRAINED = ("scenes_v2", "scenes_v2_se", "scenes_v2_cbam", "scenes_v2_ca")
BRIEF = ("all:fp32", "all:int8", "coreml:fp16", "coreml:int8w")


def export(models: tuple[str, ...], targets: tuple[str, ...], out: Path, capsys) -> list[dict]:
    words = ["export", *models, *(word for one in targets for word in ("--to", one))]
    assert main([*words, "--out", str(out), "--json"]) == 0
    manifests = json.loads(capsys.readouterr().out)
    with capsys.disabled():
        print("\n" + "\n".join(map(line, manifests)))
    return manifests


def line(manifest: dict) -> str:
    hop = manifest["hops"][-1]
    snr_db = "exact" if hop["snr_db"] is None else f"{hop['snr_db']:.0f} dB"
    return (
        f"{manifest['model']:20} {manifest['format']:>8} {manifest['precision']:11}"
        f"{manifest['size_bytes'] / 1e6:6.2f} MB {snr_db:>7} {hop['top1_agreement']:6.1%}"
    )


def test_the_papers_attentions_go_through_every_format(tmp_path: Path, capsys) -> None:
    manifests = export(TRAINED, BRIEF, tmp_path, capsys)
    there = {(one["model"], one["format"], one["precision"]) for one in manifests}
    assert there == {
        (model, form, kind)
        for model in TRAINED
        for form, kind in (
            *((form, "fp32") for form in FORMATS),
            *((form, "int8") for form in FORMATS if form != "coreml"),
            ("coreml", "fp16"),
            ("coreml", "int8w"),
        )
    }
    for one in manifests:
        assert one["hops"][-1]["top1_agreement"] > 0.9
        if one["precision"] == "fp32":
            assert one["hops"][-1]["snr_db"] > 100
