"""What adb says of phones, and what edgebench says then; the real adb is in tests/rigs."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.remote.shell import END, DeviceLostError
from edgebench.deploy.transports.adb import attached, client, device, phones
from edgebench.deploy.transports.adb.shell import AdbShell
from edgebench.errors import DeviceError

PIXEL = "2A111FDH2000XY         device usb:1-2 product:panther model:Pixel_7 transport_id:4"
OTHER = "R5CX10AAAAA            device usb:1-3 product:e1s model:SM_S921B transport_id:5"

ADB = """\
#!/bin/sh
echo "$*" >>{folder}/asked
case "$*" in
    version) echo "Android Debug Bridge version 1.0.41" ;;
    "devices -l") cat {folder}/listing; cat {folder}/complaint >&2; [ -s {folder}/listing ] ;;
    *2A111FDH2000XY*getprop*)
        printf '%s\\n' ro.product.device=panther 'ro.product.model=Pixel 7' \\
            ro.build.version.release=15 ro.serialno=2A111FDH2000XY {end} ;;
    *R5CX10AAAAA*getprop*)
        printf '%s\\r\\n' ro.product.device=e1s 'ro.product.model=SM-S921B ' \\
            ro.serialno= {end} ;;
    *STARTING*getprop*)
        printf '%s\\n' ro.product.device=panther init.svc.bootanim=running {end} ;;
    *CUTOFF*getprop*) printf '\\n\\n' ;;
    *push*) echo "adb: error: failed to copy: $(cat {folder}/complaint)" >&2; exit 1 ;;
esac
"""

Lists = Callable[..., None]


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lists:
    """An adb whose phones are those lines, and whose server does not run."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "adb"
    program.write_text(ADB.format(folder=tmp_path, end=END))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("ADB_SERVER_SOCKET", f"localfilesystem:{tmp_path}/no-server")
    monkeypatch.delenv("ANDROID_SERIAL", raising=False)

    def lists(*lines: str, complaint: str = "") -> None:
        (tmp_path / "listing").write_text("\n".join(("List of devices attached", *lines, "")))
        (tmp_path / "complaint").write_text(complaint)

    lists()
    return lists


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """A server whose answer to everything is the list's one item."""
    answer = [b"OKAY00040029"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.delenv("ADB_SERVER_SOCKET", raising=False)
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(listener.getsockname()[1]))

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(16)
                    connection.sendall(answer[0])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield answer
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def problem(shell: AdbShell) -> str:
    found = shell.problem()
    return f"{found.message} -> {found.remedy}" if found else ""


def test_the_list_of_phones_is_read_whatever_their_state(lists: Lists) -> None:
    lists(
        PIXEL,
        "R5CX20BBBBB            unauthorized usb:1-4 transport_id:6",
        "????????????           no permissions (missing udev rules? user is in the plugdev group); "
        "see [http://developer.android.com/tools/device.html] usb:1-1 transport_id:1",
        "(no serial number)     offline usb:1-5 transport_id:7",
    )
    found = client.phones()
    assert [(one.serial, one.state) for one in found] == [
        ("2A111FDH2000XY", "device"),
        ("R5CX20BBBBB", "unauthorized"),
        ("????????????", "no permissions"),
        ("(no serial number)", "offline"),
    ]
    assert found[0].facts["model"] == "Pixel_7" and found[2].facts["usb"] == "1-1"


def test_the_phone_is_found_by_codename_or_model(lists: Lists) -> None:
    lists(PIXEL, OTHER)
    for match in ("panther", "Pixel 7", "pixel_7"):
        shell = AdbShell("pixel7", (match,))
        assert shell.problem() is None
        assert shell.argv("true")[1:] == ["-s", "2A111FDH2000XY", "shell", "true"]
        assert shell.identity == "adb:2A111FDH2000XY"


def test_a_phone_once_found_is_the_same_when_it_comes_back(lists: Lists) -> None:
    lists(PIXEL)
    shell = AdbShell("pixel7", ("panther",))
    assert shell.problem() is None
    lists(PIXEL.replace("2A111FDH2000XY", "2A111FDH2000ZZ"))
    lost = shell.problem()
    assert isinstance(lost, DeviceLostError) and "2A111FDH2000XY" in lost.message


@pytest.mark.parametrize(
    ("line", "sign", "remedy"),
    [
        ("X1 unauthorized usb:1-1", "does not trust this computer", "unlock the phone and accept"),
        ("X1 authorizing usb:1-1", "being asked", "accept"),
        ("X1 offline usb:1-1", "does not answer", "unplug it"),
        ("X1 no permissions (user); see [http://x] usb:1-1", "may not be used", "apt install"),
        ("X1 recovery usb:1-1", "mode 'recovery'", "restart"),
        ("", "no phone is attached", "USB debugging"),
    ],
)
def test_a_phone_that_may_yet_come_is_waited_for(
    lists: Lists, line: str, sign: str, remedy: str
) -> None:
    lists(line)
    shell = AdbShell("pixel7", ("panther",))
    assert sign in problem(shell) and remedy in problem(shell)
    assert isinstance(shell.problem(), DeviceLostError)


def test_an_answer_that_is_cut_off_is_not_that_of_another_phone(lists: Lists) -> None:
    lists("CUTOFF device usb:1-1")
    for serial in (None, "CUTOFF"):
        found = AdbShell("pixel7", ("panther",), serial).problem()
        assert isinstance(found, DeviceLostError) and "does not answer" in found.message


