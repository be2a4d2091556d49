"""The run folder: files by content, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgebench.deploy.documents import staging
from edgebench.documents import sha256
from edgebench.errors import InvalidFileError, UnwritableError


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"model")
    return path


def test_a_file_goes_by_its_content(model: Path, tmp_path: Path) -> None:
    name = staging.stage_file(model, sha256(model), tmp_path / "run")
    assert name == sha256(model) + ".tflite"
    assert (tmp_path / "run" / "files" / name).read_bytes() == b"model"


def test_staging_twice_is_staging_once(model: Path, tmp_path: Path) -> None:
    names = {staging.stage_file(model, sha256(model), tmp_path / "run") for _ in range(2)}
    assert [path.name for path in (tmp_path / "run" / "files").iterdir()] == list(names)


def test_the_staged_file_outlives_a_new_export(model: Path, tmp_path: Path) -> None:
    name = staging.stage_file(model, sha256(model), tmp_path / "run")
    newer = tmp_path / "newer"
    newer.write_bytes(b"exported anew")
    newer.replace(model)
    assert (tmp_path / "run" / "files" / name).read_bytes() == b"model"


def test_it_is_copied_where_it_cannot_be_linked(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    name = staging.stage_file(model, sha256(model), tmp_path / "run")
    assert (tmp_path / "run" / "files" / name).read_bytes() == b"model"


def test_a_folder_is_staged_as_one_thing(tmp_path: Path) -> None:
    package = tmp_path / "model.openvino"
    (package / "data").mkdir(parents=True)
    (package / "model.xml").write_bytes(b"network")
    (package / "data" / "weights.bin").write_bytes(b"weights")
    digest = sha256(package)
    name = staging.stage_file(package, digest, tmp_path / "run")
    assert name == digest + ".openvino"
    staged = tmp_path / "run" / "files" / name
    assert sha256(staged) == digest
    assert staging.stage_file(package, digest, tmp_path / "run") == name
    (package / "data" / "weights.bin").unlink()
    with pytest.raises(InvalidFileError, match="has changed since its manifest"):
        staging.stage_file(package, digest, tmp_path / "run")
    assert sha256(staged) == digest


def test_a_changed_file_is_refused(model: Path, tmp_path: Path) -> None:
    digest = sha256(model)
    model.write_bytes(b"another model")
    with pytest.raises(InvalidFileError, match="has changed since its manifest"):
        staging.stage_file(model, digest, tmp_path / "run")


def test_a_vanished_file_is_refused(model: Path, tmp_path: Path) -> None:
    digest = sha256(model)
    model.unlink()
    with pytest.raises(InvalidFileError, match="No such file"):
        staging.stage_file(model, digest, tmp_path / "run")


def test_a_folder_that_cannot_be_made_is_unwritable(model: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file stands in the way")
    with pytest.raises(UnwritableError):
        staging.stage_file(model, sha256(model), tmp_path / "run")
