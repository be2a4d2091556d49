"""What a phone tells of itself, from the text of its services to the gate's verdict.

The texts are written in the form of Android's sources (ThermalManagerService.java,
BatteryService.java); no phone printed them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.benchmarks.gate.check import failed
from edgebench.benchmarks.gate.machine_checks import GATE, NOTES
from edgebench.benchmarks.gate.machine_state import MachineState
from edgebench.deploy.benchmark_model import readings
from edgebench.deploy.documents.result import MeasuredBlock, Readings, Turn
from edgebench.deploy.runner.android import (
    battery_readings,
    battery_temperature_c,
    service_readings,
    thermal_readings,
)
from edgebench.documents import convert

BIG = (6, 7)
BUSY = {1_000_000: 100, 2_800_000: 900}


def thermal(
    status: int = 0, skin: float = 31.5, cpu: float = 45.0, cooling: int = 0, hal: bool = True
) -> str:
    """What `dumpsys thermalservice` prints, in the form of Android 13."""
    lines = [
        "IsStatusOverride: false",
        "ThermalEventListeners:",
        "\tcallbacks: 2",
        "\tkilled: false",
        f"Thermal Status: {status}",
        "Cached temperatures:",
        "\tTemperature{mValue=30.25, mType=3, mName=quiet-therm, mStatus=0}",
        "\tTemperature{mValue=3.9, mType=6, mName=vbat, mStatus=0}",
        "HAL Ready: true",
        "HAL connection:",
        "\tThermalHAL 2.0 connected: yes",
    ]
    if hal:
        lines += [
            "Current temperatures from HAL:",
            f"\tTemperature{{mValue={cpu}, mType=0, mName=cpu-big, mStatus=0}}",
            f"\tTemperature{{mValue={skin}, mType=3, mName=skin, mStatus=0}}",
            "\tTemperature{mValue=NaN, mType=1, mName=gpu, mStatus=0}",
            "\tTemperature{mValue=0.0, mType=4, mName=usb, mStatus=0}",
            "\tTemperature{mValue=97.0, mType=8, mName=soc-charge, mStatus=0}",
            "Current cooling devices from HAL:",
            f"\tCoolingDevice{{mValue={cooling}, mType=2, mName=cpufreq-6}}",
            "\tCoolingDevice{mValue=1, mType=3, mName=gpufreq}",
            "Temperature static thresholds from HAL:",
        ]
    return "\n".join(lines) + "\n"


def battery(level: int = 80, plugged: bool = True, tenths: int = 312, status: int = 2) -> str:
    """What `dumpsys battery` prints."""
    return f"""Current Battery Service state:
  AC powered: false
  USB powered: {str(plugged).lower()}
  Wireless powered: false
  Max charging current: 500000
  status: {status}
  health: 2
  present: true
  level: {level}
  scale: 100
  voltage: 4123
  temperature: {tenths}
  technology: Li-ion
"""


def kernel(spent: Mapping[int, int], busy: int = 1000, running: int = 1, governor: str = "") -> str:
    """What the kernel's files hold, as `grep` lists them."""
    governor = governor or "schedutil"
    cores = "".join(
        f"/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor:{governor}\n"
        + f"/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq:2800000\n"
        + "".join(
            f"/sys/devices/system/cpu/cpu{core}/cpufreq/stats/time_in_state:{khz} {units}\n"
            for khz, units in spent.items()
        )
        for core in BIG
    )
    return (
        f"/proc/stat:cpu  {busy} 0 0 9000 0 0 0 0 0 0\n/proc/stat:procs_running {running}\n"
        f"/proc/loadavg:1.25 1.00 0.90 2/900 4242\n{cores}"
    )


def printed(unix_s: str, files: str = "", heat: str = "", power: str = "") -> str:
    parts = {"thermalservice": heat, "battery": power, "files": files, "unix_s": unix_s + "\n"}
    return "".join(f"{readings.MARK}{name}\n{text}" for name, text in parts.items())


def read(text: str) -> Readings:
    return convert(readings.parse(text), Readings)


