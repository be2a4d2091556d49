"""Whole plans in a real browser, Chromium without a screen: disturbed, interrupted, cut off."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
from browsers import Chromium
from served_pages import (
    INSECURE,
    MEASURING,
    Network,
    Served,
    at_block,
    free_port,
    opened,
    same,
    served,
)
from toy_models import MakeRun
from waiting import wait_for

from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.documents.staging import RESULT
from edgebench.deploy.transports.browser import pages
from edgebench.deploy.transports.browser.listening import Listening
from edgebench.documents import load
from edgebench.progress import silent

pytestmark = pytest.mark.rig


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


@pytest.mark.usefixtures("web_runtime")
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
