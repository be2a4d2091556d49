"""Somebody else's files as artifacts: found by name, read as they are, and none of them trusted."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from edgebench.converters import external
from edgebench.converters.artifact import Artifact
from edgebench.converters.artifact import find_artifacts as find_own
from edgebench.converters.lint.graph import LintGraph, LintTensor, Op
from edgebench.converters.lint.summary import madds, precision


@pytest.fixture
def folder(toys: Path, tmp_path: Path) -> Path:
    """Files with odd names, in sub-folders, some of them of no use."""
    folder = tmp_path / "theirs"
    deeper = folder / "sub dir" / "deeper"
    deeper.mkdir(parents=True)
    for name in ("plain", "attention", "int8", "corrupt"):
        shutil.copy(toys / f"{name}.tflite", folder)
    shutil.copy(toys / "plain.tflite", deeper / "the one & <only>.TFLITE")
    shutil.copy(toys / "plain.tflite", folder / "100%2F.lite")
    (folder / "empty.tflite").touch()
    (folder / ".hidden.tflite").touch()
    (folder / "dangling.tflite").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.tflite")
    (folder / "notes.txt").write_text("not a model")
    return folder


def adopted(folder: Path) -> dict[str, Artifact]:
    found = external.find_artifacts(folder, None, None)
    return {one.manifest.model: one for one in found}


def test_files_go_by_their_path_in_the_folder(folder: Path) -> None:
    assert list(external.files(folder)) == [
        "100%2F",
        "attention",
        "corrupt",
        "empty",
        "int8",
        "plain",
        "sub dir/deeper/the one & <only>",
    ]
    keys = {one.key for one in adopted(folder).values()}
    assert "sub dir/deeper/the one & <only>.TFLITE" in keys


def test_a_file_is_a_folder_of_one(folder: Path) -> None:
    assert list(external.files(folder / "plain.tflite")) == ["plain"]
    assert adopted(folder / "plain.tflite")["plain"].key == "plain.tflite"


def test_namesakes_keep_their_ends(folder: Path) -> None:
    shutil.copy(folder / "plain.tflite", folder / "plain.lite")
    assert {"plain.tflite", "plain.lite"} < external.files(folder).keys()


def test_names_that_are_no_text_are_shown_as_such(folder: Path) -> None:
    shutil.copy(folder / "plain.tflite", os.fsencode(folder) + b"/new\nli\xffne.tflite")
    assert "new\N{REPLACEMENT CHARACTER}li\N{REPLACEMENT CHARACTER}ne" in external.files(folder)


def test_copies_in_the_folders_of_runs_are_passed_over(folder: Path) -> None:
    run = folder / "runs" / "20260101-local"
    (run / "files").mkdir(parents=True)
    (run / "draft.json").write_text("{}")
    shutil.copy(folder / "plain.tflite", run / "files" / "0123.tflite")
    assert not any("runs" in name for name in external.files(folder))


def test_a_manifest_says_what_the_file_says_and_nothing_else(folder: Path) -> None:
    found = adopted(folder)
    assert {name: one.manifest.precision for name, one in found.items()} == {
        "100%2F": "fp32",
        "attention": "fp32",
        "corrupt": "unknown",
        "empty": "unknown",
        "int8": "int8",
        "plain": "fp32",
        "sub dir/deeper/the one & <only>": "fp32",
    }
    plain = found["plain"].manifest
    assert plain.inputs[0].shape == (1, 16, 16, 3) and plain.inputs[0].dtype == "float32"
    # Eight filters of 3x3x3 at 8x8 places, and a layer of 8 by 5.
    assert plain.madds == 8 * 8 * 8 * 27 + 40
    assert found["attention"].manifest.madds == plain.madds + 64
    assert plain.external and plain.evaluation is None and plain.weights == "unknown"
    assert found["empty"].manifest.size_bytes == 0 and found["empty"].manifest.inputs == ()


def test_somebody_elses_json_is_no_manifest(folder: Path) -> None:
    shutil.copy(folder / "plain.tflite", folder / "net.v1.tflite")
    (folder / "net.v1.tflite.json").write_text(json.dumps(["cat", "dog"]))
    assert list(find_own(folder)) == []
    assert "net.v1" in external.files(folder)


def graph(*ops: tuple[str, str, str], weights: str, moving: str, form: str = "tflite") -> LintGraph:
    """Ops of type and kind, each from `x` to `y` with weights `w`."""
    shape = (4, 3, 3, 2)
    tensors = {
        "x": LintTensor("x", (1, 8, 8, 2), moving),
        "w": LintTensor("w", shape, weights, constant=True),
        "y": LintTensor("y", (1, 8, 8, 4), moving),
    }
    made = tuple(
        Op(str(n), type_, kind, ("x", "w"), ("y",), {"custom": custom == "custom"})
        for n, (type_, kind, custom) in enumerate(ops)
    )
    return LintGraph("net", form, "unknown", made, tensors, ("x",), ("y",))


CONV = ("CONV_2D", "conv", "")


@pytest.mark.parametrize(
    ("weights", "moving", "expected"),
    [
        ("float32", "float32", "fp32"),
        ("float16", "float32", "fp16"),
        ("float16", "float16", "fp16"),
        ("int8", "float32", "dynamic"),
        ("int8", "int8", "int8"),
        ("uint8", "uint8", "int8"),
        ("int8", "int16", "int16x8"),
        ("int64", "int64", "unknown"),
    ],
)
def test_precision_is_that_of_the_layers_with_weights(
    weights: str, moving: str, expected: str
) -> None:
    assert precision(graph(CONV, weights=weights, moving=moving)) == expected


def test_float_between_quantising_and_its_reverse_is_int8() -> None:
    quantise = ("QuantizeLinear", "quantise", "")
    whole = graph(CONV, quantise, weights="int8", moving="float32", form="onnx")
    assert precision(whole) == "int8"


def test_half_a_count_of_multiply_adds_is_none() -> None:
    assert madds(graph(CONV, weights="float32", moving="float32")) == 8 * 8 * 4 * 18
    for other in (("BATCH_MATMUL", "batch_matmul", ""), ("Theirs", "theirs", "custom")):
        assert madds(graph(CONV, other, weights="float32", moving="float32")) is None
