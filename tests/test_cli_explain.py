"""`edgebench explain` through the command line, on a real small model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from zoo import copy

EDGEBENCH = (sys.executable, "-m", "edgebench.cli")


def edgebench(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*EDGEBENCH, *words], cwd=cwd, capture_output=True, text=True)


@pytest.mark.slow
def test_explain_exports_measures_and_explains(tmp_path: Path, zoo: Path) -> None:
    copy(zoo, tmp_path / "artifacts", "scenes_v2.fp32.tflite*", "scenes_v2.*.reference.npz")
    copy(zoo, tmp_path / "artifacts", "*.evaluation.npz")
    words = ("scenes_v2_ca_late", "--precisions", "fp32", "--detect", "50%", "--whole-budget")
    done = edgebench("explain", *words, "--html", "page.html", "--md", "page.md", cwd=tmp_path)
    # A machine that is busy with something else gets no verdict, and the exit code says so.
    assert done.returncode in (0, 3), done.stderr
    assert "Attention by stage: scenes_v2_ca_late, tflite fp32" in done.stdout
    assert "scenes_v2_ca_late~stage" not in done.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    explanation = json.loads((folder / "explanation.json").read_text())
    assert explanation["schema"] == "edgebench.explanation/2"
    (model,) = explanation["models"]
    assert [one["stage"] for one in model["stages"]] == [4, 5]
    for one in model["stages"]:
        assert one["cost_s"]["low"] <= one["cost_s"]["value"] <= one["cost_s"]["high"]
    assert model["profile"]["source"] == "LiteRT profiler"
    assert model["remainder_s"]["low"] <= model["remainder_s"]["high"]
    counted = {one["kind"]: one["counted"] for one in model["kinds"]}
    assert counted[None]["madds"] == 3_195_424  # All of the baseline's, and nothing else.
    assert counted["multiply"]["elementwise"] == 28_608
    page = (tmp_path / "page.html").read_text()
    assert "Where the overhead comes from" in page and "What each stage" in page
    assert "## Where the overhead comes from" in (tmp_path / "page.md").read_text()
    again = edgebench("report", cwd=tmp_path)
    assert "Attention by stage: scenes_v2_ca_late, tflite fp32" in again.stdout


@pytest.mark.parametrize(
    "words, message",
    [
        ((), "explain needs a model"),
        (("scenes_v2",), "scenes_v2 has no attention"),
        (("scenes_v2_caa",), "unknown model 'scenes_v2_caa'"),
    ],
)
def test_explain_says_what_it_cannot_explain(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = edgebench("explain", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
