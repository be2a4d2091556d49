"""Measuring what was asked for, on one device or several, in a new run or one to continue."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import console
from edgebench.commands.common import exits, invitation, request
from edgebench.commands.common.finding import find_run
from edgebench.commands.common.measure_options import MeasureOptions
from edgebench.commands.common.selection import select
from edgebench.errors import EdgeBenchError, UsageError

if TYPE_CHECKING:
    from edgebench.benchmarks.planning.request import RunRequest
    from edgebench.benchmarks.planning.sizing import Forecast
    from edgebench.benchmarks.runs.fleet import FleetComparison
    from edgebench.deploy.device.interface import Device
    from edgebench.progress import Progress

SHOW_EVERY_S = 5.0
"""How often a page shows what is found. It is computed between two blocks, which waits for it."""

LOCAL = ("local",)
"""Where is measured if no device is named."""


@dataclass(frozen=True)
class Measured:
    """The folder of a run or of a fleet's, what the devices say, and whether something is left."""

    folder: Path
    found: FleetComparison
    interrupted: bool

    def exit_code(self, code: int, command: str) -> int:
        """The exit code; of what was interrupted another, and how to continue it is said."""
        if not self.interrupted:
            return code
        console.say(f"interrupted; continue with: edgebench {command} --resume {self.folder}")
        return exits.INTERRUPTED


def measure(options: MeasureOptions) -> Measured:
    """Measure what is left to measure, in a new run or in the one to continue.

    Several devices are measured side by side, and why one fails is kept. A single one is measured
    here, so that Ctrl-C reaches it at once and its errors are raised; it is held from the
    beginning, so that nothing is exported for a device that is in use. Raises `EdgeBenchError`.
    """
    from edgebench.benchmarks.runs import fleet
    from edgebench.deploy.registry import devices

    begun = _begun(options)
    names = (options.devices or LOCAL) if begun is None else fleet.names(begun)
    runner = options.runner[0] if options.runner else None
    named = {name: devices.get(name, runner) for name in names}
    measure = _several if len(names) > 1 else _one
    with invitation.sent(named, _takes(options)):
        folder, interrupted = measure(options, begun, named)
        found = fleet.read(folder)
        _show_there(named, found, interrupted)
    left = any(
        one.failure is None and (one.comparison is None or one.comparison.interrupted)
        for one in found.members
    )
    return Measured(folder, found, interrupted or left)


def _takes(options: MeasureOptions) -> str:
    """How long a run may take, for who is asked to lend a device to it."""
    from edgebench.benchmarks.planning.request import DEFAULT_BUDGET_S, DETECT_LIMIT_S

    usual_s = DETECT_LIMIT_S if options.detect else DEFAULT_BUDGET_S
    takes_s = options.sustain_s or options.budget_s or usual_s
    minutes = max(round(takes_s * 1.3 / 60), 1)
    return f"It takes up to about {minutes} minute{'s' * (minutes > 1)}."


def _show_there(named: Mapping[str, Device], found: FleetComparison, interrupted: bool) -> None:
    """Show each device that was brought here what it found."""
    from edgebench.benchmarks.report import page
    from edgebench.deploy.device.interface import Inviting

    for member in found.members:
        device = named[member.device]
        if isinstance(device, Inviting):
            title = "Interrupted" if interrupted else "Done"
            device.shown(page.plot(member.comparison) if member.comparison else None)
            device.ended(title, member.failure or page.text(member.comparison))


def _showing(device: Device, folder: Path, progress: Progress) -> Progress:
    """Progress that also shows a device that was brought here what is found, now and then."""
    from edgebench.benchmarks.planning.run_until import MEASURING
    from edgebench.benchmarks.report import page
    from edgebench.deploy.device.interface import Inviting

    if not isinstance(device, Inviting):
        return progress
    shown = time.monotonic()

    def heard(step: str, done: int, total: int) -> None:
        nonlocal shown
        if step.startswith(MEASURING) and time.monotonic() - shown > SHOW_EVERY_S:
            device.shown(page.so_far(folder))
            shown = time.monotonic()
        progress(step, done, total)

    return heard


def _one(
    options: MeasureOptions, begun: Path | None, named: Mapping[str, Device]
) -> tuple[Path, bool]:
    from edgebench.benchmarks.runs import run as runs

    ((name, device),) = named.items()
    with device.reserved(), console.shown_progress() as progress:
        folder = begun or runs.prepare(_requests(options, [name], progress)[0], device, progress)
        try:
            heard = _showing(device, folder, progress)
            runs.carry_out(folder, device, heard, options.command_line, _say)
        except KeyboardInterrupt:
            return folder, True
    return folder, False


def _several(
    options: MeasureOptions, begun: Path | None, named: Mapping[str, Device]
) -> tuple[Path, bool]:
    from edgebench.benchmarks.runs import fleet
    from edgebench.benchmarks.runs.fleet_runner import FleetRunner

    with console.shown_progress() as progress:
        folder = begun or fleet.new(
            _requests(options, named, progress), options.runs, options.command_line
        )
        runner = FleetRunner(folder, named, progress, Spoken())
        runner.run()
    return folder, runner.interrupted


def _requests(
    options: MeasureOptions, names: Iterable[str], progress: Progress
) -> list[RunRequest]:
    """What is asked of each device; it is checked before anything is exported."""
    selection = select(options)
    requests = [request.of_device(options, selection, name) for name in names]
    request.export_missing(options, selection, progress)
    return requests


def _say(forecast: Forecast, where: str = "") -> None:
    from edgebench.benchmarks.report import wording

    for sentence in wording.forecast(forecast):
        console.say(where + sentence)


class Spoken:
    """Says what happens to a fleet (`edgebench.benchmarks.runs.fleet_runner.Listener`)."""

    def postponed(self, devices: Sequence[str]) -> None:
        console.say(f"{' and '.join(devices)} will be measured after the others, not beside them")

    def planned(self, device: str, forecast: Forecast) -> None:
        _say(forecast, f"{device}: ")

    def failed(self, device: str, error: EdgeBenchError) -> None:
        console.explain(error, f"{device}: ")

    def stopping(self) -> None:
        console.say("stopping; what is measured is kept")


def _begun(options: MeasureOptions) -> Path | None:
    """The run to continue. Raises `UsageError` where it is of other devices than are named."""
    from edgebench.benchmarks.results.run_folder import latest
    from edgebench.benchmarks.runs import fleet

    if options.resume is None:
        return None
    if options.resume.run is not None or options.devices is None:
        folder = find_run(options.resume.run, options.runs)
    elif len(options.devices) > 1:
        folder = fleet.latest(options.runs)
    else:
        folder = latest(options.runs, options.devices[0])
    begun = fleet.names(folder)
    if options.devices is not None and set(options.devices) != set(begun):
        raise UsageError(f"{folder} is a run of {', '.join(begun)}", "leave out --device")
    return folder