def test_a_phone_tells_its_heat_power_and_speed() -> None:
    found = read(printed("1790000000.25", kernel(BUSY), thermal(1), battery(80)))
    assert found.unix_s == 1790000000.25
    assert found.thermal_status == 1
    assert found.temperatures_c == {"cpu-big": 45.0, "skin": 31.5}
    assert found.throttled is False
    assert (found.battery_percent, found.charging) == (80.0, True)
    assert found.frequencies_khz == {"cpu6": 2_800_000, "cpu7": 2_800_000}
    assert found.governors == ("schedutil",)
    assert found.time_in_state_s is not None
    assert found.time_in_state_s["cpu7"] == {"1000000": 1.0, "2800000": 9.0}
    assert (found.load_1min, found.running, found.busy_s) == (1.25, 1, 10.0)
    assert (found.core, found.own_s, found.probe_ns) == (None, None, None)


def test_a_phone_that_keeps_everything_to_itself_still_tells_the_time() -> None:
    found = read(printed("1790000000"))
    assert {name for name, value in vars(found).items() if value is not None} == {"unix_s"}


@pytest.mark.parametrize("text", ["", "Permission Denial: can't dump", "date: bad format", "NaN\n"])
def test_text_that_is_no_reading_tells_nothing(text: str) -> None:
    assert not any(thermal_readings(text).values())
    assert set(battery_readings(text).values()) == {None}
    assert battery_temperature_c(text) is None
    assert readings.seconds(text) == 0.0


def test_temperatures_heard_of_earlier_stand_in_for_those_of_now() -> None:
    assert thermal_readings(thermal(hal=False))["temperatures_c"] == {"quiet-therm": 30.25}


def test_being_full_is_no_unplugging() -> None:
    assert battery_readings(battery(100, status=2)) == battery_readings(battery(100, status=5))
    assert battery_readings(battery(plugged=False))["charging"] is False


@given(
    temperatures=st.lists(
        st.floats(min_value=-40, max_value=150).filter(lambda one: one != 0), max_size=6
    ),
    status=st.integers(min_value=0, max_value=6),
)
def test_what_a_service_is_said_to_print_is_read_back(
    temperatures: list[float], status: int
) -> None:
    lines = "".join(
        f"\tTemperature{{mValue={value}, mType=0, mName=cpu {number}, mStatus=0}}\n"
        for number, value in enumerate(temperatures)
    )
    found = thermal_readings(
        f"Thermal Status: {status}\nCurrent temperatures from HAL:\n{lines}HAL Ready: true\n"
    )
    assert found["thermal_status"] == status
    assert list((found["temperatures_c"] or {}).values()) == temperatures


@given(st.integers(min_value=-300, max_value=900), st.integers(min_value=0, max_value=100))
def test_a_battery_is_read_back(tenths: int, level: int) -> None:
    text = battery(level, tenths=tenths)
    assert battery_temperature_c(text) == pytest.approx(tenths / 10)
    assert battery_readings(text)["battery_percent"] == level


def test_a_reading_is_one_command_that_a_shell_understands(tmp_path: Path) -> None:
    dumpsys = tmp_path / "dumpsys"
    answers = {"thermalservice": thermal(2), "battery": battery(55)}
    for name, text in answers.items():
        (tmp_path / name).write_text(text)
    dumpsys.write_text(f'#!/bin/sh\ncat "{tmp_path}/$1"\n')
    dumpsys.chmod(0o755)
    for command in (readings.BEFORE, readings.AFTER):
        done = subprocess.run(
            ["sh", "-c", f"PATH={tmp_path}:$PATH; {command}"], capture_output=True, text=True
        )
        found = read(done.stdout)
        assert (found.thermal_status, found.battery_percent) == (2, 55.0)
        assert found.unix_s > 1.7e9
        assert found.busy_s is not None and found.busy_s > 0


