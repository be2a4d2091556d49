"""The app's own core on a phone, through the whole command line: a real adbd starts it by `am`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import test_phone_app
import toolbox
from litert_tool import write
from phones import Bench, Phone
from test_phone_app import *  # noqa: F403  (Its tests run here again.)
from test_phone_app import app_left

from edgebench.deploy.documents.result import RunResult
from edgebench.documents import load

pytestmark = pytest.mark.rig


@pytest.fixture
def app(bench: Bench, phone: Phone) -> Path:
    """The folder of the phone's programs, with the core on the JVM as the app."""
    return test_phone_app.install(bench, phone, toolbox.app_on_jvm())


def test_the_app_is_compared_with_the_shells_program(
    bench: Bench, phone: Phone, app: Path, toy_artifacts: Path
) -> None:
    write(bench.folder / "data" / "android" / "benchmark_model")
    words = ("--device", "fake", "--runner", "benchmark_model,app", "--json")
    models = ("attention", "--baseline", "plain", "--precisions", "fp32")
    short = ("--detect", "50%", "--budget", "60s", "--artifacts", str(toy_artifacts))
    done = bench.edgebench(*words, *models, *short)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    results = {
        runner: load(bench.folder / folder / "result.json", RunResult)
        for runner, folder in said["folders"].items()
    }
    tool, own = results["benchmark_model"], results["app"]
    assert tool.complete and own.complete
    assert own.context.runtimes["tflite"].name == "litert-jvm"
    assert [one.process for one in tool.blocks] == [one.process for one in own.blocks]
    # In turn: no runner was two processes ahead of the other.
    ends = sorted(
        (block.after.unix_s, runner, block.process)
        for runner, result in results.items()
        for block in result.blocks
        if block.after is not None
    )
    seen = {"benchmark_model": -1, "app": -1}
    for _, runner, process in ends:
        seen[runner] = process
        assert abs(seen["app"] - seen["benchmark_model"]) <= 1
    assert {row["slot"] for row in said["rows"]} == {"plain.fp32.tflite", "attention.fp32.tflite"}
    for row in said["rows"]:
        assert row["processes"] == max(one.process for one in own.blocks) + 1
        assert row["delta"]["low"] <= row["delta"]["value"] <= row["delta"]["high"]
        ratio = row["seconds"]["app"] / row["seconds"]["benchmark_model"] - 1
        assert row["delta"]["low"] - 0.5 < ratio < row["delta"]["high"] + 0.5
    assert not phone.left_behind() and not app_left(phone)
