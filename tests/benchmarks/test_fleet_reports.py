"""What several devices say in one report: on the terminal, as a page, as a table, for CI."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from accepted import golden
from junit_schema import check_schema
from replay import ReplayedDevice
from rich.console import Console
from test_reports import Page

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.planning.sizing import Forecast
from edgebench.benchmarks.report import fleet as pages
from edgebench.benchmarks.report import junit
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.benchmarks.runs import fleet
from edgebench.benchmarks.runs.fleet_runner import FleetRunner
from edgebench.errors import DeviceError, EdgeBenchError
from edgebench.progress import silent


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


class Heard:
    """Keeps what a fleet's listener is told."""

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}

    def postponed(self, devices: Sequence[str]) -> None: ...
    def planned(self, device: str, forecast: Forecast) -> None: ...
    def stopping(self) -> None: ...
    def failed(self, device: str, error: EdgeBenchError) -> None:
        self.failures[device] = error.message


@pytest.fixture
def found(artifacts: Path, runs: Path) -> fleet.FleetComparison:
    """Three devices that differ, one that fails and one that runs other formats."""
    level = {"scenes_v2": 0.002, "scenes_v2_ca": 0.00234, "scenes_v2_se": 0.00202}
    latency = {f"{m}.{p}.tflite": s for m, s in level.items() for p in ("fp32", "int8")}
    board = {**latency, "scenes_v2_ca.int8.tflite": 0.002, "scenes_v2_se.int8.tflite": 0.0021}
    crashed, right = {"scenes_v2_se.fp32.tflite": "crashed"}, dict.fromkeys(latency, 0.85)
    replayed = {
        "pixel7": ReplayedDevice(latency, outputs_accuracy=right),
        "rpi5": ReplayedDevice(board, 0.05, errors=crashed, outputs_accuracy=right),
        "busy-board": ReplayedDevice(latency, throttled=True, outputs_accuracy=right),
        "unplugged": ReplayedDevice({}),
    }
    requests = [RunRequest(str(artifacts), name, out=str(runs)) for name in replayed]
    folder = fleet.new(requests, runs, "edgebench --device 'a <b>'")
    for name, device in replayed.items():
        device.name = device.identity = name  # type: ignore[attr-defined]
        device.reserved = holding(name)  # type: ignore[attr-defined]
    heard = Heard()
    FleetRunner(folder, replayed, silent, heard).run()  # type: ignore[arg-type]
    assert heard.failures == {"unplugged": "unplugged is offline"}
    return fleet.read(folder)


def holding(name: str) -> Callable[[], object]:
    @contextmanager
    def reserved() -> Iterator[None]:
        if name == "unplugged":
            raise DeviceError("unplugged is offline", "plug it in again")
        yield

    return reserved


def on_terminal(found: fleet.FleetComparison, width: int = 80) -> str:
    stream = io.StringIO()
    pages.render(found, Console(file=stream, width=width))
    return stream.getvalue()


def plain(text: str) -> str:
    """Without what differs from run to run."""
    return re.sub(r"\d{8}-\d{6}", "STAMP", text)


def test_the_terminal_report_is_the_accepted_one_within_80_columns(
    found: fleet.FleetComparison,
) -> None:
    text = on_terminal(found)
    assert max(map(len, text.splitlines())) <= 80
    golden("fleet.txt", plain(text))


def test_the_markdown_report_is_the_accepted_one(found: fleet.FleetComparison) -> None:
    golden("fleet.md", plain(pages.markdown(found)))


def test_with_room_all_devices_stand_in_one_table(found: fleet.FleetComparison) -> None:
    assert on_terminal(found).count("Overhead [95 %]") == 2
    assert on_terminal(found, 120).count("Overhead [95 %]") == 1


def test_the_page_is_whole_and_has_every_device_and_its_figures(
    found: fleet.FleetComparison,
) -> None:
    text = pages.html(found)
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == [] and page.references == [] and "<script" not in text
    assert page.labels == ["Overhead in time of each model on each device, with 95 % intervals"]
    for said in ("pixel7", "rpi5", "busy-board", "unplugged is offline", "a <b>", "no verdict (1)"):
        assert said in page.text
    assert "'a <b>'" not in text


def test_every_verdict_is_a_test_case_and_a_device_that_failed_is_an_error(
    found: fleet.FleetComparison,
) -> None:
    root = ElementTree.fromstring(junit.render(junit.of_fleet(found)).partition("\n")[2])
    check_schema(root)
    said = {}
    for case in root.iter("testcase"):
        child = next((one for one in case if one.tag != "system-out"), None)
        said[f"{case.get('classname')} {case.get('name')}"] = child.tag if child is not None else ""
        assert child is None or child.get("message")
    assert said == {
        "pixel7.edgebench.tflite.fp32 scenes_v2_ca": "failure",
        "pixel7.edgebench.tflite.fp32 scenes_v2_se": "",
        "pixel7.edgebench.tflite.int8 scenes_v2_ca": "failure",
        "pixel7.edgebench.tflite.int8 scenes_v2_se": "",
        "rpi5.edgebench.tflite.fp32 scenes_v2_ca": "failure",
        "rpi5.edgebench.tflite.fp32 scenes_v2_se": "error",
        "rpi5.edgebench.tflite.int8 scenes_v2_ca": "",
        "rpi5.edgebench.tflite.int8 scenes_v2_se": "skipped",
        "busy-board.edgebench.tflite.fp32 scenes_v2_ca": "error",
        "busy-board.edgebench.tflite.fp32 scenes_v2_se": "error",
        "busy-board.edgebench.tflite.int8 scenes_v2_ca": "error",
        "busy-board.edgebench.tflite.int8 scenes_v2_se": "error",
        "unplugged.edgebench.device unplugged": "error",
    }


def test_with_a_limit_of_its_own_the_gate_asks_no_threshold(found: fleet.FleetComparison) -> None:
    pixel7, *_ = junit.of_fleet(found, 0.2)
    assert [case.status for case in pixel7.cases] == ["passed"] * 4
    pixel7, *_ = junit.of_fleet(found, 0.005)
    assert [case.status for case in pixel7.cases] == ["failed"] * 4
    assert "is above +0.5 %" in pixel7.cases[0].message


def counting(comparison: Comparison) -> Comparison:
    """The same of a device that counts instructions."""
    groups = tuple(
        replace(
            group,
            rows=tuple(
                replace(
                    row,
                    verdict=None,
                    overhead=None,
                    instruction_overhead=0.34 if row is not group.rows[0] else None,
                )
                for row in group.rows
            ),
        )
        for group in comparison.groups
    )
    return replace(comparison, groups=groups, measures="instructions")


def test_counts_stand_beside_times_marked_and_never_as_an_overhead_in_time(
    found: fleet.FleetComparison,
) -> None:
    pixel7, rpi5, *_ = found.members
    assert rpi5.comparison is not None
    emulated = replace(rpi5, device="arm64-emulated", comparison=counting(rpi5.comparison))
    both = replace(found, members=(pixel7, emulated))
    text = " ".join(on_terminal(both).split())
    assert "+34 % *" in text and "instructions" in text and "not time" in text
    assert "+34 % \\*" in pages.markdown(both)
    drawn = pages.html(both).partition("<svg")[2].partition("</svg>")[0]
    assert "pixel7" in drawn and "arm64-emulated" not in drawn
    _, suite = junit.of_fleet(both)
    assert {case.status for case in suite.cases} == {"skipped"}
