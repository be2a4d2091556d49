"""Whole plans in real browsers: Chromium without a screen, and Firefox."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import made_tasks
import numpy as np
import onnx
import pytest
from browsers import Chromium, Firefox, Page
from in_process import EXPORT
from phones import Bench, Phone
from toy_artifacts import SHORT
from toy_models import MakeRun
from waiting import wait_for

from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.runs import run as runs
from edgebench.cli import main
from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import PLAN, RESULT, write_plan
from edgebench.deploy.transports.browser import assets, listening, pages
from edgebench.deploy.transports.browser.device import BrowserDevice
from edgebench.deploy.transports.browser.listening import Listening
from edgebench.deploy.transports.local import LocalDevice
from edgebench.documents import load, save
from edgebench.places import cache_folder
from edgebench.progress import silent

pytestmark = pytest.mark.rig

MEASURING = "measuring blocks"
INSECURE = "phone.test"
"""A name that is this machine for our Chromium, and not for the rules of secure pages."""


def _write_arrays(folder: Path, count: int) -> str:
    return made_tasks.write_arrays(folder / "tokens.npz", count)


@pytest.fixture(scope="session", autouse=True)
def runtime() -> None:
    assets.prepare(silent)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    flags = (f"--host-resolver-rules=MAP {INSECURE} 127.0.0.1", "--ignore-certificate-errors")
    browser = Chromium(tmp_path_factory.mktemp("chromium"), *flags)
    yield browser
    browser.close()


SHOWN = "(id => !document.getElementById(id).hidden)"
BOTH = ("tflite:fp32", "tflite:int8")
MADE: dict[str, tuple[Any, Any, int, tuple[str, ...]]] = {
    "classification": (made_tasks.classifier, made_tasks.write_folders, 20, BOTH),
    "detection": (made_tasks.detector, made_tasks.write_coco, 50, BOTH),
    "segmentation": (made_tasks.segmenter, made_tasks.write_voc, 50, BOTH),
    "reader": (made_tasks.reader, _write_arrays, 80, BOTH[:1]),
}


@dataclass
class Served:
    """A browser's device, reserved, and its address."""

    device: BrowserDevice
    address: str


@contextmanager
def served(listens: Listening = Listening(), name: str = "browser") -> Iterator[Served]:  # noqa: B008
    listening.listen(listens)
    device = BrowserDevice(name, "a browser")
    with device.invited("It takes a minute.") as invitation, device.reserved():
        yield Served(device, invitation.addresses[0])
    listening.listen(Listening())


@pytest.fixture
def there() -> Iterator[Served]:
    with served() as made:
        yield made


@contextmanager
def opened(chromium: Chromium, address: str) -> Iterator[Page]:
    """A tab with the page, which begins at once."""
    page = chromium.open(f"{address}&start")
    yield page
    page.kill()


def at_block(number: int, act: Callable[[], None]) -> Callable[[str, int, int], None]:
    """A listener that acts once, when so many blocks are done."""
    acted = False

    def heard(step: str, done: int, total: int) -> None:
        nonlocal acted
        if not acted and step == MEASURING and done >= number:
            acted = True
            act()

    return heard


def same(one: RunResult, other: RunResult) -> bool:
    """Whether the blocks of `one` are in the other as they were."""
    after = {block.index: block for block in other.blocks}
    return all(after[block.index] == block for block in one.blocks)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_plan_is_carried_out_with_threads_and_a_fine_clock(
    there: Served, chromium: Chromium, make_run: MakeRun, threads: int
) -> None:
    folder = make_run("plain", "attention", "int8", threads=threads, evaluate=True)
    with opened(chromium, there.address):
        result = there.device.run(folder, silent)
    assert result.complete and load(folder / RESULT, RunResult) == result
    context = result.context
    assert context.threads == threads and context.clock_s and context.clock_s <= 2.1e-5
    assert context.runtimes["tflite"].within == "browser, WASM"
    assert context.python is None and "Chrom" in context.system
    for block in result.blocks:
        assert block.before and block.after and block.before.probe_ns and block.before.core is None
        assert [turn.slot for turn in block.turns][:3] == ["plain", "attention", "int8"]
        assert all(len(turn.samples_ns) == 2 and len(turn.dropped_ns) == 1 for turn in block.turns)
        assert all(time > 0 for turn in block.turns for time in turn.samples_ns)
    assert (folder / "outputs/int8/logits.npy").exists()


def test_a_model_that_does_not_run_fails_alone(
    there: Served, chromium: Chromium, make_run: MakeRun
) -> None:
    folder = make_run("plain", "attention", "nan", "corrupt")
    with opened(chromium, there.address):
        result = there.device.run(folder, silent)
    errors = {slot: one.error for slot, one in result.evaluations.items()}
    assert errors["plain"] is None and errors["attention"] is None
    assert "not finite" in str(errors["nan"]) and errors["corrupt"]
    assert all(block.error is None and len(block.turns) == 4 for block in result.blocks)


