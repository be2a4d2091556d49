"""`edgebench estimate` on whole models: what a Snapdragon's NPU takes of ours and of others'.

LiteRT's compiler with Qualcomm's plugin and libraries is run as for a phone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import foreign
import planted_operators
import pytest

from edgebench.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux", reason="Qualcomm's libraries are for Linux on x86-64"
    ),
]

SOCS = ("SM8350", "SM8650", "SM8750")


def estimated(
    capsys: pytest.CaptureFixture[str], *files: Path, socs: tuple[str, ...] = SOCS, exits: int = 0
) -> dict[tuple[str, str], dict[str, Any]]:
    """The answers of `edgebench estimate --json`, by file and SoC."""
    assert main(["estimate", *map(str, files), "--soc", ",".join(socs), "--json"]) == exits
    said = json.loads(capsys.readouterr().out)
    return {(one["artifact"], one["npu"]): one for one in said}


@pytest.mark.parametrize("precision", ["int8", "fp32", "fp16"])
def test_every_attention_stays_in_one_part_on_every_generation(
    zoo: Path, capsys: pytest.CaptureFixture[str], precision: str
) -> None:
    names = ("scenes_v2", "scenes_v2_se", "scenes_v2_cbam", "scenes_v2_ca")
    files = [zoo / f"{name}.{precision}.tflite" for name in names]
    found = estimated(capsys, *files)
    assert len(found) == len(names) * len(SOCS)
    for one in found.values():
        assert one["taken"] == one["operators"] > 0
        assert one["partitions"] == 1 and one["left"] == []
        assert one["traffic_bytes"] is None or one["traffic_bytes"] > 0
    for soc in SOCS:  # Attention is there, and is work for the NPU.
        counts = [found[path.name, soc]["operators"] for path in files]
        assert counts[0] < min(counts[1:])


def test_attention_that_leaves_the_npu_is_said_with_its_cuts(
    zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The gates of coordinate attention are replaced: two in each of its blocks."""
    ours, theirs = zoo / "scenes_v2.int8.tflite", tmp_path / "theirs.tflite"
    gates = planted_operators.with_unknown(zoo / "scenes_v2_ca.int8.tflite", "LOGISTIC", theirs)
    assert gates == 32
    found = estimated(capsys, ours, theirs, socs=("SM8650",))
    one = found["theirs.tflite", "SM8650"]
    assert one["operators"] - one["taken"] == len(one["left"]) == gates
    assert {left["type"] for left in one["left"]} == {planted_operators.UNKNOWN}
    assert one["partitions"] > gates  # Each gate cuts the graph once.
    # In words, for a person.
    assert main(["estimate", str(ours), str(theirs), "--soc", "SM8650,SM8750"]) == 0
    shown = capsys.readouterr().out
    taken = f"{one['taken']} of {one['operators']}, {one['partitions']} parts"
    assert shown.count(taken) == 2
    assert f"  {gates} {planted_operators.UNKNOWN} (INT8 -> INT8)" in shown
    assert (
        "Against scenes_v2.int8.tflite, theirs.tflite leaves 32 operators more and is cut into "
        f"{one['partitions']} parts instead of 1 (SM8650, SM8750)."
    ) in shown


def test_nothing_is_said_against_a_baseline_that_is_cut_as_often(
    zoo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(zoo / f"scenes_v2{kind}.int8.tflite") for kind in ("", "_se", "_ca")]
    assert main(["estimate", *files, "--soc", "SM8650"]) == 0
    assert "Against" not in capsys.readouterr().out


def test_models_by_other_people_are_taken_or_their_rest_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = foreign.faces()
    whole, sparse = (
        folder / f"face_detection_{kind}.tflite" for kind in ("front", "full_range_sparse")
    )
    found = estimated(capsys, whole, sparse, socs=("SM8650",))
    front, cut = (found[path.name, "SM8650"] for path in (whole, sparse))
    assert (front["taken"], front["partitions"]) == (front["operators"], 1)
    # Weights that are stored sparsely are made dense by an operator that the NPU does not take.
    assert {one["type"] for one in cut["left"]} == {"DENSIFY"}
    assert cut["operators"] - cut["taken"] == len(cut["left"]) > 0
    assert 1 < cut["partitions"] <= len(cut["left"]) + 1


def test_a_generation_that_cannot_compile_what_it_took_says_at_which_operator(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """QNN takes all operators of these landmarks, and then fails on the oldest NPU."""
    path = foreign.faces() / "face_landmark.tflite"
    found = estimated(capsys, path, socs=("SM8350", "SM8650"), exits=1)
    newer, older = (found[path.name, soc] for soc in ("SM8650", "SM8350"))
    assert newer["taken"] == newer["operators"]
    assert 'ElementWiseBinary_174_LiteRt_OpId_42" generated: could not create op' in older["error"]
