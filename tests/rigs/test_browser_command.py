"""The commands that people measure browsers with: serve, and run on one or a fleet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from browsers import Chromium
from phones import Bench, Phone
from toy_artifacts import SHORT
from waiting import wait_for

from edgebench.places import cache_folder

pytestmark = pytest.mark.rig

SHOWN = "(id => !document.getElementById(id).hidden)"


def edgebench(folder: Path, *words: str) -> subprocess.Popen[str]:
    """A command that runs until a test has done its part."""
    return subprocess.Popen(
        [sys.executable, "-m", "edgebench.cli", *words, "--runs", str(folder / "runs")],
        cwd=folder,
        env={**os.environ, "EDGEBENCH_CACHE": str(cache_folder()), "PYTHONFAULTHANDLER": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def addresses(command: subprocess.Popen[str], count: int) -> list[str]:
    assert command.stderr is not None
    found: list[str] = []
    said = []
    while len(found) < count:
        said.append(command.stderr.readline())
        assert said[-1], said
        found += re.findall(r"http\S+#\S+", said[-1])
    return found


def test_a_person_opens_the_address_taps_start_and_reads_the_answer_in_both_places(
    chromium: Chromium, toy_artifacts: Path, tmp_path: Path
) -> None:
    words = ("attention", "--baseline", "plain", "--precisions", "fp32", *SHORT)
    command = edgebench(tmp_path, "serve", *words, "--artifacts", str(toy_artifacts))
    (address,) = addresses(command, 1)
    page = chromium.open(address)
    page.wait("It takes up to about 1 minute. It loads 2.9 MB.")
    assert "Nothing is installed" in page.text and page.tell(f"{SHOWN}('start')")
    page.click("start")
    page.wait("Measuring")
    assert not page.tell(f"{SHOWN}('start')")
    out, err = command.communicate(timeout=150)
    assert command.returncode in (0, 3), err
    assert "tflite fp32 (browser, WASM)" in out and "LiteRT.js" not in err
    page.wait("Done")
    assert page.tell("document.querySelectorAll('#plot circle').length") == 1
    assert "attention" in page.text and "allowed: +5 %" in page.text
    origin = address.partition("#")[0]
    ours = (origin, origin.replace("http", "ws"), "data:", "blob:")
    assert [one for one in page.requests() if not one.startswith(ours)] == []
    assert not page.complaints()
    for width, dark in ((390, False), (390, True)):
        page.picture(tmp_path / f"{width}{'-dark' * dark}.png", width, 844, dark)
    page.kill()


def test_two_browsers_are_a_fleet(tmp_path: Path, chromium: Chromium, toy_artifacts: Path) -> None:
    other = Chromium(tmp_path / "other")
    words = ("attention", "--baseline", "plain", "--precisions", "fp32", *SHORT)
    try:
        fleet = ("--device", "browser:anna,browser:ben", "--artifacts", str(toy_artifacts))
        command = edgebench(tmp_path, "run", *words, *fleet)
        anna, ben = addresses(command, 2)
        assert anna != ben
        pages = [chromium.open(f"{anna}&start"), other.open(f"{ben}&start")]
        out, err = command.communicate(timeout=150)
        assert command.returncode in (0, 3), err
        assert "browser:anna" in out and "browser:ben" in out and "(browser, WASM)" in out
        for page in pages:
            page.wait("Done")
        pages[0].kill()
    finally:
        other.close()


@pytest.mark.usefixtures("web_runtime")
def test_a_phone_on_its_cable_is_offered_the_address(
    bench: Bench, phone: Phone, toy_artifacts: Path
) -> None:
    words = ("serve", "attention", "--baseline", "plain", "--precisions", "fp32")
    log = bench.folder / "log"
    inside = ["env", "-C", str(bench.folder), *bench.command(*words)]
    env = bench.env | {key: os.environ[key] for key in ("PYTHONPATH",) if key in os.environ}
    process = bench.sandbox.start([*inside, "--artifacts", str(toy_artifacts)], env, log)
    try:
        wait_for(
            lambda: "other devices can with" in log.read_text() or process.poll() is not None,
            "the address is said",
        )
    finally:
        process.kill()  # What it started in there ends with the sandbox.
        process.wait()
    said = log.read_text()
    port = re.search(r"http://localhost:(\d+)/#", said)
    assert port and f"adb -s {phone.serial} reverse tcp:{port[1]} tcp:{port[1]}" in said
