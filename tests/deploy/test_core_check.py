"""What a device says of its cores and its model, against its entry."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice, CheckStep
from edgebench.deploy.registry import devices, registry
from edgebench.deploy.remote import core_check
from edgebench.deploy.remote.core_check import Cores, core_step, model_step, parse
from edgebench.deploy.remote.python_runner import PythonRunner
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.shell import DeviceLostError, Shell
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.table import TRANSPORTS
from edgebench.errors import DeviceError

SHIPPED = registry.shipped_entries()
PIXEL7 = SHIPPED["pixel7"]
REAL = {0: 1803000, 1: 1803000, 2: 1803000, 3: 1803000, 4: 2348000, 5: 2348000}
REAL |= {6: 2850000, 7: 2850000}
"""A Pixel 7's steps are not the rounded figures of the registry."""

WHOLE = parse("\n".join(f"{core} {khz}" for core, khz in REAL.items()))


def step(entry: DeviceEntry, max_khz: Mapping[int, int | None], online: str = "") -> CheckStep:
    lines = [f"{core} {khz or ''}" for core, khz in max_khz.items()]
    return core_step(entry, parse("\n".join([*lines, f"online {online}"])))


def test_a_phone_that_is_as_the_registry_has_it_is_ok_with_its_masks() -> None:
    found = step(PIXEL7, REAL)
    assert found.state == "ok"
    for text in ("little 0-3 (Cortex-A55, 1.80 GHz, mask f)", "mask 30", "big 6-7", "mask c0"):
        assert text in found.found


def test_another_number_of_cores_is_another_device() -> None:
    found = step(PIXEL7, {core: 2_400_000 for core in range(4)})
    assert found.state == "missing"
    assert "4 cores (0-3)" in found.found and "8 cores (0-7)" in found.found
    assert "--cluster" in found.remedy


def test_cores_in_another_order_are_noted_with_both_figures() -> None:
    found = step(PIXEL7, {7 - core: khz for core, khz in REAL.items()})
    assert found.state == "note"
    assert "big 6-7 reaches 1.80 GHz, but 2.85 GHz was expected" in found.found
    assert "little 0-3 reaches 2.35 GHz and 2.85 GHz" in found.found


def test_cores_that_are_turned_off_are_noted() -> None:
    found = step(PIXEL7, REAL, online="0-5,7")
    assert found.state == "note" and found.found.startswith("cores 6 cannot be used now")


def test_cores_that_the_shell_may_not_use_are_noted_whether_or_not_they_have_names() -> None:
    told = [*(f"{core} {khz}" for core, khz in REAL.items()), "online 0-6", "allowed 0-5,7-31"]
    cores = parse("\n".join(told))
    assert cores.usable == set(range(6)) and cores.fastest(2) == (4, 5)
    for entry in (PIXEL7, replace(PIXEL7, clusters=())):
        found = core_step(entry, cores)
        assert found.state == "note" and "6-7 cannot be used now" in found.found
        assert "NAME=6" not in found.remedy


def test_a_cluster_without_a_stated_speed_has_to_have_one_speed() -> None:
    rock = SHIPPED["rock5b"]
    slow, fast = {core: 1_800_000 for core in range(4)}, {core: 2_256_000 for core in range(4, 8)}
    assert step(rock, slow | fast).state == "ok"
    found = step(rock, slow | fast | {7: 1_800_000})
    assert found.state == "note" and "big 4-7 reaches" in found.found


def test_a_device_that_tells_no_frequencies_is_believed_on_its_numbers() -> None:
    found = step(PIXEL7, dict.fromkeys(range(8)))
    assert found.state == "ok" and "does not report" in found.found


def test_a_device_that_tells_nothing_is_noted() -> None:
    assert step(PIXEL7, {}).state == "note"


def test_an_entry_without_clusters_is_told_what_they_seem_to_be() -> None:
    bare = replace(PIXEL7, name="mine", clusters=())
    found = step(bare, REAL)
    assert found.state == "note"
    assert "0-3 at 1.80 GHz; 4-5 at 2.35 GHz; 6-7 at 2.85 GHz" in found.found
    assert "--like mine --cluster NAME=0-3 --cluster NAME=4-5" in found.remedy
    assert step(bare, {0: 1, 1: None}).state == "note"
    assert step(bare, {0: 1_000_000, 1: 1_000_000}) == CheckStep(
        "core masks", "ok", "2 cores: 0-1 at 1.00 GHz"
    )


@pytest.mark.parametrize(
    ("model", "state"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0", "ok"),
        ("raspberry pi 5 model b", "ok"),
        ("Raspberry Pi 4 Model B Rev 1.4", "missing"),
        ("", "note"),
    ],
)
def test_a_board_that_is_another_is_told_by_its_model(model: str, state: str) -> None:
    found = model_step(replace(SHIPPED["rpi5"], host="pi@rack"), model)
    assert found.state == state
    if state == "missing":
        assert model in found.found and "Raspberry Pi 5" in found.found
        assert "pi@rack" in found.remedy


