"""Phones over adb: the real adb and a real adbd, through the whole command line."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import unplug
from bench import SERVER_PORT, Bench
from phones import CABLE, Phone
from sandbox import only_child
from services import GALAXY_S24, PIXEL_7

from edgebench.benchmarks.planning.pilot import PILOT
from edgebench.benchmarks.results.comparison import Comparison
from edgebench.converters.artifact import Manifest, manifest_path
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.transports.emulated import system
from edgebench.documents import load, save, sha256

pytestmark = pytest.mark.rig

STAND_IN = str(Path(__file__).with_name("stand_ins.py"))
BIG_BYTES = 96 << 20


def wait_until(
    happens: Callable[[], object], seconds: float = 120.0, pause_s: float = 0.05
) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it never happened"
        time.sleep(pause_s)


def blocks(bench: Bench, name: str) -> int:
    """How many blocks are measured, but for the pilot's."""
    found = unplug.results(bench, name).items()
    return sum(len(result.blocks) for folder, result in found if folder.name != PILOT)


def whole(bench: Bench, name: str) -> RunResult:
    """The result of the one run of that name."""
    found = unplug.results(bench, name).items()
    (result,) = (result for folder, result in found if folder.name != PILOT)
    return result


def nothing_is_left_on(phone: Phone) -> bool:
    return not phone.left_behind() and not unplug.strays_of(phone)


def words_of(done: subprocess.CompletedProcess[str]) -> str:
    """All that a command printed, without its line breaks."""
    return " ".join((done.stdout + done.stderr).split())


def test_a_whole_run_measures_on_the_phone_and_leaves_it_as_it_was(
    phone: Phone, toy_artifacts: Path
) -> None:
    bench = phone.bench
    (phone.state / "settings.global.stay_on_while_plugged_in").write_text("3\n")
    done = bench.edgebench(*unplug.run_words(toy_artifacts, "whole"))
    assert done.returncode in unplug.MEASURED, done.stderr
    result = whole(bench, "whole")
    assert result.complete and result.context.runtimes["tflite"].name
    last = result.blocks[-1].after
    assert last is not None and last.thermal_status == 0 and last.charging is True
    assert last.temperatures_c is not None and last.temperatures_c["VIRTUAL-SKIN"] == 31.0
    for slot, evaluation in result.evaluations.items():
        assert evaluation.outputs is not None, slot
        (folder,) = (bench.folder / "runs-whole").glob("*/outputs")
        assert all((folder.parent / name).exists() for name in evaluation.outputs.values())
    assert nothing_is_left_on(phone)
    assert "cmd power set-fixed-performance-mode-enabled true" in phone.calls
    assert (phone.state / "fixed").read_text() == "false\n"
    assert (phone.state / "settings.global.stay_on_while_plugged_in").read_text() == "3\n"


def test_a_cable_pulled_in_a_block_costs_nothing_but_time(
    phone: Phone, toy_artifacts: Path
) -> None:
    bench = phone.bench
    process = unplug.start(bench, toy_artifacts, "pulled")
    wait_until(lambda: blocks(bench, "pulled") >= 3)
    before = whole(bench, "pulled")
    phone.unplug()
    time.sleep(2.0)
    assert process.poll() is None
    phone.plug_in()
    assert process.wait(timeout=300) in unplug.MEASURED
    after = whole(bench, "pulled")
    assert after.complete and after.started == before.started
    assert after.blocks[: len(before.blocks)] == before.blocks
    assert nothing_is_left_on(phone)
    assert any("waiting for it to come back" in line for line in unplug.said(bench, "pulled"))


