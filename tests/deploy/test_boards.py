"""Boards' own readings: trees of files as their kernels show them, and a vcgencmd that answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from edgebench.deploy.runner.boards import temperatures, throttled
from edgebench.deploy.runner.readings import readings, readings_after

THERMAL = "sys/class/thermal"
HWMON = "sys/class/hwmon"
PI_4 = "sys/devices/platform/soc/soc:firmware/get_throttled"
PI_5 = "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled"


def show(root: Path, files: Mapping[str, str]) -> str:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return str(root)


def test_zones_go_by_their_type_and_namesakes_by_their_number_too(tmp_path: Path) -> None:
    root = show(
        tmp_path,
        {
            f"{THERMAL}/thermal_zone0/type": "soc-thermal",
            f"{THERMAL}/thermal_zone0/temp": "45000",
            f"{THERMAL}/thermal_zone1/type": "bigcore-thermal",
            f"{THERMAL}/thermal_zone1/temp": "47500",
            f"{THERMAL}/thermal_zone2/type": "acpitz",
            f"{THERMAL}/thermal_zone2/temp": "-1000",
            f"{THERMAL}/thermal_zone3/type": "acpitz",
            f"{THERMAL}/thermal_zone3/temp": "30000",
            f"{THERMAL}/thermal_zone4/temp": "20000",
        },
    )
    assert temperatures(root) == {
        "soc-thermal": 45.0,
        "bigcore-thermal": 47.5,
        "acpitz thermal_zone2": -1.0,
        "acpitz thermal_zone3": 30.0,
        "thermal_zone4": 20.0,
    }


@pytest.mark.parametrize("firmware", [PI_4, PI_5])
def test_what_happened_before_is_told_from_what_happened_in_between(
    firmware: str, tmp_path: Path
) -> None:
    def told(bits: str) -> bool | None:
        return throttled(show(tmp_path, {firmware: bits}))

    assert told("50000") is False  # Once, before anybody measured.
    assert told("50005") is True  # Now.
    assert told("50000") is False  # Over.
    assert told("70000") is True  # Capped in between, and no more.
    assert told("70000") is False


def test_a_jetson_that_counts_over_currents_was_throttled_in_between(tmp_path: Path) -> None:
    def told(count: str) -> bool | None:
        return throttled(show(tmp_path, {f"{HWMON}/hwmon3/oc3_event_cnt": count}))

    assert [told(count) for count in ("37", "37", "38", "38")] == [False, False, True, False]


@pytest.mark.parametrize(("alarm", "held_back"), [("0", False), ("1", True)])
def test_a_plain_kernel_tells_of_low_voltage(alarm: str, held_back: bool, tmp_path: Path) -> None:
    files = {f"{HWMON}/hwmon1/name": "rpi_volt", f"{HWMON}/hwmon1/in0_lcrit_alarm": alarm}
    assert throttled(show(tmp_path, files)) is held_back


@pytest.fixture
def vcgencmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vcgencmd that answers what the file `throttled` says, and notes that it was asked."""
    program = tmp_path / "bin/vcgencmd"
    show(
        tmp_path,
        {
            "bin/vcgencmd": f"#!/bin/sh\necho $1 >>{tmp_path}/asked\ncase $1 in\n"
            f"get_throttled) cat {tmp_path}/throttled ;;\n"
            'measure_temp) echo "temp=48.3\'C" ;;\nesac',
            "throttled": "throttled=0x0",
        },
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return tmp_path


def test_the_firmware_is_asked_after_a_block_where_the_kernel_does_not_tell(
    vcgencmd: Path,
) -> None:
    root = str(vcgencmd / "root")
    assert readings(root)["throttled"] is None
    assert not (vcgencmd / "asked").exists()
    found = readings_after(root)
    assert (found["throttled"], found["temperatures_c"]) == (False, {"vcgencmd": 48.3})
    show(vcgencmd, {"throttled": "throttled=0x50005"})
    assert readings_after(root)["throttled"] is True


def test_the_firmware_is_not_asked_for_what_the_kernel_tells(vcgencmd: Path) -> None:
    zone = f"root/{THERMAL}/thermal_zone0"
    show(vcgencmd, {f"root/{PI_4}": "0", f"{zone}/temp": "48300", f"{zone}/type": "cpu-thermal"})
    found = readings_after(str(vcgencmd / "root"))
    assert (found["throttled"], found["temperatures_c"]) == (False, {"cpu-thermal": 48.3})
    assert not (vcgencmd / "asked").exists()


def test_a_firmware_that_may_not_be_asked_tells_nothing(vcgencmd: Path) -> None:
    show(vcgencmd, {"throttled": "VCHI initialization failed"})
    assert readings_after(str(vcgencmd / "root"))["throttled"] is None
