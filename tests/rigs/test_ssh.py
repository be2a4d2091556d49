"""Boards over ssh: the real client and a real sshd, through the whole command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ssh_board import SshBoard
from toy_models import MakeRun
from waiting import wait_for

from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.shell import DeviceLostError
from edgebench.deploy.transports.emulated import system
from edgebench.documents import load
from edgebench.errors import DeviceError, EdgeBenchError
from edgebench.progress import silent

pytestmark = pytest.mark.rig

PASSED = (0, 3)
"""A busy machine gets no verdict, and all is measured nevertheless."""


def result_of(board: SshBoard) -> RunResult | None:
    """The result of the board's one run, as far as it is."""
    found = [path for path in board.folder.glob("runs/*/result.json")]
    return load(found[0], RunResult) if found else None


def measured(board: SshBoard) -> int:
    result = result_of(board)
    return len(result.blocks) if result else 0


def wait_while(edgebench: subprocess.Popen[str], met: Callable[[], bool], what: str) -> None:
    """Wait until a condition is met, as long as that edgebench runs."""

    def met_or_over() -> bool:
        assert edgebench.poll() is None, edgebench.communicate()[0]
        return met()

    wait_for(met_or_over, what)


def assert_whole(board: SshBoard) -> RunResult:
    """The run is complete, each block is there once, and nothing is left on the board."""
    result = result_of(board)
    assert result is not None and result.complete
    plan = json.loads(next(board.folder.glob("runs/*/plan.json")).read_text())
    assert [block.index for block in result.blocks] == [b["index"] for b in plan["blocks"]]
    assert board.left() == []
    wait_for(lambda: not board.runners(), "the board's runners are gone", 10)
    return result


def test_a_whole_run(board: SshBoard, run: tuple[str, ...]) -> None:
    board.start()
    done = board.edgebench(*run)
    assert done.returncode in PASSED, done.stderr
    assert "attention" in done.stdout
    result = assert_whole(board)
    assert set(result.evaluations) == {"plain.fp32.tflite", "attention.fp32.tflite"}


def test_a_run_of_arm_code(board: SshBoard, device: RemoteDevice, make_run: MakeRun) -> None:
    try:
        board.python(str(system.prepare()))
    except EdgeBenchError as error:
        pytest.skip(f"no Arm system: {error}")
    board.start()
    with device.reserved():
        result = device.run(make_run("plain", "attention", processes=1, blocks=2), silent)
    assert result.complete and result.context.machine == "aarch64"
    assert board.left() == []


def test_a_run_goes_on_by_itself_after_each_lost_connection(
    board: SshBoard, run: tuple[str, ...]
) -> None:
    board.start()
    edgebench = board.begin(*run)
    wait_while(edgebench, lambda: measured(board) >= 2, "two blocks are measured")
    first = result_of(board)
    assert first is not None
    assert board.signal_sessions(signal.SIGKILL) > 0
    wait_while(edgebench, lambda: measured(board) > len(first.blocks), "it goes on")
    board.stop()
    time.sleep(1)
    board.start()
    said = edgebench.communicate(timeout=120)[0]
    assert edgebench.returncode in PASSED, said
    whole = assert_whole(board)
    assert whole.blocks[: len(first.blocks)] == first.blocks


def test_a_connection_that_goes_silent_is_noticed_and_its_runner_ended(
    board: SshBoard, run: tuple[str, ...]
) -> None:
    board.start()
    edgebench = board.begin(*run)
    wait_while(
        edgebench, lambda: measured(board) >= 1 and bool(board.runners()), "a runner measures"
    )
    assert board.signal_sessions(signal.SIGSTOP) > 0
    seen = [set(board.runners())]
    first = seen[0]
    while edgebench.poll() is None:
        seen.append(set(board.runners()))
        time.sleep(0.02)
    said = edgebench.communicate()[0]
    assert edgebench.returncode in PASSED, said
    assert any(now and not now & first for now in seen), "a second runner took over"
    assert not any(now > first for now in seen), "never two at once"
    assert_whole(board)