def test_a_phone_under_load_tells_its_energy_and_goes_on_after_it_was_unplugged(
    phone: Phone, toy_artifacts: Path
) -> None:
    """Its battery gives 3 W, as `dumpsys battery` counts it, whatever runs."""
    bench, watts, volts = phone.bench, 3.0, 4.211
    words = ("--device", "fake", "attention", "--baseline", "plain", "--precisions", "fp32")
    where = ("--artifacts", str(toy_artifacts), "--runs", "runs-load")
    command = bench.command("run", *words, *where, "--cores", "0", "--sustain", "24s")
    log = bench.folder / "said-load"
    phone.charges(False, charge_uah=3_000_000)
    process = bench.sandbox.start(["env", "-C", str(bench.folder), *command], bench.env, log)
    began, unplugged_at = time.monotonic(), 0.0
    while process.poll() is None:
        used_j = watts * (time.monotonic() - began)
        phone.charges(False, charge_uah=3_000_000 - int(used_j / volts / 3600e-6))
        if not unplugged_at and blocks(bench, "load") >= 3:
            phone.unplug()
            time.sleep(1.0)
            phone.plug_in()
            unplugged_at = time.monotonic()
        time.sleep(0.02)
    assert process.returncode in unplug.MEASURED, log.read_text()
    (path,) = bench.folder.glob("runs-load/*/comparison.json")
    comparison = load(path, Comparison)
    assert comparison.measures == "sustained" and comparison.sustained is not None
    found = comparison.sustained
    assert unplugged_at and found.states[-1].thermal_status == 0
    assert all(one.change is not None for one in found.models)
    assert found.energy.source == "battery_charge", found.energy
    for one in found.energy.models:
        own = next(model for model in found.models if model.slot == one.slot)
        levels = sorted(point.latency_s for point in own.points)
        truth = watts * levels[len(levels) // 2]
        assert one.joules.value == pytest.approx(truth, rel=0.3)
    assert nothing_is_left_on(phone)


def test_a_phone_of_arm_code_is_measured_unplugged_and_measured_on(
    bench: Bench, toy_artifacts: Path
) -> None:
    """All that a phone does, by code for a phone: the aarch64 wheels, under QEMU."""
    phone = Phone(bench, "28021FDH2000AB", python=str(system.prepare()))
    phone.plug_in()
    phone.wait_until_seen()
    bench.register(fake=phone.entry)
    process = unplug.start(bench, toy_artifacts, "arm")
    wait_until(lambda: blocks(bench, "arm") >= 2, 300)
    before = whole(bench, "arm")
    assert any("qemu-aarch64" in line for line in bench.sandbox.processes().values())
    phone.unplug()
    time.sleep(2.0)
    phone.plug_in()
    assert process.wait(timeout=300) in unplug.MEASURED, unplug.said(bench, "arm")
    after = whole(bench, "arm")
    assert after.complete and after.context.machine == "aarch64"
    assert after.blocks[: len(before.blocks)] == before.blocks
    assert all(one.outputs and not one.error for one in after.evaluations.values())
    assert nothing_is_left_on(phone)


def test_an_adb_server_that_somebody_ends_costs_nothing_but_time(
    phone: Phone, toy_artifacts: Path
) -> None:
    bench = phone.bench
    process = unplug.start(bench, toy_artifacts, "ended")
    wait_until(lambda: blocks(bench, "ended") >= 2)
    bench.ask_adb("kill-server")
    assert process.wait(timeout=300) in unplug.MEASURED, unplug.said(bench, "ended")
    assert whole(bench, "ended").complete
    assert nothing_is_left_on(phone)


def test_a_cable_pulled_in_a_push_costs_nothing_but_time(
    phone: Phone, toy_artifacts: Path, tmp_path: Path
) -> None:
    heavy = shutil.copytree(toy_artifacts, tmp_path / "heavy")
    path = heavy / "attention.fp32.tflite"
    with path.open("ab") as file:
        file.write(bytes(BIG_BYTES))  # A FlatBuffer may be followed by anything.
    manifest = load(manifest_path(path), Manifest)
    size = path.stat().st_size
    save(manifest_path(path), replace(manifest, sha256=sha256(path), size_bytes=size))
    process = unplug.start(phone.bench, heavy, "pushed")
    wait_until(lambda: list(phone.home.glob("files/*.part")), pause_s=0.002)
    phone.unplug()
    assert not list(phone.home.glob(f"files/{sha256(path)}*.tflite"))
    phone.plug_in()
    assert process.wait(timeout=300) in unplug.MEASURED, unplug.said(phone.bench, "pushed")
    assert whole(phone.bench, "pushed").complete
    assert nothing_is_left_on(phone)


def test_a_phone_that_stays_away_fails_the_run_which_resumes_later(
    phone: Phone, toy_artifacts: Path
) -> None:
    bench = phone.bench
    hurried = (
        "import sys; from edgebench.cli import main; "
        "from edgebench.deploy.remote.remote_device import RemoteDevice; "
        "RemoteDevice.__init__.__kwdefaults__['reconnect_s'] = 2.0; "
        "sys.exit(main(sys.argv[1:]))"
    )
    words = [sys.executable, "-c", hurried, *unplug.run_words(toy_artifacts, "away")]
    log = bench.folder / "away.log"
    process = bench.sandbox.start(["env", "-C", str(bench.folder), *words], bench.env, log)
    wait_until(lambda: blocks(bench, "away") >= 2)
    phone.unplug()
    assert process.wait(timeout=300) == 1
    said = " ".join(log.read_text().split())
    assert "continue with --resume" in said and "Traceback" not in said
    before = whole(bench, "away")
    assert not before.complete and len(before.blocks) >= 2
    phone.plug_in()
    phone.wait_until_seen()
    done = bench.edgebench("--device", "fake", "--runs", "runs-away", "--resume")
    assert done.returncode in unplug.MEASURED, done.stderr
    after = whole(bench, "away")
    assert after.complete and after.blocks[: len(before.blocks)] == before.blocks
    assert nothing_is_left_on(phone)


def test_ctrl_c_leaves_nothing_on_the_phone(phone: Phone, toy_artifacts: Path) -> None:
    bench = phone.bench
    process = unplug.start(bench, toy_artifacts, "stopped")
    wait_until(lambda: blocks(bench, "stopped") >= 2)
    os.kill(only_child(process.pid), signal.SIGINT)
    assert process.wait(timeout=300) == 130
    assert "--resume" in unplug.said(bench, "stopped")[-1]
    assert not whole(bench, "stopped").complete
    assert nothing_is_left_on(phone)


def test_random_unplugging_loses_nothing(phone: Phone, toy_artifacts: Path) -> None:
    chance = random.Random(5)
    whole_s = unplug.undisturbed_s(phone, toy_artifacts)
    for number in range(2):
        moment_s, away_s = chance.uniform(0, whole_s), chance.uniform(0, unplug.LONGEST_S)
        trial = unplug.pull(phone, toy_artifacts, str(number), moment_s, away_s)
        assert trial.wrong == "", trial


def test_a_phone_in_the_network_is_connected_again(bench: Bench, toy_artifacts: Path) -> None:
    phone = Phone(bench, "wireless", port=6001)
    phone.plug_in()
    bench.register(fake={**phone.entry, "serial": phone.address})
    process = unplug.start(bench, toy_artifacts, "air")
    wait_until(lambda: blocks(bench, "air") >= 2)
    phone.unplug()
    time.sleep(2.0)
    phone.plug_in()
    assert process.wait(timeout=300) in unplug.MEASURED, unplug.said(bench, "air")
    assert whole(bench, "air").complete
    assert nothing_is_left_on(phone)


def test_check_says_what_works_step_by_step(phone: Phone) -> None:
    done = phone.bench.edgebench("devices", "check", "fake", "--json")
    assert done.returncode == 0, words_of(done)
    steps = {step["name"]: step for step in json.loads(done.stdout)["steps"]}
    assert list(steps)[:3] == ["adb", "found", "model"]
    assert phone.serial in steps["found"]["found"]
    assert "Pixel 7 (panther), Android 15" in steps["model"]["found"]
    assert nothing_is_left_on(phone)


def test_no_phone_and_several_phones_and_the_wrong_one_are_said(phone: Phone) -> None:
    bench = phone.bench
    other = Phone(bench, "R5CX10AAAAA", CABLE + 2)
    other.plug_in()
    other.wait_until_seen()
    said = words_of(bench.edgebench("--device", "fake"))
    assert phone.serial in said and other.serial in said and "edgebench devices add" in said
    there = bench.edgebench("devices", "check", "fake", ANDROID_SERIAL=other.serial)
    assert there.returncode == 0, words_of(there)
    other.is_a(GALAXY_S24)
    assert bench.edgebench("devices", "check", "fake").returncode == 0
    wrong = words_of(bench.edgebench("--device", "fake", ANDROID_SERIAL=other.serial))
    assert "is SM-S921B (e1s), not fake" in wrong
    phone.unplug()
    other.unplug()
    wait_until(lambda: "emulator" not in bench.ask_adb("devices"))
    gone = bench.edgebench("--device", "fake")
    assert gone.returncode == 1
    assert "no phone is attached" in words_of(gone) and "USB debugging" in words_of(gone)


@pytest.mark.parametrize(
    ("kind", "sign", "remedy"),
    [
        ("unauthorised", "does not trust this computer yet", "Allow USB debugging"),
        ("silent", "offline", "plug"),
    ],
)
def test_a_phone_that_is_not_ready_is_said_with_what_to_do(
    bench: Bench, kind: str, sign: str, remedy: str
) -> None:
    log = bench.folder / "stand_in.log"
    bench.sandbox.start([sys.executable, STAND_IN, "phone", "6001", kind], bench.env, log)
    bench.register(fake={"description": "a phone", "transport": "adb", "serial": "127.0.0.1:6001"})
    wait_until(lambda: "failed" not in bench.ask_adb("connect", "127.0.0.1:6001"), 30)
    said = words_of(bench.edgebench("--device", "fake"))
    assert sign in said and remedy in said


def test_a_server_of_another_version_is_left_alone(bench: Bench) -> None:
    log = bench.folder / "stand_in.log"
    server = bench.sandbox.start(
        [sys.executable, STAND_IN, "server", str(SERVER_PORT), "39"], bench.env, log
    )
    bench.register(fake={"description": "a phone", "transport": "adb"})
    wait_until(lambda: "version 39" in words_of(bench.edgebench("--device", "fake")), 30)
    assert "adb kill-server" in words_of(bench.edgebench("devices", "check", "fake"))
    assert server.poll() is None and "asked for" not in log.read_text()


def in_the_sandbox(phone: Phone, code: str, *words: str) -> str:
    """What a piece of Python prints that has the phone's shell."""
    begin = (
        "import sys; from pathlib import Path; "
        "from edgebench.deploy.transports.adb.shell import AdbShell; "
        "from edgebench.errors import EdgeBenchError; "
        f"shell = AdbShell('fake', serial={phone.serial!r})\n"
    )
    done = phone.bench.sandbox.run([sys.executable, "-c", begin + code, *words], phone.bench.env)
    assert done.returncode == 0, done.stderr
    return done.stdout


SEND = """
try:
    shell.send(Path(sys.argv[1]), sys.argv[2])
except EdgeBenchError as error:
    print(type(error).__name__, error.message, "->", error.remedy)
"""


@pytest.mark.parametrize(
    ("options", "sign"), [("size=2m", "No space left"), ("size=2m,ro", "Read-only file system")]
)
def test_a_full_or_read_only_folder_is_said_and_nothing_half_is_left(
    phone: Phone, tmp_path: Path, options: str, sign: str
) -> None:
    there = phone.home.parent
    mounted = phone.bench.sandbox.run(["mount", "-t", "tmpfs", "-o", options, "phone", str(there)])
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted: {mounted.stderr}")
    big = tmp_path / "big"
    big.write_bytes(bytes(8 << 20))
    said = in_the_sandbox(phone, SEND, str(big), f"{there}/big")
    assert said.startswith("DeviceError") and sign in said and "->" in said
    left = phone.bench.sandbox.run(["ls", str(there)])
    assert left.stdout == ""


def test_a_daemon_without_exit_codes_still_tells_them(phone: Phone) -> None:
    """Android 6 and older have the plain protocol, which `adb shell -x` asks for."""
    code = """
modern = shell.argv
shell.argv = lambda command: [*modern(command)[:4], "-x", *modern(command)[4:]]
print(shell.run("echo out; echo complaint >&2; sh -c 'exit 3'"))
print(shell.run("true").status)
"""
    said = in_the_sandbox(phone, code)
    assert "status=3" in said and "out" in said and said.endswith("0\n")


def test_the_list_of_devices_shows_what_is_attached(phone: Phone) -> None:
    phone.is_a(PIXEL_7)
    said = words_of(phone.bench.edgebench("devices"))
    assert f"{phone.serial}: ready" in said