VIRTUAL = """
(step_ms, jittered) => {
  let now_ms = 0;
  let read_ms = 0;
  let seed = 7;
  const chance = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const thresholds = new Map();
  const performance = { now() {
    now_ms += 1e-4 * (0.5 + chance());
    const step = Math.floor(now_ms / step_ms);
    if (!thresholds.has(step)) thresholds.set(step, jittered ? chance() : 1);
    const early = now_ms / step_ms - step >= thresholds.get(step);
    return (read_ms = Math.max(read_ms, (step + (early ? 1 : 0)) * step_ms));
  } };
  CLOCK
  const clock = new Clock();
  const errors = [];
  for (let i = 0; i < 400; i++) {
    now_ms += chance() * 3 * step_ms;
    const truth = step_ms * 25.37;
    const start = clock.start();
    now_ms += truth;
    errors.push((clock.stop() - start - truth) / step_ms);
  }
  errors.sort((a, b) => a - b);
  return { step: clock.step_ms, middle: errors[200], low: errors[4], high: errors[395] };
}
"""
"""A clock like a browser's, in time that a test makes: `jittered` moves each step at random."""


@pytest.mark.parametrize("step_ms", [0.005, 0.1, 1.0])
@pytest.mark.parametrize("jittered", [False, True])
def test_samples_are_not_pulled_to_the_steps_of_the_clock(
    chromium: Chromium, step_ms: float, jittered: bool
) -> None:
    page = chromium.open("about:blank")
    source = (pages.PAGE / "clock.js").read_text()
    found = page.tell(f"({VIRTUAL.replace('CLOCK', source)})({step_ms}, {str(jittered).lower()})")
    page.kill()
    assert found["step"] == pytest.approx(step_ms, rel=0.01)
    # Rounded down to steps the median would be off by 0.37 of one.
    assert abs(found["middle"]) < (0.1 if jittered else 0.05)
    assert -1.5 < found["low"] < found["high"] < 1.5


def test_ten_interruptions_lose_nothing(
    there: Served, chromium: Chromium, make_run: MakeRun
) -> None:
    """Reloaded, killed and opened anew, crashed, and hidden, at random moments."""
    folder = make_run("plain", "attention", processes=4, blocks=40, samples=30, evaluate=True)
    chance = random.Random(5)
    moments = sorted(chance.sample(range(1, 39), 10))
    pages = [chromium.open(f"{there.address}&start")]
    kept: list[RunResult] = []

    def disturb() -> None:
        kept.append(load(folder / RESULT, RunResult))
        kind = len(kept) % 4
        if kind == 0:
            pages[-1].reload()
        elif kind == 1:
            pages[-1].kill()
            pages.append(chromium.open(f"{there.address}&start"))
        elif kind == 2:
            pages[-1].browser.ask("Target.createTarget", url="about:blank")
            pages[-1].front()
        else:
            second = chromium.open(f"{there.address}&start")
            second.wait("The address is open in another tab")
            second.kill()
            pages[-1].front()

    def heard(step: str, done: int, total: int) -> None:
        if step == MEASURING and moments and done >= moments[0]:
            moments.pop(0)
            disturb()

    result = there.device.run(folder, heard)
    pages[-1].kill()
    assert result.complete and not moments and len(result.blocks) == 40
    assert all(same(before, result) for before in kept)
    assert np.load(folder / "outputs/plain/logits.npy").shape == (12, 5)


def test_what_is_hidden_is_not_measured(
    there: Served, chromium: Chromium, make_run: MakeRun
) -> None:
    folder = make_run("plain", "attention", samples=50)
    said: list[str] = []
    with opened(chromium, there.address) as page:
        other = chromium.open("about:blank")
        page.front()

        def heard(step: str, done: int, total: int) -> None:
            if step == MEASURING and done == 1 and not said:
                said.append(step)
                other.front()
                page.wait("It goes on when this page is in front")
            elif "in front" in step:
                said.append(step)
                page.front()

        result = there.device.run(folder, heard)
        other.kill()
    assert result.complete and said[-1] == "waiting until the page is in front again"


@pytest.mark.parametrize("kind", ["hidden", "reloaded"])
def test_an_interruption_that_is_over_before_the_next_block_is_noticed(
    there: Served, chromium: Chromium, make_run: MakeRun, kind: str
) -> None:
    """The page has lost its worker then, while nothing waited for an answer of it."""
    folder = make_run("plain", "attention", blocks=6, samples=5)
    with opened(chromium, there.address) as page:
        other = chromium.open("about:blank")
        page.front()
        done_before: list[int] = []

        def heard(step: str, done: int, total: int) -> None:
            if step == MEASURING and done == 2 and not done_before:
                done_before.append(done)
                session = there.device._session
                before = session._interruptions
                if kind == "hidden":
                    other.front()
                    page.wait("It goes on when this page is in front")
                    page.front()
                else:
                    page.reload()
                wait_for(
                    lambda: session._interruptions > before and session.usable, "the page is back"
                )

        result = there.device.run(folder, heard)
        other.kill()
    assert done_before and result.complete and len(result.blocks) == 6


