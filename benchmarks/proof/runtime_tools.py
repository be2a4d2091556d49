"""The runtimes' own benchmark programs, run in processes of their own, by format of the file.

ONNX Runtime's, onnxruntime_perf_test, is in no Python package: it would have to be built from
source, so there is none here to compare with.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.errors import DeviceError, UsageError

FLOOR_MS = 0.5
"""Both print hundredths of a millisecond: below this, the rounding is worth 2 % and more."""


_LITERT = "ai_edge_litert.tools.benchmark_litert_model"
# It reports its use over the network if its telemetry can be imported.
_OPENVINO = (
    "import sys; sys.modules['openvino_telemetry'] = None; "
    "from openvino.tools.benchmark.main import main; main()"
)


@dataclass(frozen=True)
class ToolTimes:
    """One tool's times in one round, in seconds an inference."""

    median_s: float
    p5_s: float


@dataclass(frozen=True)
class RuntimeTool:
    """A benchmark program: `times(model, inferences, threads)` runs it."""

    name: str
    times: Callable[[Path, int, int], ToolTimes]


def tool_of(model: Path) -> RuntimeTool:
    """The tool that runs such files. Raises `UsageError`."""
    form = model.suffix.removeprefix(".")
    if form not in TOOLS:
        raise UsageError(
            f"there is no benchmark tool of the runtime to compare {model.name} with",
            f"compare a file of one of these formats: {', '.join(TOOLS)}",
        )
    return TOOLS[form]


def _litert(model: Path, inferences: int, threads: int) -> ToolTimes:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = {
            "--model": model,
            "--num_runs": inferences,
            "--warmup_runs": max(5, inferences // 10),
            "--num_threads": threads,
            "--result_json": report,
        }
        found = _report(("-m", _LITERT), options, report)["latency"]
    return _judged(LITERT.name, found["median_ms"], found["p5_ms"])


def _openvino(model: Path, inferences: int, threads: int) -> ToolTimes:
    """It reports one percentile per run, so each gets half of the inferences."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "benchmark_report.json"
        options = {
            "-m": model / "model.xml",
            "-d": "CPU",
            "-api": "sync",
            "-hint": "none",
            "-nstreams": 1,
            "-nthreads": threads,
            "-pin": "NO",  # As our runner does: which cores it runs on is the system's choice.
            "-infer_precision": "CPU:f32",  # Otherwise bfloat16 where the CPU has it.
            "-niter": max(1, inferences // 2),
            "-json_stats": "true",
            "-report_type": "no_counters",
            "-report_folder": folder,
        }
        found = []
        for percentile, name in ((50, "latency (ms)"), (5, "latency (5 percentile) (ms)")):
            run = {**options, "-latency_percentile": percentile}
            results = _report(("-c", _OPENVINO), run, report)["execution_results"]
            found.append(float(results[name]))
    return _judged(OPENVINO.name, *found)


def _judged(name: str, median_ms: float, p5_ms: float) -> ToolTimes:
    if p5_ms < FLOOR_MS:
        raise DeviceError(
            f"{name} rounds to 0.01 ms, too coarse for {p5_ms} ms an inference",
            "compare on a larger model",
        )
    return ToolTimes(median_ms / 1e3, p5_ms / 1e3)


def _report(
    program: Sequence[str], options: Mapping[str, object], report: Path
) -> dict[str, dict[str, Any]]:
    """What the program writes into its report. Raises `DeviceError`."""
    words = [str(word) for pair in options.items() for word in pair]
    done = subprocess.run([sys.executable, *program, *words], capture_output=True, text=True)
    if done.returncode != 0 or not report.exists():
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise DeviceError(f"the benchmark tool failed: {lines[-1] if lines else done.returncode}")
    found: dict[str, dict[str, Any]] = json.loads(report.read_bytes())
    report.unlink()
    return found


LITERT = RuntimeTool("LiteRT's benchmark_litert_model", _litert)
OPENVINO = RuntimeTool("OpenVINO's benchmark_app", _openvino)
TOOLS = {"tflite": LITERT, "openvino": OPENVINO}
