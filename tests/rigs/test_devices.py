"""`edgebench devices` with a real adbd and a real sshd: list, add, check, clean, remove."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from phones import Bench, Phone
from ssh_board import SshBoard
from toy_artifacts import SHORT

from edgebench.errors import EdgeBenchError

pytestmark = pytest.mark.rig

CORES = os.cpu_count() or 1


def words_of(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed, without its line breaks."""
    return " ".join(done.stdout.split())


@pytest.fixture
def board() -> Iterator[SshBoard]:
    try:
        board = SshBoard()
    except EdgeBenchError as error:
        pytest.skip(f"no sshd: {error}")
    board.start()
    yield board
    board.close()


def test_a_phone_of_no_known_model_is_added_as_the_list_says_and_then_works(bench: Bench) -> None:
    phone = Phone(bench, "R5CW10ABCDE", about={"ro.product.device": "a35x"})
    phone.plug_in()
    phone.wait_until_seen()
    listed = words_of(bench.edgebench("devices"))
    command = f"devices add NAME --serial {phone.serial} --match 'a35x'"
    assert f"it has no name yet: edgebench {command}" in listed
    words = command.replace("NAME", "mine").replace("'", "").split()
    last = CORES - 1
    added = bench.edgebench(*words, "--home", str(phone.home), "--cluster", f"both=0-{last}")
    assert added.returncode == 0, added.stderr
    rows = json.loads(bench.edgebench("devices", "--json").stdout)
    (row,) = [row for row in rows if row["attached"]]
    assert (row["name"], row["own"]) == ("mine", True)
    checked = bench.edgebench("devices", "check", "mine")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"both 0-{last} (not said, mask {(1 << CORES) - 1:x})" in words_of(checked)
    assert bench.edgebench("devices", "clean", "mine").returncode == 0
    assert phone.left_behind() == []
    assert bench.edgebench("devices", "remove", "mine").returncode == 0
    assert "it has no name yet" in words_of(bench.edgebench("devices"))


def test_a_phone_with_other_cores_than_its_entry_is_told(bench: Bench, phone: Phone) -> None:
    odd = ("--like", "fake", "--cluster", f"little=0-{CORES - 1}", "--cluster", f"big={CORES}")
    assert bench.edgebench("devices", "add", "odd", *odd).returncode == 0
    checked = bench.edgebench("devices", "check", "odd")
    assert checked.returncode == 1
    assert "missing  core masks" in checked.stdout
    assert "cannot measure yet" in checked.stdout.splitlines()[-1]


def test_a_phone_that_is_not_there_ends_the_check_with_what_to_do(
    bench: Bench, phone: Phone
) -> None:
    phone.unplug()
    phone.wait_until_forgotten()
    checked = bench.edgebench("devices", "check", "fake")
    assert checked.returncode == 1
    assert "skipped  core masks" in checked.stdout
    assert "USB debugging" in words_of(checked)


def test_a_board_needs_its_host_and_is_then_checked(board: SshBoard) -> None:
    assert board.edgebench("devices", "remove", "board").returncode in (0, 2)
    added = board.edgebench("devices", "add", "shelf", "--host", "board")
    assert added.returncode == 0, added.stderr
    checked = board.edgebench("devices", "check", "shelf", "--json")
    steps = {one["name"]: one for one in json.loads(checked.stdout)["steps"]}
    assert steps["found"]["state"] == "ok"
    assert f"{CORES} core" in steps["core masks"]["found"]


def test_a_run_stays_on_the_cluster_that_is_named(board: SshBoard, toy_artifacts: Path) -> None:
    last = CORES - 1
    added = board.edgebench("devices", "add", "shelf", "--host", "board", "--cluster", f"x={last}")
    assert added.returncode == 0, added.stderr
    what = ("attention", "--baseline", "plain", "--precisions", "fp32", *SHORT)
    words = ("--device", "shelf", *what, "--artifacts", str(toy_artifacts), "--cores")
    wrong = board.edgebench(*words, "big")
    assert wrong.returncode == 2 and "unknown cluster 'big'" in wrong.stderr
    done = board.edgebench(*words, "x")
    assert done.returncode in (0, 3), done.stderr
    (folder,) = (board.folder / "runs").glob("*-shelf")
    assert json.loads((folder / "plan.json").read_text())["cores"] == [last]
    context = json.loads((folder / "result.json").read_text())["context"]
    assert context["cores"] == [last]


def test_a_board_that_is_not_what_its_entry_says_is_told(board: SshBoard) -> None:
    added = board.edgebench("devices", "add", "rpi5", "--host", "board", "--replace")
    assert added.returncode == 0, added.stderr
    checked = board.edgebench("devices", "check", "rpi5")
    assert ("missing  core masks" in checked.stdout) is (CORES != 4)
    assert "model" in checked.stdout
