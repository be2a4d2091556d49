"""A run with two runners on one phone: `--runner benchmark_model,app`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from edgebench import console
from edgebench.commands.common import request
from edgebench.commands.common.exits import DONE
from edgebench.commands.common.measure_options import MeasureOptions
from edgebench.commands.common.selection import select
from edgebench.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgebench.benchmarks.runs.runner_pair import RunnerRow


def execute(options: MeasureOptions, as_json: bool) -> int:
    """Measure with both runners in turn, and show how much longer the second takes.

    Raises `UsageError` for several devices, or one that has no runners to choose from.
    """
    from edgebench.benchmarks.runs.runner_pair import compare_pair, measure_pair
    from edgebench.deploy.registry import devices
    from edgebench.deploy.remote.remote_device import RemoteDevice, Runner

    names = options.devices or ()
    if len(names) != 1 or options.resume is not None:
        raise UsageError(
            "two runners are compared in a new run on one phone", "name it with --device"
        )
    assert options.runner is not None
    with_runner = {runner: devices.get(names[0], runner) for runner in options.runner}
    device = next(iter(with_runner.values()))
    assert isinstance(device, RemoteDevice)  # As every phone over adb is.
    runners: dict[str, Runner] = {
        name: one.runner for name, one in with_runner.items() if isinstance(one, RemoteDevice)
    }
    selection = select(options)
    with device.reserved(), console.shown_progress() as progress:
        asked = request.of_device(options, selection, names[0])
        request.export_missing(options, selection, progress)
        folders = measure_pair(asked, device, runners, progress, options.command_line)
    rows = compare_pair(folders)
    if as_json:
        body = {"folders": {name: str(one) for name, one in folders.items()}}
        print(json.dumps({**body, "rows": [asdict(row) for row in rows]}, indent=1))
        return DONE
    _show(rows, options.runner)
    for name, folder in folders.items():
        console.say(f"{name}: {folder}")
    return DONE


def _show(rows: Sequence[RunnerRow], runners: tuple[str, ...]) -> None:
    one, other = runners
    table = console.table("model", f">{one} ms", f">{other} ms", f">{other} [95 %]", ">processes")
    for row in rows:
        found = "-"
        if row.delta is not None:
            value, low, high = (100 * x for x in (row.delta.value, row.delta.low, row.delta.high))
            found = f"{value:+.1f} % [{low:.1f}, {high:.1f}]"
        times = (f"{1e3 * row.seconds[name]:.2f}" for name in runners)
        table.add_row(row.slot, *times, found, str(row.processes))
    console.show(table)
    print(f"How much longer a model takes with {other} than with {one} on this phone, measured in")
    print("turn, process by process. Wall times; the interval is over the processes.")
