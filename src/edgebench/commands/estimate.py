"""`edgebench estimate`: what Arm's Vela compiler estimates for an Ethos-U NPU."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebench import arguments, console
from edgebench.errors import UnknownNameError

if TYPE_CHECKING:
    from edgebench.converters.analysis.vela import VelaEstimate

HELP = "estimate cycles of int8 .tflite files on an Arm Ethos-U NPU"

EXAMPLES = """\
  edgebench estimate artifacts/scenes_v2.int8.tflite \\
      artifacts/scenes_v2_ca.int8.tflite --accelerator ethos-u65-256
"""


@dataclass(frozen=True)
class EstimateOptions:
    """The files, the first of which is the baseline, and the NPU."""

    artifact: tuple[Path, ...]
    accelerator: str = "ethos-u55-128"
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = arguments.adder(parser, EstimateOptions)
    help_ = "int8 .tflite files; the first is the baseline"
    add("artifact", nargs="+", type=Path, metavar="ARTIFACT", help=help_)
    add("--accelerator", metavar="NAME", help="NPU to estimate for, with Arm's Vela compiler")
    add("--json", action="store_true", help="print JSON")


def options(namespace: argparse.Namespace) -> EstimateOptions:
    return arguments.read(EstimateOptions, namespace)


def execute(options: EstimateOptions) -> int:
    from edgebench.converters.analysis.vela import ACCELERATORS, estimate

    if options.accelerator not in ACCELERATORS:
        raise UnknownNameError("accelerator", options.accelerator, ACCELERATORS)
    estimates = [estimate(path, options.accelerator) for path in options.artifact]
    if options.json:
        print(json.dumps([asdict(one) for one in estimates], indent=1))
    else:
        _show(estimates)
    return 0


def _show(estimates: list[VelaEstimate]) -> None:
    from edgebench.benchmarks.formatting import megabytes, milliseconds, signed

    first = estimates[0]
    table = console.table(
        "artifact", ">est. Mcycles", ">est. ms", ">est. overhead", ">on CPU", ">SRAM MB"
    )
    for one in estimates:
        share = one.estimated_cycles / first.estimated_cycles - 1
        table.add_row(
            one.artifact,
            f"{one.estimated_cycles / 1e6:.2f}",
            milliseconds(one.estimated_s),
            "baseline" if one is first else signed(share),
            f"{one.operators_cpu} of {one.operators_cpu + one.operators_npu}",
            megabytes(one.sram_bytes),
        )
    for column in table.columns:
        column.overflow = "fold"
    console.show(table)
    print(
        f"Estimates by {first.tool} for {first.accelerator} in {first.system} at "
        f"{first.clock_hz / 1e6:.0f} MHz. Nothing was run or measured."
    )
