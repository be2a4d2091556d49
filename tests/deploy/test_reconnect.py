"""How long a device that goes away is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.deploy.remote import reconnect
from edgebench.deploy.remote.reconnect import MAX_LOSSES, clean_up, run_with_reconnect
from edgebench.deploy.remote.shell import DeviceLostError
from edgebench.errors import DeviceError
from edgebench.progress import silent


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "POLL_S", 0.0)


def lost() -> DeviceLostError:
    return DeviceLostError("it is gone", "plug it in")


def test_a_device_that_goes_away_before_anything_is_done_is_given_up(tmp_path: Path) -> None:
    tries: list[int] = []

    def execute() -> None:
        tries.append(1)
        raise lost()

    with pytest.raises(DeviceError, match="it is gone") as caught:
        run_with_reconnect(execute, lambda: None, tmp_path, silent)
    assert len(tries) == MAX_LOSSES
    assert "--resume" in caught.value.remedy


def test_the_sentence_of_the_wait_is_that_of_the_moment(tmp_path: Path) -> None:
    problems: list[DeviceError | None] = [None, DeviceLostError("it asks its user", "accept")]
    seen: list[str] = []
    begun: list[int] = []

    def execute() -> None:
        begun.append(1)
        if len(begun) == 1:
            raise lost()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_with_reconnect(execute, problems.pop, tmp_path, lambda step, *_: seen.append(step))
    assert seen[0].startswith("it is gone") and seen[1].startswith("it asks its user")


def test_a_device_that_is_gone_when_it_is_tidied_up_gets_a_moment_to_come_back() -> None:
    answers: list[DeviceError | None] = [None, lost(), lost()]

    def remove() -> None:
        if (answer := answers.pop()) is not None:
            raise answer

    clean_up(remove, 60.0)
    assert answers == []
    answers = [None, lost()]
    clean_up(remove, 0.0)
    assert answers == [None]
