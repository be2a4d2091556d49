"""A folder is placed, hashed and read as one thing."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.content import Content, digest, read_content, size_bytes, write_content
from edgebench.documents import replacing, sha256
from edgebench.errors import UnwritableError

PACKAGE: Content = {"model.xml": b"<net/>", "data/weights.bin": b"\0\1\2"}
OTHER: Content = {"model.xml": b"<other/>"}

names = st.text("ab.-Zé", min_size=1, max_size=6).filter(lambda name: set(name) != {"."})
contents = st.binary() | st.dictionaries(names, st.binary(), min_size=1)


def place(path: Path, content: Content) -> None:
    with replacing(path) as temporary:
        write_content(temporary, content)


@given(contents)
def test_what_is_placed_is_read_back_with_its_hash(
    tmp_path_factory: pytest.TempPathFactory, content: Content
) -> None:
    path = tmp_path_factory.mktemp("content") / "thing"
    place(path, content)
    assert read_content(path) == content
    assert sha256(path) == digest(content)
    assert size_bytes(content) == sum(
        file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file()
    )


def test_a_folders_hash_can_be_had_from_sha256sum(tmp_path: Path) -> None:
    place(tmp_path / "thing", PACKAGE)
    command = "find * -type f | LC_ALL=C sort | xargs sha256sum"
    listing = subprocess.run(command, shell=True, cwd=tmp_path / "thing", capture_output=True)
    assert hashlib.sha256(listing.stdout).hexdigest() == digest(PACKAGE)


def test_a_folders_hash_tells_names_and_bytes_apart() -> None:
    moved = {"model.xml": b"<net/>", "weights.bin": b"\0\1\2"}
    changed = {**PACKAGE, "data/weights.bin": b"\0\1\3"}
    assert len({digest(one) for one in (PACKAGE, moved, changed, b"<net/>")}) == 4


@pytest.mark.parametrize(
    ("old", "new"), [(b"a file", b"another file"), (b"a file", PACKAGE), (OTHER, PACKAGE)]
)
def test_what_is_new_takes_the_place_of_what_was_there(
    tmp_path: Path, old: Content, new: Content
) -> None:
    path = tmp_path / "thing"
    place(path, old)
    place(path, new)
    assert read_content(path) == new
    assert os.listdir(tmp_path) == ["thing"]


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path: Path) -> None:
    """Such as a report that is written to a path where the user has a folder."""
    path = tmp_path / "thing"
    place(path, OTHER)
    with pytest.raises(UnwritableError, match="it is a folder"):
        place(path, b"a file")
    assert read_content(path) == OTHER
    assert os.listdir(tmp_path) == ["thing"]


def test_a_folder_that_fails_half_way_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "thing"
    place(path, OTHER)
    with pytest.raises(UnwritableError, match="No space left"), replacing(path) as temporary:
        write_content(temporary, PACKAGE)
        raise OSError(28, os.strerror(28))
    assert read_content(path) == OTHER
    assert os.listdir(tmp_path) == ["thing"]


def test_the_old_folder_comes_back_where_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "thing"
    place(path, OTHER)
    real = Path.rename

    def rename(source: Path, target: Path) -> Path:
        if target == path and not source.name.endswith(".old"):
            raise OSError(13, os.strerror(13))
        return real(source, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(UnwritableError, match="Permission denied"):
        place(path, PACKAGE)
    assert read_content(path) == OTHER
    assert os.listdir(tmp_path) == ["thing"]
