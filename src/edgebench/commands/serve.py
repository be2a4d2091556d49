"""`edgebench serve`: measure in browsers that open an address, on other devices too."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from edgebench import arguments
from edgebench.commands.common import measure_options, reporting
from edgebench.commands.common.exits import DONE
from edgebench.commands.common.measure_options import MeasureOptions
from edgebench.commands.common.measuring import measure
from edgebench.commands.common.reporting import ReportOptions
from edgebench.errors import UsageError

HELP = "measure in browsers, on any device that opens an address"

EXAMPLES = """\
  edgebench serve mobilenet_v2_ca              in a browser on this machine
  edgebench serve --listen 0.0.0.0             on a phone in the same network
  edgebench serve --listen 0.0.0.0 --certificate lan.pem --threads 4
  edgebench serve --listen 0.0.0.0 --browsers 3        three phones at once
  edgebench serve --resume                     continue the latest run
"""

LOOPBACK = "127.0.0.1"
BROWSER = "browser"
DEVICE_HELP = f"browsers by name, such as browser:anna,browser:ben (default: {BROWSER})"


@dataclass(frozen=True)
class ServeOptions:
    """What to measure, where the page is served, and how to report it."""

    measure: MeasureOptions
    report: ReportOptions
    listen: str = LOOPBACK
    name: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    browsers: int = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    measure_options.add_models(parser)
    group = parser.add_argument_group("address")
    add = arguments.adder(group, ServeOptions)
    help_ = "address, and port, to serve the page on; 0.0.0.0 for the whole network"
    add("--listen", metavar="HOST[:PORT]", help=help_)
    help_ = "host names by which this machine is addressed, if others than its own addresses"
    add("--name", type=arguments.names, metavar="A,B", help=help_)
    help_ = "serve by https with this certificate (PEM): threads and a fine clock on any device"
    add("--certificate", type=Path, metavar="FILE", help=help_)
    add("--key", type=Path, metavar="FILE", help="the certificate's key, if in another file")
    help_ = "how many browsers to measure, side by side"
    add("--browsers", type=arguments.positive, metavar="N", help=help_)
    measure_options.add_files(parser)
    measure_options.add_setting(parser, DEVICE_HELP)
    measure_options.add_runs(parser)
    reporting.add_arguments(parser)


def options(namespace: argparse.Namespace) -> ServeOptions:
    """Raises `UsageError` for options that exclude one another."""
    if namespace.device and namespace.browsers:
        raise UsageError("--device and --browsers both say which browsers", "leave one out")
    if namespace.key and not namespace.certificate:
        raise UsageError("--key is the key of a certificate", "give --certificate too")
    asked = measure_options.read(namespace)
    if asked.devices is None and asked.resume is None:
        count = namespace.browsers or 1
        several = tuple(f"{BROWSER}:{number + 1}" for number in range(count))
        asked = replace(asked, devices=several if count > 1 else (BROWSER,))
    report = arguments.read(ReportOptions, namespace)
    return arguments.read(ServeOptions, namespace, measure=asked, report=report)


def execute(options: ServeOptions) -> int:
    from edgebench.deploy.transports.browser import listening

    host, port = listening.host_and_port(options.listen)
    for name in options.measure.devices or ():
        if name.partition(":")[0] != BROWSER:
            raise UsageError(
                f"{name} is not a browser", "measure it with: edgebench run --device A,B"
            )
    listening.listen(
        listening.Listening(
            host, port, options.name or listening.own_names(host), options.certificate, options.key
        )
    )
    measured = measure(options.measure)
    if measured.interrupted and not measured.found.measured:
        return measured.exit_code(DONE, "serve")
    code = reporting.show(measured.found, measured.folder, options.report)
    return measured.exit_code(code, "serve")
