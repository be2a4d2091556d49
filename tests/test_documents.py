"""Documents are typed, versioned and written whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.documents import load, replacing, save
from edgebench.errors import InvalidFileError, UnwritableError


@dataclass(frozen=True)
class Note:
    SCHEMA: ClassVar[str] = "edgebench.note/2"

    text: str
    numbers: tuple[float, ...]
    more: dict[str, int]


@given(
    st.builds(
        Note,
        st.text(st.characters(codec="utf-8")),
        st.lists(st.floats(allow_nan=False, allow_infinity=False)).map(tuple),
        st.dictionaries(st.text(st.characters(codec="utf-8")), st.integers(-(2**53), 2**53)),
    )
)
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, note: Note) -> None:
    path = tmp_path_factory.mktemp("documents") / "note.json"
    save(path, note)
    assert load(path, Note) == note


@pytest.mark.parametrize(
    ("body", "says", "remedy"),
    [
        ("{", "not JSON", "again"),
        ("[]", "is not an edgebench.note/2 file", "check"),
        ('{"schema": "edgebench.plan/1"}', "is not an edgebench.note/2 file", "check"),
        ('{"schema": "edgebench.note/3"}', "this edgebench reads edgebench.note/2", "update"),
        ('{"schema": "edgebench.note/1"}', "this edgebench reads edgebench.note/2", "again"),
        ('{"schema": "edgebench.note/2", "text": 1}', "not a valid edgebench.note/2", "again"),
    ],
)
def test_a_file_that_does_not_fit_says_why(
    tmp_path: Path, body: str, says: str, remedy: str
) -> None:
    path = tmp_path / "note.json"
    path.write_text(body)
    with pytest.raises(InvalidFileError) as caught:
        load(path, Note)
    assert says in caught.value.message
    assert remedy in caught.value.remedy


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match=r"nothing\.json: No such file"):
        load(tmp_path / "nothing.json", Note)


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    save(path, Note("old", (), {}))
    with pytest.raises(UnwritableError, match="No space left"), replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError(28, os.strerror(28))
    assert json.loads(path.read_text())["text"] == "old"
    assert os.listdir(tmp_path) == ["note.json"]


def test_nan_is_refused_rather_than_written_as_broken_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        save(tmp_path / "note.json", Note("", (float("nan"),), {}))
    assert os.listdir(tmp_path) == []


def test_a_file_never_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "page.html").write_text("somebody's work")
    with pytest.raises(UnwritableError, match="it is a folder"), replacing(folder) as temporary:
        temporary.write_text("a report")
    assert (folder / "page.html").read_text() == "somebody's work"
    assert list(tmp_path.iterdir()) == [folder]


def test_threads_may_meet_a_class_at_once() -> None:
    """Two devices of a fleet read their first documents at the same moment."""
    program = Path(__file__).parent / "crash_in_threads.py"
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
