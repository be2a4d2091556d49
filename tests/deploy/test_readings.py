"""Readings of machines that are not this one: trees of files as their kernels show them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.deploy.documents.result import Readings
from edgebench.deploy.runner.power import COUNTERS, dumped_counters
from edgebench.deploy.runner.readings import PROBE_REPEATS, probe, readings

STAT = "cpu  100 20 30 4000 5 6 7 80 0 0\ncpu0 1 2 3\nintr 1 2\nprocs_running 3\nprocs_blocked 0"
BOARD = {
    "proc/stat": STAT,
    "proc/loadavg": "0.52 0.31 0.20 2/512 999",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1800000",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil",
    "sys/devices/system/cpu/cpu0/cpufreq/stats/time_in_state": "600000 250\n1800000 1050",
    "sys/devices/system/cpu/cpu4/cpufreq/scaling_cur_freq": "2400000",
    "sys/devices/system/cpu/cpu4/cpufreq/scaling_governor": "performance",
    "sys/class/thermal/thermal_zone0/temp": "61234",
    "sys/class/thermal/thermal_zone1/temp": "not a number",
    "sys/class/thermal/cooling_device0/type": "thermal-cpufreq-0",
    "sys/class/thermal/cooling_device0/cur_state": "0",
    "sys/class/thermal/cooling_device1/type": "pwm-fan",
    "sys/class/thermal/cooling_device1/cur_state": "3",
    "sys/class/power_supply/mouse/type": "Battery",
    "sys/class/power_supply/mouse/scope": "Device",
    "sys/class/power_supply/mouse/capacity": "5",
    "sys/class/power_supply/BAT0/type": "Battery",
    "sys/class/power_supply/BAT0/capacity": "87",
    "sys/class/power_supply/BAT0/status": "Discharging",
}
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
SLOWED = "sys/class/thermal/cooling_device0/cur_state"


def machine(root: Path, files: Mapping[str, str]) -> Readings:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return Readings(**readings(str(root)))


def test_a_board_tells_all_that_its_kernel_shows(tmp_path: Path) -> None:
    found = machine(tmp_path, BOARD)
    assert found.frequencies_khz == {"cpu0": 1_800_000, "cpu4": 2_400_000}
    assert found.governors == ["performance", "schedutil"]
    assert found.time_in_state_s == {"cpu0": {"600000": 2.5, "1800000": 10.5}}
    assert found.temperatures_c == {"thermal_zone0": 61.234}
    assert (found.battery_percent, found.charging) == (87.0, False)
    assert (found.load_1min, found.running) == (0.52, 3)
    assert found.throttled is False
    assert found.busy_s is not None and found.steal_s is not None
    assert found.busy_s / found.steal_s == pytest.approx((100 + 20 + 30 + 6 + 7) / 80)


@pytest.mark.parametrize(
    ("files", "throttled"),
    [
        ({SLOWED: "2"}, True),
        ({FIRMWARE: "50005"}, True),
        ({FIRMWARE: "50000"}, False),  # It was once, but is not now.
        ({FIRMWARE: "0"}, False),
    ],
)
def test_a_processor_that_is_held_back_says_so(
    files: dict[str, str], throttled: bool, tmp_path: Path
) -> None:
    assert machine(tmp_path, {**BOARD, **files}).throttled is throttled


def test_a_machine_that_tells_nothing_still_has_the_probe(tmp_path: Path) -> None:
    found = machine(tmp_path, {})
    told = {name for name, value in vars(found).items() if value is not None}
    assert told <= {"unix_s", "own_s", "core", "probe_ns"}
    assert found.probe_ns is not None and len(found.probe_ns) == PROBE_REPEATS
    assert min(found.probe_ns) > 0


def test_the_probe_times_each_repeat_by_itself() -> None:
    ticks = iter(range(0, 100 * PROBE_REPEATS, 7))
    assert probe(lambda: next(ticks)) == [7] * PROBE_REPEATS


GAUGE = {
    "sys/class/power_supply/BAT0/charge_now": "2500000",
    "sys/class/power_supply/BAT0/current_now": "-812000",
    "sys/class/power_supply/BAT0/voltage_now": "3910000",
    "sys/class/powercap/intel-rapl:0/name": "package-0",
    "sys/class/powercap/intel-rapl:0/energy_uj": "123456789",
    "sys/class/powercap/intel-rapl:0:0/name": "core",
    "sys/class/powercap/intel-rapl:0:0/energy_uj": "23456789",
}


def test_a_battery_and_a_processor_tell_of_energy(tmp_path: Path) -> None:
    found = machine(tmp_path, {**BOARD, **GAUGE})
    assert found.battery_counters == {
        "charge_uah": 2_500_000,
        "current_ua": -812_000,
        "voltage_uv": 3_910_000,
    }
    assert found.package_energy_uj == {"package-0": 123_456_789}


def test_of_two_batteries_neither_tells_all(tmp_path: Path) -> None:
    second = {name.replace("BAT0", "BAT1"): text for name, text in {**BOARD, **GAUGE}.items()}
    assert machine(tmp_path, {**BOARD, **GAUGE, **second}).battery_counters is None


@given(st.text(alphabet="Charge counter:voltg0123456789- \n", max_size=200))
def test_whatever_android_says_of_its_battery_is_read(text: str) -> None:
    for name, value in (dumped_counters(text) or {}).items():
        assert name in COUNTERS and value > 0


def test_android_tells_its_charge_in_microampere_hours() -> None:
    text = "  Charge counter: 2781000\n  status: 3\n  voltage: 4123\n"
    assert dumped_counters(text) == {"charge_uah": 2_781_000, "voltage_uv": 4_123_000}
    assert dumped_counters("  Charge counter: 0\n") is None