def test_a_phone_that_is_starting_is_waited_for(lists: Lists) -> None:
    lists("STARTING device usb:1-1")
    for serial in (None, "STARTING"):
        found = AdbShell("pixel7", ("panther",), serial).problem()
        assert isinstance(found, DeviceLostError) and "is starting" in found.message


def test_another_phone_that_does_not_answer_keeps_nobody_up(lists: Lists) -> None:
    lists("CUTOFF device usb:1-1", PIXEL)
    assert AdbShell("pixel7", ("panther",)).problem() is None


def test_a_phone_that_will_not_come_is_an_error_at_once(
    lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists(OTHER)
    assert "no pixel7 is attached, but SM-S921B (e1s)" in problem(AdbShell("pixel7", ("panther",)))
    assert "not pixel7" in problem(AdbShell("pixel7", ("panther",), "R5CX10AAAAA"))
    lists(PIXEL, OTHER)
    any_phone = problem(AdbShell("phone"))
    assert "2A111FDH2000XY, R5CX10AAAAA" in any_phone and "ANDROID_SERIAL=" in any_phone
    monkeypatch.setenv("ANDROID_SERIAL", "R5CX10AAAAA")
    assert problem(AdbShell("phone")) == ""
    for shell in (AdbShell("pixel7", ("panther",)), AdbShell("pixel7", ("panther",), "nothing")):
        assert shell.problem() is not None


def test_an_adb_that_is_missing_or_fails_is_said(
    lists: Lists, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "listing").write_text("")
    (tmp_path / "complaint").write_text("* failed to start daemon\nerror: cannot connect to daemon")
    assert "server does not start: cannot connect to daemon" in problem(AdbShell("pixel7"))
    (tmp_path / "bin" / "adb").write_text("#!/bin/sh\necho 'no libbase.so' >&2; exit 127\n")
    client.version.cache_clear()
    assert "does not print its version: no libbase.so" in problem(AdbShell("pixel7"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert "adb is not installed" in problem(AdbShell("pixel7"))
    assert "apt install adb" in problem(AdbShell("pixel7"))
    (tmp_path / "sdk").mkdir()
    (tmp_path / "bin").rename(tmp_path / "sdk" / "platform-tools")
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    assert client.program() == str(tmp_path / "sdk/platform-tools/adb")


def test_a_server_is_used_only_where_that_ends_nobody_elses(
    lists: Lists, server: list[bytes], tmp_path: Path
) -> None:
    lists(PIXEL)
    assert "its server is running" in client.check_server()
    server[0] = b"OKAY00040020"
    (tmp_path / "asked").unlink()
    shell = AdbShell("pixel7")
    assert "has version 32" in problem(shell) and "adb kill-server" in problem(shell)
    assert not isinstance(shell.problem(), DeviceLostError)
    assert not (tmp_path / "asked").exists() or "devices" not in (tmp_path / "asked").read_text()
    server[0] = b"HTTP/1.1 400"
    assert "is not an adb server" in problem(shell)


@pytest.mark.parametrize(
    ("complaint", "sign"),
    [
        ("remote write failed: No space left on device", "No space left on device"),
        ("remote couldn't create file: Read-only file system", "Read-only file system"),
        ("remote couldn't create file: Permission denied", "Permission denied"),
    ],
)
def test_a_push_that_the_phone_refuses_is_no_lost_connection(
    lists: Lists, tmp_path: Path, complaint: str, sign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists(PIXEL, complaint=complaint)
    shell = AdbShell("pixel7")
    # The stand-in answers no commands.
    monkeypatch.setattr(shell, "run", lambda command, timeout_s=60.0: None)
    with pytest.raises(DeviceError, match=sign) as caught:
        shell.send(tmp_path / "listing", "/data/local/tmp/x")
    assert not isinstance(caught.value, DeviceLostError) and caught.value.remedy


def test_a_push_that_breaks_off_is_a_lost_connection(lists: Lists, tmp_path: Path) -> None:
    lists(PIXEL, complaint="couldn't read from device")
    with pytest.raises(DeviceLostError, match="read from device"):
        AdbShell("pixel7").send(tmp_path / "listing", "/data/local/tmp/x")


def test_attached_phones_go_by_the_names_that_mean_them(lists: Lists) -> None:
    lists(PIXEL, "R5CX20BBBBB unauthorized usb:1-4", OTHER)
    entries = [
        DeviceEntry("a model", "adb", "pixel7", ("panther",)),
        DeviceEntry("this very one", "adb", "mine", ("panther",), "2A111FDH2000XY"),
        DeviceEntry("not a phone", "local", "local"),
    ]
    found = [(one.name, one.identity, one.state) for one in attached(entries)]
    assert found == [
        ("mine", "2A111FDH2000XY", "ready"),
        ("pixel7", "2A111FDH2000XY", "ready"),
        (None, "R5CX20BBBBB", "does not trust this computer yet"),
        (None, "R5CX10AAAAA", "ready"),
    ]


def test_making_a_device_asks_no_phone(lists: Lists, tmp_path: Path) -> None:
    made = device(DeviceEntry("a phone", "adb", "pixel7", ("panther",), home="/somewhere"))
    assert made.name == "pixel7" and made.store.home == "/somewhere"
    assert not (tmp_path / "asked").exists()


def test_every_word_that_adb_has_for_a_phone_that_is_not_ready_has_a_remedy() -> None:
    for state in (*phones.STATES, "bootloader", "sideload"):
        error = phones.not_ready(client.AdbPhone("X1", state, {}))
        assert "X1" in error.message and error.remedy
