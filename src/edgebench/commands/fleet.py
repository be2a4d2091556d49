"""What `edgebench run` and `edgebench report` do with several devices."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.commands import exits, gate, report, request
from edgebench.errors import EdgeBenchError, UsageError

if TYPE_CHECKING:
    from edgebench.benchmarks.planning.sizing import Forecast
    from edgebench.benchmarks.runs.fleet import FleetComparison, MemberComparison
    from edgebench.deploy.device.interface import Device


def meant(options: argparse.Namespace) -> bool:
    """Whether several devices are to be measured, or a fleet is to be gone on with."""
    if options.resume is None or _names_devices_alone(options):
        return len(arguments.devices(options.device)) > 1
    from edgebench.benchmarks.runs import fleet

    return fleet.is_fleet(report.find_run(options.resume, options.runs))


def _names_devices_alone(options: argparse.Namespace) -> bool:
    """Whether what to go on with is the last run of the devices that are named."""
    return options.resume == "" and options.device is not None


def execute(options: argparse.Namespace) -> int:
    """Measure all devices side by side, and show what they say together."""
    from edgebench.benchmarks.runs import fleet

    folder, was_interrupted = measure(options)
    found = fleet.read(folder)
    above = show(found, folder, options)
    code = exits.worst([above, *map(code_of, found.members)])
    if was_interrupted or code == exits.INTERRUPTED:
        console.say(f"interrupted; go on with: edgebench run --resume {folder}")
        return exits.INTERRUPTED
    return code


def code_of(member: MemberComparison) -> int:
    """The exit code that one device alone would have given."""
    if member.failure is not None:
        return exits.FAILED
    if member.comparison is None or member.comparison.interrupted:
        return exits.INTERRUPTED
    return exits.DONE if member.comparison.answered else exits.NO_VERDICT


def measure(options: argparse.Namespace) -> tuple[Path, bool]:
    """Measure what is left to measure: the fleet's folder, and whether it was interrupted."""
    from edgebench.benchmarks.runs import fleet
    from edgebench.benchmarks.runs.fleet_runner import FleetRunner

    folder = _begun(options) if options.resume is not None else None
    names = arguments.devices(options.device) if folder is None else fleet.names(folder)
    devices = {name: _device(name) for name in names}
    with console.shown_progress() as progress:
        if folder is None:
            requests = [request.of_device(options, name) for name in names]
            request.export_missing(options, progress)
            folder = fleet.new(requests, options.runs, options.command_line)
        runner = FleetRunner(folder, devices, progress, Spoken())
        runner.run()
    return folder, runner.interrupted


class Spoken:
    """Says what happens to a fleet (`edgebench.benchmarks.runs.fleet_runner.Listener`)."""

    def postponed(self, devices: Sequence[str]) -> None:
        console.say(f"{' and '.join(devices)} will be measured after the others, not beside them")

    def planned(self, device: str, forecast: Forecast) -> None:
        from edgebench.benchmarks.report import wording

        for sentence in wording.forecast(forecast):
            console.say(f"{device}: {sentence}")

    def failed(self, device: str, error: EdgeBenchError) -> None:
        console.explain(error, f"{device}: ")

    def stopping(self) -> None:
        console.say("stopping; what is measured is kept")


def _device(name: str) -> Device:
    from edgebench.deploy.registry import devices

    return devices.get(name)


def _begun(options: argparse.Namespace) -> Path:
    """The fleet that `--resume` means. Raises `UsageError` where other devices are named."""
    from edgebench.benchmarks.runs import fleet

    if _names_devices_alone(options):
        folder = fleet.latest(options.runs)
    else:
        folder = report.find_run(options.resume, options.runs)
    begun = fleet.names(folder)
    if options.device is not None and set(arguments.devices(options.device)) != set(begun):
        raise UsageError(f"{folder} is a run of {', '.join(begun)}", "leave out --device")
    return folder


def show(found: FleetComparison, folder: Path, options: argparse.Namespace) -> int:
    """Print the comparison of devices, or write it as the documents asked for.

    Returns the exit code: that of the gate where an overhead is above it, else 0.
    """
    from edgebench.benchmarks.report import fleet as pages
    from edgebench.benchmarks.report import junit
    from edgebench.documents import dump

    writers: dict[str, Callable[[], str]] = {
        "json": lambda: dump(found),
        "md": lambda: pages.markdown(found),
        "html": lambda: pages.html(found),
    }
    asked = {kind: getattr(options, kind) for kind in writers if getattr(options, kind)}
    if report.STDOUT not in asked.values():
        pages.render(found, console.results(100))
    report.write(asked, writers, folder)
    suites = junit.of_fleet(found, options.fail_above, options.force)
    if options.junit:
        gate.write(options.junit, junit.render(suites))
    failed = options.fail_above and any(suite.failed for suite in suites)
    return exits.ABOVE if failed else exits.DONE
