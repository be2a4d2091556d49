"""A phone without Python, through the whole command line: a real adbd, and `benchmark_model`.

LiteRT's own program cannot be had for this machine: a stand-in takes its place, which really runs
the models and prints in the same forms (see tests/litert_tool_program.py).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from litert_tool import write
from phones import Bench, Phone

from edgebench.deploy.result import RunResult
from edgebench.documents import load

pytestmark = pytest.mark.rig

NO_VERDICT = 3


def without_python(bench: Bench, phone: Phone, **mode: object) -> None:
    """A phone without Python, and the user's copy of the tool in its place on this machine."""
    (phone.folder / "bin" / "python3").unlink()
    write(bench.folder / "data" / "android" / "benchmark_model", **mode)
    bench.register(fakephone={**phone.entry, "runner": "benchmark_model"})


def run(bench: Bench, artifacts: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return bench.edgebench(
        *("--device", "fakephone", "attention", "--baseline", "plain", "--precisions", "fp32"),
        *("--budget", "40s", "--artifacts", str(artifacts), *words),
    )


def result_of(bench: Bench) -> RunResult:
    (path,) = bench.folder.glob("runs/*/result.json")
    return load(path, RunResult)


def test_a_whole_run(bench: Bench, phone: Phone, toy_artifacts: Path) -> None:
    without_python(bench, phone)
    done = run(bench, toy_artifacts, "--cores", "0", "--md")
    assert done.returncode in (0, NO_VERDICT), done.stderr
    print(done.stdout, done.stderr)
    assert "attention" in done.stdout
    assert "benchmark_model keeps single times to itself" in done.stdout
    result = result_of(bench)
    assert result.complete
    assert all(visit.summary for block in result.blocks for visit in block.visits)
    assert all(block.after and block.after.battery_percent == 86 for block in result.blocks)
    assert phone.left_behind() == []
    assert "cmd power set-fixed-performance-mode-enabled true" in phone.calls
    assert (phone.state / "fixed").read_text().strip() == "false"