def test_ctrl_c_keeps_what_is_there_and_the_run_goes_on_later(
    there: Served, chromium: Chromium, make_run: MakeRun
) -> None:
    folder = make_run("plain", "attention", blocks=6)

    def stop() -> None:
        raise KeyboardInterrupt

    with opened(chromium, there.address):
        first = there.device.run(folder, at_block(2, stop))
        assert not first.complete and len(first.blocks) == 2
        result = there.device.run(folder, silent)
    assert result.complete and same(first, result)


class Network:
    """What lies between a browser and edgebench: a port that passes everything on, or does not."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._ends: list[socket.socket] = []
        self.up = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._server.accept()
            except OSError:
                return
            if not self.up:
                here.close()
                continue
            there = socket.create_connection(("127.0.0.1", self._target))
            self._ends += [here, there]
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            end.close()

    def cut(self) -> None:
        """All connections break, and new ones do not come about."""
        self.up = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def close(self) -> None:
        self.cut()
        self._server.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def test_a_lost_network_loses_nothing_and_a_page_without_isolation_says_so(
    tmp_path: Path, make_run: MakeRun
) -> None:
    """Over plain http, under a name that is not this machine: one thread, and a coarse clock."""
    port = free_port()
    network = Network(port)
    folder = make_run("plain", "attention", blocks=6)
    rules = f"--host-resolver-rules=MAP {INSECURE}:{port} 127.0.0.1:{network.port}"
    browser = Chromium(tmp_path / "browser", rules)
    try:
        with served(Listening(port=port, names=(INSECURE,))) as there:
            assert there.address.startswith(f"http://{INSECURE}:{port}/#")
            page = browser.open(f"{there.address}&start")
            kept: list[RunResult] = []

            def cut() -> None:
                kept.append(load(folder / RESULT, RunResult))
                network.cut()
                page.wait("Connection lost")
                network.up = True

            result = there.device.run(folder, at_block(2, cut))
            assert result.complete and same(kept[0], result)
            assert result.context.clock_s and result.context.clock_s >= 9e-5
            assert "This address is not secure: one thread, a coarse clock." in page.text
            for block in result.blocks:  # No sample is a whole number of the clock's steps.
                times = [time for turn in block.turns for time in turn.samples_ns]
                assert len(set(times)) > len(times) / 2
            refused = make_run("plain", "attention", threads=2, where="two")
            with pytest.raises(Exception, match="threads need a page that is cross-origin"):
                there.device.run(refused, silent)
    finally:
        browser.close()
        network.close()


def test_a_certificate_makes_threads_possible_on_any_device(
    tmp_path: Path, chromium: Chromium, make_run: MakeRun
) -> None:
    words = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1")
    subprocess.run(
        [*words, "-subj", f"/CN={INSECURE}", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    certified = Listening(
        names=(INSECURE,), certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem"
    )
    folder = make_run("plain", "attention", threads=2)
    with served(certified) as there, opened(chromium, there.address):
        assert there.address.startswith(f"https://{INSECURE}:")
        assert there.device.run(folder, silent).complete


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


def test_firefox_carries_out_a_plan(there: Served, tmp_path: Path, make_run: MakeRun) -> None:
    folder = make_run("plain", "attention", "int8", evaluate=True)
    browser = Firefox(tmp_path / "firefox", f"{there.address}&start")
    try:
        result = there.device.run(folder, silent)
    finally:
        browser.close()
    assert result.complete and result.context.system.startswith("Firefox")
    compare(folder, tmp_path / "host")


def compare(folder: Path, host: Path, *slots: str) -> None:
    """The outputs are those of this machine's own runtime: int8 bit for bit, floats nearly."""
    plan = load(folder / PLAN, Plan)
    host.mkdir()
    (host / "files").symlink_to(folder / "files")
    save(host / PLAN, replace(plan, blocks=(), threads=1, delegate="xnnpack"))
    here = LocalDevice().run(host, silent)
    there = load(folder / RESULT, RunResult)
    for slot in slots or here.evaluations:
        one = here.evaluations[slot]
        assert one.outputs and there.evaluations[slot].outputs == one.outputs
        for name in one.outputs.values():
            found, wanted = np.load(folder / name), np.load(host / name)
            if "int8" in slot:
                np.testing.assert_array_equal(found, wanted)
            else:
                np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


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
