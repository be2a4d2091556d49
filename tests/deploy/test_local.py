"""This machine as a device."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from toy_models import LONG, MakeRun

from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.registry import devices, registry
from edgebench.deploy.transports.local import LocalDevice
from edgebench.documents import load
from edgebench.errors import DeviceError, UnknownNameError

HERE = """
import sys
from pathlib import Path
from edgebench.deploy.transports.local import LocalDevice

def progress(step, done, total):
    print(step, done, total, flush=True)

result = LocalDevice().run(Path(sys.argv[1]), progress)
print("complete" if result.complete else "partial", len(result.blocks), flush=True)
"""


def test_a_run_comes_back_with_its_progress(make_run: MakeRun) -> None:
    seen: list[tuple[str, int, int]] = []
    result = LocalDevice().run(make_run("plain", "attention"), lambda *step: seen.append(step))
    assert result.complete
    assert seen == [
        ("loading and evaluating artifacts", 1, 2),
        ("loading and evaluating artifacts", 2, 2),
        *(("measuring blocks", done, 4) for done in (1, 2, 3, 4)),
    ]


def test_a_failing_runner_is_a_device_error_in_its_own_words(make_run: MakeRun) -> None:
    with pytest.raises(DeviceError, match="no artifact could be run") as caught:
        LocalDevice().run(make_run("foreign", "corrupt"), lambda *step: None)
    assert "--resume" in caught.value.remedy


def test_a_python_that_is_not_there_is_a_device_error(make_run: MakeRun) -> None:
    with pytest.raises(DeviceError, match="cannot start"):
        LocalDevice("/nowhere/python").run(make_run("plain", "attention"), lambda *step: None)


def test_ctrl_c_on_the_command_alone_gives_the_partial_result(make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", blocks=6, samples=LONG)
    command = [sys.executable, "-c", HERE, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("measuring blocks 2"):
            process.send_signal(signal.SIGINT)
            break
    said = process.communicate()[0].split()
    assert process.returncode == 0
    assert "partial" in said
    kept = load(folder / "result.json", RunResult)
    assert 2 <= len(kept.blocks) == int(said[-1]) < 6


def test_ctrl_c_while_the_runner_starts_is_an_interruption_and_no_failure(
    make_run: MakeRun, tmp_path: Path
) -> None:
    starting = tmp_path / "python"
    starting.write_text("""#!/bin/sh
echo '{"event": "evaluate", "done": 1, "total": 2, "detail": ""}'
exec sleep 60
""")
    starting.chmod(0o755)

    def interrupt(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalDevice(str(starting)).run(make_run("plain"), interrupt)


def test_devices_are_known_by_name() -> None:
    assert devices.get("local").name == "local"
    with pytest.raises(UnknownNameError, match="unknown device 'locla'") as caught:
        devices.get("locla")
    assert "did you mean 'local'?" in caught.value.remedy


def test_every_entry_of_the_registry_says_what_it_is() -> None:
    for name, entry in registry.load().items():
        assert entry.name == name
        assert entry.description