@given(st.text())
def test_whatever_a_device_says_is_read_or_left(text: str) -> None:
    core_step(PIXEL7, parse(text))


class HereShell(Shell):
    """This machine, as a device."""

    name = "here"

    def argv(self, command: str) -> list[str]:
        return ["sh", "-c", command]

    def send(self, source: Path, target: str) -> None:
        raise AssertionError

    def problem(self) -> DeviceError | None:
        return DeviceLostError("here is gone", "plug it in")


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /sys")
def test_a_real_shell_is_asked_and_understood() -> None:
    import os

    shell = HereShell()
    cores: Cores = parse(shell.check_output(core_check._ASK_CORES))
    assert len(cores.max_khz) == os.cpu_count()
    assert cores.usable <= set(cores.max_khz)
    (model,) = core_check.model_steps(SHIPPED["rpi5"], shell)
    (cores_step,) = core_check.steps(SHIPPED["rpi5"], shell)
    assert (model.name, cores_step.name) == ("model", "core masks")
    assert model.state in ("ok", "note", "missing")


def test_a_device_that_goes_away_meanwhile_skips_the_step() -> None:
    class Gone(HereShell):
        def argv(self, command: str) -> list[str]:
            return ["false"]

    assert [one.state for one in core_check.steps(PIXEL7, Gone())] == ["skipped"]


def cores_of_speeds(*khz: int | None, off: tuple[int, ...] = ()) -> Cores:
    return Cores(dict(enumerate(khz)), frozenset(range(len(khz))) - set(off))


@pytest.mark.parametrize(
    ("cores", "threads", "fastest"),
    [
        (cores_of_speeds(1, 1, 2, 2, 3), 1, (4,)),
        (cores_of_speeds(1, 1, 2, 2, 3), 2, (2, 3)),
        (cores_of_speeds(3, 1, 1, 1), 3, (1, 2, 3)),
        (cores_of_speeds(1, 1, 2, 2, 3, off=(4,)), 1, (2, 3)),
        (cores_of_speeds(1, 1, 2, 2), 3, None),
        (cores_of_speeds(2, 2, 2, 2), 1, None),
        (cores_of_speeds(None, None), 1, None),
        (cores_of_speeds(), 1, None),
    ],
)
def test_the_fastest_cores_that_are_enough(
    cores: Cores, threads: int, fastest: tuple[int, ...] | None
) -> None:
    assert cores.fastest(threads) == fastest


class Phones:
    """A transport's package, whose phones are this machine."""

    def device(self, entry: DeviceEntry) -> RemoteDevice:
        store = Store(HereShell(), "/nowhere")
        return RemoteDevice(entry.name, entry.description, store, PythonRunner())

    def attached(self, entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
        raise AssertionError

    def unavailable(self, entry: DeviceEntry) -> DeviceError | None:
        raise AssertionError


@pytest.mark.parametrize(
    ("there", "name", "threads", "usual", "said"),
    [
        (WHOLE, "pixel7", 1, (6, 7), "(big,"),
        (WHOLE, "pixel7", 3, (0, 1, 2, 3), "0-3"),
        (None, "pixel7", 1, (6, 7), "(big, Cortex-X1)"),
        (cores_of_speeds(None, None), "pixel7", 1, None, "has cores 0-1, but its entry names 6-7"),
        (cores_of_speeds(1, 1, 2), "pixel7", 1, (2,), "has cores 0-2, the fastest 2, but"),
        (cores_of_speeds(*[1] * 4, 2, 2, 3, 3, 3, 4), "pixel7", 1, (9,), "fastest 9, but its"),
        (cores_of_speeds(*[1] * 4, 2, 2, 3, 3, off=(7,)), "pixel7", 1, (6,), "has cores 0-6"),
        (cores_of_speeds(1, 1, 2), "bare", 1, (2,), "on its fastest cores, 2"),
        (cores_of_speeds(1, 1), "bare", 1, None, ""),
        (None, "bare", 1, None, ""),
        (None, "local", 1, None, ""),
        (None, "simulated", 1, None, ""),
        (None, "app", 1, None, ""),
    ],
)
def test_a_run_that_names_no_cores_gets_the_fastest_that_are_really_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: Cores | None,
    name: str,
    threads: int,
    usual: tuple[int, ...] | None,
    said: str,
) -> None:
    (tmp_path / "devices.toml").write_text(
        '[bare]\ndescription = "d"\ntransport = "adb"\n[app]\nlike = "pixel7"\nrunner = "app"\n'
    )
    monkeypatch.setenv("EDGEBENCH_CONFIG", str(tmp_path))
    monkeypatch.setitem(TRANSPORTS, "adb", replace(TRANSPORTS["adb"], package=Phones))
    monkeypatch.setattr(core_check, "read_cores", lambda shell: there)
    cores, sentence = devices.default_cores(name, threads)
    assert cores == usual
    assert said in sentence and bool(said) is bool(sentence)
