"""`edgebench devices` as a user meets it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from accepted import golden

from edgebench.cli import main
from edgebench.commands.devices import check, listing
from edgebench.deploy.device.entry import DeviceEntry
from edgebench.deploy.device.interface import AttachedDevice, CheckStep
from edgebench.deploy.registry import devices, registry
from edgebench.deploy.registry.discovery import Discovery
from edgebench.deploy.remote.python_runner import PythonRunner
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.shell import Shell
from edgebench.deploy.remote.store import Store
from edgebench.deploy.transports.table import TRANSPORTS
from edgebench.errors import DeviceError
from edgebench.progress import Progress

NO_ADB = DeviceError("adb is not installed", "install it")
SERIAL = "27061FDH2000XY"


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBENCH_CONFIG", str(tmp_path / "folder"))
    return tmp_path / "folder" / "devices.toml"


def edgebench_devices(words: str) -> int:
    """Execute `edgebench devices` with some words."""
    return main(["devices", *words.split()])


class HereShell(Shell):
    """This machine in a phone's place."""

    name = "pixel7"

    def argv(self, command: str) -> list[str]:
        return ["sh", "-c", command]

    def send(self, source: Path, target: str) -> None:
        raise AssertionError

    def problem(self) -> DeviceError | None:
        return None


class StandIn:
    """A transport that sees what it is told to."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.seen: list[AttachedDevice] = []
        self.gone: DeviceError | None = None
        self.prepared: list[str] = []

    def attached(self, entries: Sequence[DeviceEntry]) -> list[AttachedDevice]:
        if self.gone is not None:
            raise self.gone
        return self.seen

    def device(self, entry: DeviceEntry) -> RemoteDevice:
        prepared = self.prepared

        class Phone(RemoteDevice):
            def prepare(self, progress: Progress) -> None:
                progress("installing", 1, 1)
                prepared.append(entry.name)

        store = Store(HereShell(), str(self.home))
        runner = PythonRunner(sys.executable)
        return Phone(entry.name, entry.description, store, runner, entry=entry)

    def unavailable(self, entry: DeviceEntry) -> DeviceError | None:
        return None


@pytest.fixture
def phones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    stand_in = StandIn(tmp_path / "home")
    monkeypatch.setitem(TRANSPORTS, "adb", replace(TRANSPORTS["adb"], package=lambda: stand_in))
    return stand_in


def test_the_list_is_the_accepted_one_and_fits_80_columns() -> None:
    entries = list(registry.load().values())
    seen = (
        AttachedDevice("pixel7", SERIAL, "ready", "panther"),
        AttachedDevice("desk", "28111JEGR05001", "does not trust this computer yet"),
        AttachedDevice(None, "R5CW10ABCDE", "ready", "a35x"),
    )
    lacking = {one.name: NO_ADB for one in entries if one.transport == "devicectl"}
    lines = listing.shown(entries, Discovery(seen, lacking))
    assert max(map(len, lines)) <= 80
    golden("devices.txt", "\n".join(lines) + "\n")


def test_every_known_device_is_listed_with_whether_it_was_verified(
    phones: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devices"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    for name, entry in registry.load().items():
        assert ("not verified" in rows[name]) is not entry.verified


def test_what_is_attached_and_what_is_not_known_is_said_with_the_command_that_adds_it(
    phones: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    phones.seen = [
        AttachedDevice("pixel7", SERIAL, "ready", "panther"),
        AttachedDevice(None, "R5CW10ABCDE", "ready", "a35x"),
    ]
    assert main(["devices"]) == 0
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if line.startswith("pixel7 ")]
    assert row.endswith("attached")
    words = " ".join(out.split())
    assert f"pixel7 {SERIAL}: ready" in words
    assert "edgebench devices add NAME --serial R5CW10ABCDE --match 'a35x'" in words
    assert edgebench_devices("add mine --serial R5CW10ABCDE --match a35x") == 0
    assert registry.load()["mine"].transport == "adb"


def test_a_transport_whose_program_is_missing_is_said_once(
    phones: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    phones.gone = NO_ADB
    assert main(["devices"]) == 0
    out = capsys.readouterr().out
    assert out.count(NO_ADB.message) == 1 and out.count("-> install it") == 1
    (row,) = [line for line in out.splitlines() if line.startswith("pixel6 ")]
    assert row.endswith("needs adb")


def test_the_list_as_json(phones: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    phones.seen = [
        AttachedDevice("pixel7", SERIAL, "ready"),
        AttachedDevice(None, "X", "ready", "a35x"),
    ]
    assert main(["devices", "add", "rack", "--like", "rpi5", "--host", "rack"]) == 0
    capsys.readouterr()
    for words in (["devices", "--json"], ["devices", "list", "--json"]):
        assert main(words) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        assert rows["pixel7"]["attached"] == [{"identity": SERIAL, "state": "ready"}]
        assert rows["pixel7"]["clusters"][2]["mask"] == "c0"
        assert not rows["pixel7"]["verified"] and not rows["pixel7"]["own"]
        assert rows["rack"]["own"] and rows["rack"]["lacks"] is None
        assert "devices add rpi5 --host" in rows["rpi5"]["lacks"]["remedy"]
        assert rows[None]["model"] == "a35x"


@pytest.mark.parametrize(
    ("words", "code", "says", "remedy"),
    [
        ("add x", 2, "no facts are given about x", "--host"),
        ("add x --soc chip", 2, "the transport of x is not given", "--like"),
        ("add a,b --host h", 2, "cannot be a device's name", "letters"),
        ("add x --like pixle7 --serial 1", 2, "not the name of a device: 'pixle7'", "'pixel7'"),
        ("add pixel7 --host h", 2, "host is for ssh only", "correct it"),
        ("add x --host h --cluster a=0-2 --cluster b=2", 2, "core 2 is listed twice", "correct it"),
        ("remove pixel7", 2, "one of edgebench's own", "devices add"),
        ("remove x", 2, "unknown device of your own 'x'", "known: none"),
        ("check pixle7", 2, "unknown device 'pixle7'", "did you mean 'pixel7'?"),
        ("prepare local", 2, "cannot install anything on", "devices check local"),
        ("clean local", 2, "leaves nothing on local", "nothing to remove"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_and_what_to_do_in_another(
    own: Path, capsys: pytest.CaptureFixture[str], words: str, code: int, says: str, remedy: str
) -> None:
    assert main(["devices", *words.split()]) == code
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert out == "" and says in first
    assert second.startswith("  -> ") and remedy in second
    assert not own.exists()


@pytest.mark.parametrize(
    "words", ["chekc pixel7", "add x --transport usb", "add x --cluster big", "add x --runner r"]
)
def test_words_that_are_none_are_usage_errors(words: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["devices", *words.split()])
    assert caught.value.code == 2


def test_a_known_board_needs_only_its_host(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert edgebench_devices("add rpi5 --host pi@rpi.local --python /opt/py/bin/python3") == 0
    assert "edgebench devices check rpi5" in capsys.readouterr().err
    entry = registry.load()["rpi5"]
    assert (entry.host, entry.python) == ("pi@rpi.local", "/opt/py/bin/python3")
    assert entry.clusters == registry.shipped_entries()["rpi5"].clusters
    assert edgebench_devices("add rpi5 --host elsewhere") == 2
    assert edgebench_devices("add rpi5 --host elsewhere --replace") == 0
    assert registry.load()["rpi5"].host == "elsewhere"
    assert edgebench_devices("remove rpi5") == 0
    assert registry.load()["rpi5"].host is None


def test_a_phone_of_one_s_own_has_its_clusters_by_name(own: Path) -> None:
    words = "add mine --match FP5 --cluster little=0-3:Cortex-A55 --cluster big=4,5-7 --keep"
    assert main(["devices", *words.split()]) == 0
    assert devices.cores_by_name("mine", "big") == (4, 5, 6, 7)
    assert devices.cores_by_name("mine", (1, 2)) == (1, 2)
    entry = registry.load()["mine"]
    assert (entry.transport, entry.match, entry.keep) == ("adb", ("FP5",), True)
    assert entry.cluster("little").core == "Cortex-A55"


def test_a_cluster_s_name_that_the_device_has_not_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--artifacts", str(tmp_path), "--runs", str(tmp_path), "--budget", "1s")
    assert main(["run", "scenes_v2", "--device", "local", "--cores", "big", *where]) == 2
    assert "local has no named clusters" in capsys.readouterr().err


class Checked:
    """A device with the steps that it is given."""

    description = "a device"

    def __init__(self, *steps: CheckStep | DeviceError) -> None:
        self.given = steps

    def check(self) -> Iterator[CheckStep]:
        for step in self.given:
            if isinstance(step, DeviceError):
                raise step
            yield step


OK = CheckStep("found", "ok", "here")
NOTE = CheckStep("thermal readings", "note", "warm: 41 °C", "let it cool down")
MISSING = CheckStep(
    "authorised", "missing", "the phone does not trust this computer yet", "unlock it"
)


@pytest.mark.parametrize(
    ("steps", "code", "last"),
    [
        ((OK,), 0, "x can measure"),
        ((OK, NOTE), 0, "x can measure; the notes say how to improve it"),
        ((OK, MISSING), 1, "x cannot measure yet: fix what is missing"),
        ((OK, DeviceError("it broke off", "look")), 1, "x cannot measure yet"),
    ],
)
def test_a_check_ends_with_whether_a_run_can_work(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    steps: tuple[CheckStep | DeviceError, ...],
    code: int,
    last: str,
) -> None:
    monkeypatch.setattr(devices, "get", lambda name: Checked(*steps))
    assert main(["devices", "check", "x"]) == code
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith(last)
    assert max(map(len, out.splitlines())) <= 80
    assert main(["devices", "check", "x", "--json"]) == code
    body = json.loads(capsys.readouterr().out)
    assert body["works"] is (code == 0) and len(body["steps"]) == len(steps)


def test_a_step_is_shown_with_how_to_mend_it() -> None:
    long = CheckStep(
        "space", "missing", "12 MB are left " * 8, "free some with rm -r /data/local/tmp/x"
    )
    assert check.shown(MISSING) == (
        "  missing  authorised        the phone does not trust this computer yet\n"
        "                             -> unlock it"
    )
    assert max(map(len, check.shown(long).splitlines())) <= 80
    assert "12 MB are left" in check.shown(long)


def test_the_cores_are_compared_once_the_device_answers(
    phones: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["devices", "check", "pixel7", "--json"])
    names = [one["name"] for one in json.loads(capsys.readouterr().out)["steps"]]
    assert names.index("core masks") == names.index("space") + 1
    wrong = "--cluster all=0-99"
    assert edgebench_devices(f"add odd --like pixel7 {wrong}") == 0
    capsys.readouterr()
    assert main(["devices", "check", "odd", "--json"]) == 1
    steps = {one["name"]: one for one in json.loads(capsys.readouterr().out)["steps"]}
    assert steps["core masks"]["state"] == "missing"
    assert "100 cores (0-99)" in steps["core masks"]["found"]


def test_preparing_and_cleaning_are_the_device_s_own(
    phones: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devices", "prepare", "pixel7"]) == 0
    assert phones.prepared == ["pixel7"]
    assert "edgebench devices check pixel7" in capsys.readouterr().err
    (tmp_path / "home" / "files").mkdir(parents=True)
    assert main(["devices", "clean", "pixel7"]) == 0
    assert "removed" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_an_emulated_system_that_is_not_prepared_is_listed_so_and_can_be_removed(
    phones: StandIn,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    assert main(["devices"]) == 0
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if line.startswith("arm64-emulated ")]
    assert row.endswith("unprepared")
    assert "edgebench devices prepare arm64-emulated" in " ".join(out.split())
    (tmp_path / "cache" / "arm64").mkdir(parents=True)
    assert main(["devices", "clean", "arm64-emulated"]) == 0
    assert list((tmp_path / "cache").iterdir()) == []
