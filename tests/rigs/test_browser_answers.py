"""What models answer in a browser, by task and by runtime, and in Firefox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import made_tasks
import onnx
import pytest
from browsers import Chromium, Firefox
from in_process import EXPORT
from served_pages import Served, compare, opened
from toy_models import MakeRun

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.runs import run as runs
from edgebench.cli import main
from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.staging import write_plan
from edgebench.documents import load
from edgebench.progress import silent

pytestmark = pytest.mark.rig


def _write_arrays(folder: Path, count: int) -> str:
    return made_tasks.write_arrays(folder / "tokens.npz", count)


BOTH = ("tflite:fp32", "tflite:int8")
MADE: dict[str, tuple[Any, Any, int, tuple[str, ...]]] = {
    "classification": (made_tasks.classifier, made_tasks.write_folders, 20, BOTH),
    "detection": (made_tasks.detector, made_tasks.write_coco, 50, BOTH),
    "segmentation": (made_tasks.segmenter, made_tasks.write_voc, 50, BOTH),
    "reader": (made_tasks.reader, _write_arrays, 80, BOTH[:1]),
}


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of each task, and one with two inputs of numbers."""
    folder = tmp_path_factory.mktemp("tasks")
    for name, (make, write, count, targets) in MADE.items():
        data = write(folder / name / "data", count)
        onnx.save(make(), folder / name / f"{name}.onnx")
        to = [word for target in targets for word in ("--to", target)]
        words = [str(folder / name / f"{name}.onnx"), "--data", data, *to]
        assert main([*EXPORT, *words, "--out", str(folder / "out")]) == 0
    return folder / "out"


@pytest.mark.parametrize("threads", [1, 2])
def test_the_outputs_of_every_task_are_those_of_this_machines_runtime(
    there: Served, chromium: Chromium, artifacts: Path, tmp_path: Path, threads: int
) -> None:
    with opened(chromium, there.address):
        for name in MADE:
            request = RunRequest(
                artifacts=str(artifacts),
                device="browser",
                models=(name,),
                formats=("tflite",),
                baseline=name,
                against_itself=True,
                out=str(tmp_path / name),
            )
            folder = runs.prepare(request, there.device)
            draft = load(folder / run_folder.DRAFT, Plan)
            write_plan(replace(draft, threads=threads, blocks=()), folder)
            result = there.device.run(folder, silent)
            assert not any(one.error for one in result.evaluations.values())
            compare(folder, tmp_path / f"{name} here")


def test_webgpu_computes_the_same_and_does_not_fall_back(
    there: Served, make_run: MakeRun, tmp_path: Path
) -> None:
    """On SwiftShader, a GPU in software: for the numbers, not for the time."""
    flags = (
        "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader",
        "--enable-features=Vulkan",
    )
    browser = Chromium(tmp_path / "chromium", *flags)
    folder = make_run("plain", "attention", "int8", delegate="gpu", blocks=2, evaluate=True)
    try:
        with opened(browser, there.address):
            result = there.device.run(folder, silent)
    finally:
        browser.close()
    assert result.context.runtimes["tflite"].within == "browser, WebGPU"
    assert "WebGPU does not take every operation" in str(result.evaluations["int8"].error)
    compare(folder, tmp_path / "host", "plain", "attention")
    assert all(not block.error and len(block.turns) == 4 for block in result.blocks)


def test_firefox_carries_out_a_plan(there: Served, tmp_path: Path, make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", "int8", evaluate=True)
    browser = Firefox(tmp_path / "firefox", f"{there.address}&start")
    try:
        result = there.device.run(folder, silent)
    finally:
        browser.close()
    assert result.complete and result.context.system.startswith("Firefox")
    compare(folder, tmp_path / "host")
