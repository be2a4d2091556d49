"""The user's own file: what edgebench writes into it, and what it leaves as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.deploy.registry import registry, user_devices
from edgebench.errors import InvalidFileError, UnknownNameError, UnwritableError, UsageError

WRITTEN = """\
# Everything in the rack.

[rack-1]  # by the door
like = "rpi5"   # not four
host = "rack1"

[rack-1.sources]
soc = "its label"

# The phone of the desk; ask before you take it.
[desk]
like = "pixel7"
serial = "27061FDH2000XY"

# The end.
"""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBENCH_CONFIG", str(tmp_path / "folder"))
    return tmp_path / "folder" / "devices.toml"


@pytest.fixture
def written(own: Path) -> Path:
    own.parent.mkdir()
    own.write_text(WRITTEN)
    return own


def test_the_first_device_makes_the_file(own: Path) -> None:
    assert user_devices.add("rpi5", {"like": "rpi5", "host": "pi@rpi.local"}) == own
    assert registry.load()["rpi5"].host == "pi@rpi.local"
    assert own.read_text() == user_devices.HEAD + '\n[rpi5]\nlike = "rpi5"\nhost = "pi@rpi.local"\n'


def test_adding_leaves_what_was_written(written: Path) -> None:
    user_devices.add("bench.2", {"like": "pixel8", "match": ["shiba"], "keep": True})
    said = written.read_text()
    assert said.startswith(WRITTEN)
    assert said[len(WRITTEN) :].startswith('\n["bench.2"]\n')
    assert registry.load()["bench.2"].keep


def test_replacing_leaves_the_rest_where_it_was(written: Path) -> None:
    with pytest.raises(UsageError, match="rack-1 is in") as caught:
        user_devices.add("rack-1", {"like": "rpi4"})
    assert "--replace" in caught.value.remedy and written.read_text() == WRITTEN
    user_devices.add("rack-1", {"like": "rpi4", "host": "elsewhere"}, replace=True)
    before, _, after = WRITTEN.partition('[rack-1]  # by the door\nlike = "rpi5"   # not four\n')
    rest = after.partition('soc = "its label"\n')[2]
    assert written.read_text() == f'{before}[rack-1]\nlike = "rpi4"\nhost = "elsewhere"\n{rest}'


def test_removing_leaves_the_comments_of_others(written: Path) -> None:
    user_devices.remove("rack-1")
    assert (
        written.read_text()
        == WRITTEN.partition("[rack-1]")[0] + "# The phone" + (WRITTEN.partition("# The phone")[2])
    )
    user_devices.remove("desk")
    assert registry.user_entries() == {}
    assert "# The end." in written.read_text()


def test_only_one_s_own_can_be_removed(written: Path) -> None:
    with pytest.raises(UsageError, match="edgebench's own"):
        user_devices.remove("pixel7")
    with pytest.raises(UnknownNameError, match="'dsek'") as caught:
        user_devices.remove("dsek")
    assert "did you mean 'desk'?" in caught.value.remedy
    assert written.read_text() == WRITTEN


@pytest.mark.parametrize(
    "name", ["", "a b", "-x", "a,b", "a/b", "ä", "a]", "simulated:clean", "simulated"]
)
def test_what_cannot_be_a_name_is_refused(own: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"cannot be a device's name|of simulated devices"):
        user_devices.add(name, {"like": "rpi5"})
    assert not own.exists()


def test_facts_that_make_no_device_are_not_written(written: Path) -> None:
    for facts in ({"like": "pixel7", "host": "x"}, {"like": "nothing"}, {"host": "x"}):
        with pytest.raises(UsageError, match="the device is not valid: new"):
            user_devices.add("new", facts)
    assert written.read_text() == WRITTEN


def test_a_device_that_others_are_like_cannot_be_taken_from_under_them(written: Path) -> None:
    user_devices.add("rack-2", {"like": "rack-1", "host": "rack2"})
    said = written.read_text()
    with pytest.raises(UsageError, match="rack-2: like is not the name of a device"):
        user_devices.remove("rack-1")
    assert written.read_text() == said


def test_a_file_that_is_broken_is_not_written_over(written: Path) -> None:
    written.write_text("[rack")
    with pytest.raises(InvalidFileError, match="is not TOML"):
        user_devices.add("new", {"like": "rpi5"})
    assert written.read_text() == "[rack"


def test_a_folder_that_cannot_be_written_is_said(own: Path) -> None:
    own.parent.write_text("a file in the folder's place")
    with pytest.raises(UnwritableError, match="cannot write"):
        user_devices.add("new", {"like": "rpi5"})


# TOML's files hold no lone surrogates, and DEL only as an escape that JSON does not write.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"))


@given(TEXT)
def test_any_text_comes_back(text: str) -> None:
    import tomllib

    assert tomllib.loads(f"key = {user_devices.toml(text)}")["key"] == text


def test_clusters_come_back(own: Path) -> None:
    clusters: list[user_devices.Value] = [
        {"name": "little", "core": "Cortex-A55", "cores": [0, 1]},
        {"name": "big", "core": "Cortex-A78", "cores": [2, 3]},
    ]
    user_devices.add("x", {"description": "x", "transport": "adb", "clusters": clusters})
    assert registry.load()["x"].cluster("big").cores == (2, 3)
    user_devices.remove("x")
    assert own.read_text().strip() == user_devices.HEAD.strip()
