"""A phone's settings are those for measuring while it measures, and its own again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from phone import PhoneShell
from test_android_readings import battery, thermal

from edgebench.deploy.remote.shell import DeviceLostError
from edgebench.deploy.transports.adb.settings import (
    apply_settings,
    restore_settings,
    settings_step,
    thermal_step,
)

STAY_ON = "setting.stay_on_while_plugged_in"


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PhoneShell]:
    monkeypatch.setenv("EDGEBENCH_DATA", str(tmp_path / "data"))
    yield PhoneShell(tmp_path)


def test_a_phone_is_set_up_and_put_back(phone: PhoneShell) -> None:
    (phone.state / STAY_ON).write_text("2\n")
    apply_settings(phone)
    assert phone.has(STAY_ON) == "15"
    assert (phone.has("fixed"), phone.has("screen")) == ("true", "Awake")
    assert restore_settings(phone)
    assert phone.has(STAY_ON) == "2"
    assert (phone.has("fixed"), phone.has("screen")) == ("false", "Asleep")
    assert not restore_settings(phone)


def test_what_nobody_had_set_is_not_set_afterwards(phone: PhoneShell) -> None:
    (phone.state / "screen").write_text("Awake\n")
    apply_settings(phone)
    assert phone.has(STAY_ON) == "15"
    assert restore_settings(phone)
    assert phone.has(STAY_ON) is None
    assert phone.has("screen") == "Awake"


def test_a_phone_that_is_unplugged_gets_its_own_settings_back_later(phone: PhoneShell) -> None:
    (phone.state / STAY_ON).write_text("3\n")
    apply_settings(phone)
    phone.gone = DeviceLostError("phone is gone", "plug it in")
    with pytest.raises(DeviceLostError):
        restore_settings(phone)
    phone.gone = None
    assert phone.has(STAY_ON) == "15"
    assert restore_settings(phone)
    assert (phone.has(STAY_ON), phone.has("fixed")) == ("3", "false")


def test_a_phone_that_was_restarted_is_set_up_again_and_put_back_to_what_was_first(
    phone: PhoneShell,
) -> None:
    (phone.state / STAY_ON).write_text("3\n")
    apply_settings(phone)
    (phone.state / "fixed").unlink()
    apply_settings(phone)
    assert phone.has("fixed") == "true"
    assert restore_settings(phone)
    assert phone.has(STAY_ON) == "3"


def test_a_phone_that_refuses_is_measured_all_the_same(phone: PhoneShell) -> None:
    assert settings_step(phone).state == "ok"
    assert phone.has("fixed") == "false"
    (phone.state / "no-fixed-mode").touch()
    apply_settings(phone)
    assert phone.has("screen") == "Awake"
    step = settings_step(phone)
    assert step.state == "note" and "FIXED_PERFORMANCE" in step.found and step.remedy


def test_a_device_that_is_no_android_is_left_alone(tmp_path: Path) -> None:
    board = PhoneShell(tmp_path / "board", android=False)
    apply_settings(board)
    assert not restore_settings(board)
    assert sorted(path.name for path in board.state.iterdir()) == ["screen"]
    assert settings_step(board).state == "note"
    assert thermal_step(board).state == "note"


def test_the_check_says_how_warm_a_phone_is(phone: PhoneShell) -> None:
    (phone.state / "dumpsys.thermalservice").write_text(thermal(cpu=44.0))
    (phone.state / "dumpsys.battery").write_text(battery(61))
    step = thermal_step(phone)
    assert step.state == "ok"
    assert all(one in step.found for one in ("status 0", "2 sensors", "44 °C", "61 %"))
    (phone.state / "dumpsys.battery").write_text(battery(7))
    step = thermal_step(phone)
    assert step.state == "note" and "charge it" in step.remedy
    (phone.state / "dumpsys.thermalservice").write_text(thermal(3))
    assert "cool down" in thermal_step(phone).remedy
    (phone.state / "dumpsys.thermalservice").write_text("")
    step = thermal_step(phone)
    assert step.state == "note" and "7 %" in step.found
