"""Waiting for a device to cool, on a clock and sensors that are numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy_models import MakeRun

from edgebench.deploy.documents.changes import Changes
from edgebench.deploy.documents.plan import Cooldown
from edgebench.deploy.documents.staging import RESULT, read_plan, write_plan
from edgebench.deploy.runner.cooling import cool_down, hottest
from edgebench.deploy.runner.messages import Reporter
from edgebench.deploy.runner.result import Result
from edgebench.deploy.runner.scheduler import Scheduler, failed_block
from edgebench.deploy.transports.local import LocalDevice
from edgebench.progress import silent


class Phone:
    """Warms up by `heat_c` in every measuring process and cools by half a degree a second."""

    def __init__(self, heat_c: float = 10.0, sensors: bool = True) -> None:
        self.now_s = 0.0
        self.above_c = 0.0
        self.heat_c = heat_c
        self.sensors = sensors
        self.slept: list[float] = []
        self.starts_above_c: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        self.above_c = max(self.above_c - 0.5 * seconds, 0.0)

    def temperatures(self) -> dict[str, float] | None:
        return {"CPU0": 35 + self.above_c, "battery": 30.0} if self.sensors else None

    def worker(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Answer as `edgebench.deploy.runner.worker` does."""
        if job["kind"] == "readings":
            yield {"readings": {"temperatures_c": self.temperatures()}}
        elif job["kind"] == "measure":
            self.starts_above_c.append(self.above_c)
            self.above_c += self.heat_c
            yield from ({**failed_block(block, ""), "error": None} for block in job["blocks"])
        else:
            yield {"error": None}


class Listener(Reporter):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def event(self, name: str, done: int, total: int, detail: str = "") -> None:
        self.heard.append(name + detail)

    def say(self, text: str) -> None:
        self.heard.append(text)


def carry_out(folder: Path, phone: Phone) -> tuple[Scheduler, list[str]]:
    listener = Listener()
    run = Scheduler(
        str(folder / "plan.json"),
        str(folder / RESULT),
        phone.worker,
        listener,
        phone.clock,
        phone.sleep,
    )
    run.run()
    return run, listener.heard


@pytest.fixture
def folder(make_run: MakeRun) -> Path:
    folder = make_run("plain", "attention", processes=4)
    write_plan(replace(read_plan(folder), cooldown=Cooldown(3.0, 60.0)), folder)
    return folder


def test_every_process_starts_about_as_cool_as_the_first(folder: Path) -> None:
    phone = Phone()
    run, heard = carry_out(folder, phone)
    assert phone.starts_above_c == [0.0, 3.0, 3.0, 3.0]
    assert run.result.body["start_temperatures_c"] == {"CPU0": 35.0, "battery": 30.0}
    assert run.result.body["cooled_s"] == pytest.approx(phone.now_s) == sum(phone.slept)
    assert "cooldown: 45 °C, waiting for 38 °C" in heard


def test_the_wait_is_bounded(folder: Path) -> None:
    write_plan(replace(read_plan(folder), cooldown=Cooldown(3.0, 5.0)), folder)
    phone = Phone()
    run, _ = carry_out(folder, phone)
    assert phone.now_s == pytest.approx(3 * 5.0)
    assert run.result.body["complete"]


def test_a_device_without_sensors_is_not_waited_for(folder: Path) -> None:
    phone = Phone(sensors=False)
    run, heard = carry_out(folder, phone)
    assert phone.slept == [] and run.result.body["complete"]
    assert not any(one.startswith("cooldown") for one in heard)


def test_a_plan_without_a_cooldown_asks_for_no_temperatures(make_run: MakeRun) -> None:
    phone = Phone()
    run, _ = carry_out(make_run("plain", "attention"), phone)
    assert phone.slept == [] and run.result.body["start_temperatures_c"] is None


def test_a_run_that_goes_on_cools_to_where_it_began(folder: Path) -> None:
    first, _ = carry_out(folder, Phone())
    body = json.loads((folder / RESULT).read_text())
    body["blocks"] = body["blocks"][:2]
    (folder / RESULT).write_text(json.dumps(body))
    phone = Phone()
    phone.above_c = 20.0
    run, _ = carry_out(folder, phone)
    assert phone.starts_above_c == [3.0, 3.0]
    assert run.result.body["cooled_s"] > first.result.body["cooled_s"]


def test_the_plan_may_say_what_to_cool_to(folder: Path) -> None:
    write_plan(replace(read_plan(folder), cooldown=Cooldown(3.0, 60.0, {"CPU0": 30.0})), folder)
    phone = Phone()
    run, heard = carry_out(folder, phone)
    assert run.result.body["start_temperatures_c"] == {"CPU0": 30.0}
    assert "cooldown: 35 °C, waiting for 33 °C" in heard


def test_the_processor_is_waited_for_and_not_the_battery() -> None:
    start = {"cpu-big": 40.0, "battery": 30.0}
    assert hottest({"cpu-big": 42.0, "battery": 39.0}, start, 3.0) is None
    assert hottest({"cpu-big": 50.0, "battery": 39.0}, start, 3.0) == (50.0, 43.0)


def test_sensors_without_a_telling_name_all_count_and_a_stuck_one_does_not() -> None:
    start = {"thermal_zone0": 40.0, "thermal_zone1": 125.0}
    now = {"thermal_zone0": 55.0, "thermal_zone1": 125.0, "thermal_zone2": 90.0}
    assert hottest(now, start, 3.0) == (55.0, 43.0)


def test_a_sensor_that_falls_silent_ends_the_wait() -> None:
    phone = Phone()
    phone.above_c = 20.0
    answers = iter([phone.temperatures(), None])
    waited = cool_down(
        {"within_c": 3.0, "max_s": 60.0},
        {"CPU0": 35.0},
        lambda: next(answers),
        lambda words, done, total: None,
        phone.clock,
        phone.sleep,
    )
    assert waited == pytest.approx(2.0)


def test_the_runner_here_reads_its_own_sensors(folder: Path) -> None:
    result = LocalDevice().run(folder, silent)
    assert result.complete
    told = [one for block in result.blocks if (one := block.before) and one.temperatures_c]
    assert (result.start_temperatures_c is not None) == bool(told)


def test_a_host_hears_what_is_waited_for(folder: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    kept = folder / "kept.json"
    result = Result(str(kept), "", Reporter())
    changes = Changes(folder, result, lambda *step: heard.append(step), lambda *_: None)
    detail = ": 45 °C, waiting for 38 °C"
    changes.apply(json.dumps({"event": "cooldown", "done": 2, "total": 60, "detail": detail}))
    assert heard == [("cooling down: 45 °C, waiting for 38 °C", 2, 60)]