def test_a_board_that_stays_away_ends_the_run_which_can_be_taken_up_again(
    board: SshBoard, run: tuple[str, ...]
) -> None:
    board.start()
    edgebench = board.begin(*run, reconnect_s=3)
    wait_while(edgebench, lambda: measured(board) >= 2, "two blocks are measured")
    board.stop()
    said = edgebench.communicate(timeout=60)[0]
    assert edgebench.returncode == 1, said
    assert "refuses the connection" in said and "--resume" in said
    kept = result_of(board)
    assert kept is not None and len(kept.blocks) >= 2
    board.start()
    done = board.edgebench("run", "--device", "board", "--resume")
    assert done.returncode in PASSED, done.stderr
    assert assert_whole(board).blocks[: len(kept.blocks)] == kept.blocks


def test_another_host_key_ends_the_run_at_once(board: SshBoard, run: tuple[str, ...]) -> None:
    board.start()
    edgebench = board.begin(*run)
    wait_while(edgebench, lambda: measured(board) >= 1, "a block is measured")
    board.stop()
    board.new_key("hostkey")
    board.start()
    said = edgebench.communicate(timeout=60)[0]
    assert edgebench.returncode == 1, said
    assert "has changed" in said and "ssh-keygen -R" in said


def test_ctrl_c_leaves_nothing_and_the_run_can_be_taken_up_again(
    board: SshBoard, run: tuple[str, ...]
) -> None:
    board.start()
    edgebench = board.begin(*run)
    wait_while(edgebench, lambda: measured(board) >= 2, "two blocks are measured")
    os.killpg(edgebench.pid, signal.SIGINT)
    said = edgebench.communicate(timeout=60)[0]
    assert edgebench.returncode == 130, said
    assert board.left() == []
    assert board.runners() == {}
    done = board.edgebench("run", "--device", "board", "--resume")
    assert done.returncode in PASSED, done.stderr
    assert_whole(board)


def test_a_send_that_breaks_leaves_no_half_file(
    board: SshBoard, device: RemoteDevice, tmp_path: Path
) -> None:
    board.start()
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(2_000_000_000)

    def unplug() -> None:
        wait_for(lambda: any(board.home.glob("there*part")), "it is under way")
        board.signal_sessions(signal.SIGKILL)

    thread = threading.Thread(target=unplug)
    thread.start()
    with pytest.raises(DeviceLostError):
        device.shell.send(large, "~/there")
    thread.join()
    wait_for(lambda: board.left() == [], "the part is removed", 10)


def test_a_file_that_does_not_fit_says_so(
    board: SshBoard, device: RemoteDevice, tmp_path: Path
) -> None:
    board.start()
    (tmp_path / "file").write_bytes(b"x" * 1000)
    with pytest.raises(DeviceError, match="could not be written") as caught:
        device.shell.send(tmp_path / "file", "/dev/full/file")
    assert "space" in caught.value.remedy


NOISE = "printf 'Welcome {{\"event\": 1}}'; echo 'You have mail.' >&2; exec {shell} -c \"$1\""


@pytest.mark.parametrize("shell", ["tcsh", "fish", "busybox sh"])
def test_any_login_shell_will_do_and_may_print(
    shell: str, board: SshBoard, device: RemoteDevice, make_run: MakeRun
) -> None:
    name, _, applet = shell.partition(" ")
    board.start(login=NOISE.format(shell=f"{board.tool(name)} {applet}"))
    awkward = 'it\'s "so" `odd`! $HOME \\ %s\n*'
    quoted = awkward.replace("'", "'\\''")
    assert device.shell.check_output(f"echo first\nprintf %s '{quoted}'") == f"first\n{awkward}"
    assert device.run(make_run("plain", "attention"), silent).complete


def test_a_jump_host_works(board: SshBoard, device: RemoteDevice, tmp_path: Path) -> None:
    board.start()
    board.write_client("Host board\n    ProxyJump jumped")
    (tmp_path / "file").write_text("content")
    device.shell.send(tmp_path / "file", "~/there it is")
    assert (board.home / "there it is").read_text() == "content"
    assert len(board.sessions()) == 2


def test_the_connection_is_shared(board: SshBoard, device: RemoteDevice) -> None:
    board.start()
    assert {device.shell.check_output("echo $SSH_CONNECTION") for _ in range(3)} == {
        device.shell.check_output("echo $SSH_CONNECTION")
    }