def test_the_runner_on_a_phone_asks_the_services_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert service_readings() == {}
    dumpsys = tmp_path / "dumpsys"
    dumpsys.write_text("#!/bin/sh\necho 'Thermal Status: 3'\n")
    dumpsys.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert service_readings() == {"thermal_status": 3}
    dumpsys.write_text("#!/bin/sh\nexit 1\n")
    assert service_readings() == {}


# From what a phone prints to the verdict that it takes away.

QUIET = {"heat": thermal(), "power": battery()}


def gate(*before: str, after: tuple[str, ...] = ()) -> list[str]:
    """The names of the checks that fail on blocks with such readings before and after them."""
    turns = tuple(Turn(slot, (1,), (1000,)) for slot in "abba")
    blocks = tuple(
        MeasuredBlock(index, index, "g", None, read(first), read(last), (), turns)
        for index, (first, last) in enumerate(zip(before, after, strict=True))
    )
    conditions = MachineState(blocks, 8, BIG)
    return [one.id for one in failed((*GATE, *NOTES), conditions)]


def run(count: int = 12, **changed: Mapping[int, str]) -> list[str]:
    """The failed checks of a run of blocks that is quiet but for what is `changed`, by block.

    `heat`, `power` and `files` are what was printed after the block; what was before it is quiet.
    """
    before, after = [], []
    for index in range(count):
        start, units = 1_790_000_000 + 10 * index, index * 1000
        spent = {1_000_000: units, 2_800_000: units}
        ended = {1_000_000: units + 100, 2_800_000: units + 900}
        said = {**QUIET, "files": kernel(ended, 1000 + units + 100)}
        said |= {name: by_block[index] for name, by_block in changed.items() if index in by_block}
        before.append(printed(str(start), kernel(spent, 1000 + units), **QUIET))
        after.append(printed(str(start + 5), **said))
    return gate(*before, after=tuple(after))


def test_a_quiet_phone_passes() -> None:
    assert run() == []


def test_a_phone_at_a_moderate_thermal_status_gets_no_verdict() -> None:
    assert run(heat={7: thermal(2)}) == ["thermal_status"]
    assert run(heat={7: thermal(1)}) == []


def test_a_phone_whose_thermal_engine_holds_the_processor_back_gets_no_verdict() -> None:
    assert run(heat={index: thermal(cooling=3) for index in range(8)}) == ["throttled"]


def test_a_phone_whose_big_cores_slow_down_gets_no_verdict() -> None:
    slow = {
        index: kernel({1_000_000: index * 1000 + 800, 2_800_000: index * 1000 + 200}, 1100)
        for index in range(3)
    }
    assert run(files=slow) == ["frequency_changed"]


def test_a_phone_whose_governor_changes_gets_no_verdict() -> None:
    changed = {11: kernel({1_000_000: 11_100, 2_800_000: 11_900}, 12_100, governor="powersave")}
    assert run(files=changed) == ["governor_changed"]


def test_a_phone_that_is_unplugged_from_power_gets_no_verdict() -> None:
    unplugged = {index: battery(plugged=False) for index in range(6, 12)}
    assert run(power=unplugged) == ["charger_changed"]


def test_a_phone_with_others_at_work_gets_no_verdict() -> None:
    crowd = {
        index: kernel(
            {1_000_000: index * 1000 + 100, 2_800_000: index * 1000 + 900},
            1000 + index * 1000 + 100,
            running=12,
        )
        for index in range(12)
    }
    assert run(files=crowd) == ["long_run_queue"]


def test_a_low_battery_and_a_hot_sensor_are_said() -> None:
    assert run(power={5: battery(12)}) == ["low_battery"]
    assert run(heat={5: thermal(cpu=91.0)}) == ["hot"]


def test_what_was_not_seen_is_nothing_that_changed() -> None:
    mute = replace(read(printed("1790000005")), unix_s=1_790_000_005.0)
    start = replace(mute, unix_s=1_790_000_000.0)
    turns = (Turn("a", (1,), (1000,)),)
    conditions = MachineState((MeasuredBlock(0, 0, "g", None, start, mute, (), turns),), 8, None)
    assert failed((*GATE, *NOTES), conditions) == ()