def test_a_users_own_shared_connection_is_kept_to(board: SshBoard, device: RemoteDevice) -> None:
    board.start()
    board.write_client(f"Host board\n    ControlMaster auto\n    ControlPath {board.folder}/own")
    words = device.shell.argv("true")
    assert not any("Control" in word for word in words)


def test_a_small_server_without_sftp_will_do(
    board: SshBoard, device: RemoteDevice, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip(
            "dropbear reads the keys of a user's own home, which only root can stand in for"
        )
    key = board.folder / "dropbearkey"
    subprocess.run(
        [*board.tool("dropbearkey").split(), "-t", "ed25519", "-f", str(key)],
        check=True,
        capture_output=True,
    )
    listed = subprocess.run(
        [*board.tool("dropbearkey").split(), "-y", "-f", str(key)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (board.folder / "dropbear.pub").write_text(listed[listed.index("ssh-ed25519") :])
    board.know(board.folder / "dropbear.pub")
    allowed = board.home / ".ssh/authorized_keys"
    allowed.parent.mkdir(mode=0o700)
    allowed.write_text((board.folder / "userkey.pub").read_text())
    # It starts itself anew for each connection, so that its loader cannot be named to it.
    (board.folder / "lib").mkdir()
    for library in board.tools.glob("usr/lib/*/libtom*.so.1"):
        (board.folder / "lib" / library.name).symlink_to(library)
    board.serve(
        f"env LD_LIBRARY_PATH={board.folder}/lib {board.tools}/usr/sbin/dropbear "
        f"-F -E -s -r {key} -p 127.0.0.1:{board.port}"
    )
    (tmp_path / "file").write_bytes(bytes(range(256)) * 1000)
    device.shell.send(tmp_path / "file", "~/there")
    assert (board.home / "there").read_bytes() == (tmp_path / "file").read_bytes()
    assert device.shell.check_output("echo $HOME").strip() == str(board.home)


GATEWAY = "sh -c 'echo the gateway says no >&2'"
PASSWORD = "ssh needs a password for board"


@pytest.mark.parametrize(
    ("trouble", "client", "message", "remedy", "passing"),
    [
        ("refused", "", "refuses the connection", "start the ssh server", True),
        ("", "Host board\n HostName nowhere.invalid", "no host named", "--host", True),
        ("unknown", "", "is not known yet", "ssh board", False),
        ("changed", "", "has changed", "ssh-keygen -R", False),
        ("key", "", "accepts none of your keys", "authorized_keys", False),
        ("password", "", PASSWORD, "ssh-copy-id board", False),
        ("open", "", "others can read it", "chmod 600", False),
        ("no shell", "", "runs no commands", "chsh", False),
        ("", "Host board\n Cypher none", "cannot read its configuration", "correct", False),
        ("", f"Host board\n ProxyCommand {GATEWAY}", "the gateway says no", "ssh board true", True),
        ("", "Host board\n Ciphers aes128-cbc", "no common algorithm", "~/.ssh/config", False),
    ],
)
def test_each_trouble_has_its_sentence(
    trouble: str,
    client: str,
    message: str,
    remedy: str,
    passing: bool,
    board: SshBoard,
    device: RemoteDevice,
) -> None:
    if trouble == "unknown":
        (board.folder / "known_hosts").unlink()
    elif trouble == "changed":
        board.new_key("hostkey")
    elif trouble in ("key", "password"):
        (board.folder / "userkey.pub").rename(board.folder / "another.pub")
    elif trouble == "open":
        (board.folder / "userkey").chmod(0o644)
    board.write_client(client)
    if trouble != "refused":
        board.start(
            login="echo This account is not available.; exit 1" if trouble == "no shell" else "",
            password="yes" if trouble == "password" else "no",
        )
    error = device.shell.problem()
    assert error is not None
    assert message in error.message and remedy in error.remedy
    assert isinstance(error, DeviceLostError) is passing


def test_a_host_that_never_answers_is_given_up(board: SshBoard, device: RemoteDevice) -> None:
    with socket.create_server(("127.0.0.1", board.port)):
        board.write_client("Host board\n ConnectTimeout 1")
        error = device.shell.problem()
    assert isinstance(error, DeviceLostError)
    assert "does not answer" in error.message
