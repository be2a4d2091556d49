"""The registry: what every entry keeps to, and what is said of a file that does not."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.deploy.device.cores import mask, numbers, ranges
from edgebench.deploy.device.entry import Cluster, DeviceEntry
from edgebench.deploy.registry import registry
from edgebench.errors import InvalidFileError, UnknownNameError, UsageError

SHIPPED = registry.shipped_entries()
WANTED = {
    *(f"pixel{number}" for number in range(6, 11)),
    *("galaxy-s23", "galaxy-s24", "galaxy-s25", "galaxy-a15", "galaxy-a54"),
    *(f"iphone{number}" for number in range(13, 18)),
    *("rpi4", "rpi5", "rpi-zero2w", "jetson-orin-nano", "rock5b"),
    *("local", "mac", "arm64-emulated"),
}
FACTS = ("match", "soc", "gpu", "npu", "clusters", "os_minimum")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBENCH_CONFIG", str(tmp_path))
    return tmp_path


def test_the_devices_that_are_promised_are_known() -> None:
    assert SHIPPED.keys() >= WANTED


@pytest.mark.parametrize("entry", SHIPPED.values(), ids=SHIPPED)
def test_each_fact_has_its_source(entry: DeviceEntry) -> None:
    assert [name for name in FACTS if getattr(entry, name) and not entry.sources.get(name)] == []
    assert [name for name in entry.sources if not getattr(entry, name)] == []


@pytest.mark.parametrize(
    "entry", [one for one in SHIPPED.values() if one.clusters], ids=lambda entry: entry.name
)
def test_clusters_are_all_cores_from_the_slowest_to_the_fastest(entry: DeviceEntry) -> None:
    cores = sorted(core for cluster in entry.clusters for core in cluster.cores)
    assert cores == list(range(len(cores)))
    speeds = [one.max_khz for one in entry.clusters if one.max_khz is not None]
    assert speeds == sorted(speeds)


def test_phones_and_boards_are_not_said_to_be_verified_on_hardware() -> None:
    unseen = ("adb", "ssh", "devicectl", "mac")
    assert not [one.name for one in SHIPPED.values() if one.transport in unseen and one.verified]


def test_no_two_entries_mean_the_same_phone() -> None:
    matches = [match for entry in SHIPPED.values() for match in entry.match]
    assert len(matches) == len(set(matches))


def test_cores_are_found_by_the_cluster_s_name() -> None:
    assert SHIPPED["pixel7"].cluster("big").cores == (6, 7)
    with pytest.raises(UnknownNameError, match="cluster 'bgi'") as caught:
        SHIPPED["pixel7"].cluster("bgi")
    assert "did you mean 'big'?" in caught.value.remedy and "little" in caught.value.remedy
    with pytest.raises(UsageError, match="local") as unknown:
        SHIPPED["local"].cluster("big")
    assert "--cores 0,1" in unknown.value.remedy


@given(st.sets(st.integers(0, 40), min_size=1))
def test_a_mask_has_a_bit_for_each_core_and_a_list_reads_back(cores: set[int]) -> None:
    assert {bit for bit in range(64) if int(mask(cores), 16) >> bit & 1} == cores
    assert set(numbers(ranges(cores))) == cores


def test_masks_are_as_taskset_takes_them() -> None:
    assert (mask((6, 7)), mask((0, 1, 2, 3)), mask((8,))) == ("c0", "f", "100")
    assert (ranges((3, 0, 1, 2, 6)), numbers("4-6,1")) == ("0-3,6", (4, 5, 6, 1))


@pytest.mark.parametrize("text", ["", "a", "1,", "-1", "3-1", "1-", "0x1", "1.5"])
def test_what_is_no_list_of_cores_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        numbers(text)


PHONE = '[mine]\ndescription = "mine"\ntransport = "adb"\n'


@pytest.mark.parametrize(
    ("said", "what", "remedy"),
    [
        (PHONE + 'serail = "X"', "device mine: unknown field 'serail'", "did you mean 'serial'?"),
        (PHONE + "shoe_size = 43", "unknown field 'shoe_size'", "known: "),
        ('[mine]\nlike = "pixle7"', "like is not the name of a device: 'pixle7'", "'pixel7'"),
        ('[mine]\nlike = ["x"]', "like is not the name of a device: ['x']", "edgebench devices"),
        ('[mine]\nlike = "mine"', "like is not the name of a device: 'mine'", "edgebench devices"),
        ('[mine]\ndescription = "x"', "`transport`", "correct it"),
        (
            '[mine]\ndescription = "x"\ntransport = "usb"',
            "unknown transport 'usb'",
            "known: adb, browser, devicectl",
        ),
        (PHONE + "serial = 27", "Expected `str | null`, got `int` - at `serial`", "correct it"),
        (PHONE + 'host = "x"', "host is for ssh only", "correct it"),
        ('[mine]\nlike = "rpi5"\nserial = "x"', "serial is for adb", "correct it"),
        ('[mine]\nlike = "rpi5"\nrunner = "app"', "runner is for adb only", "correct it"),
        ('[mine]\ndescription = "x"\ntransport = "simulated"', "unknown transport", ""),
        (PHONE + "clusters = 3", "`clusters`", "correct it"),
        (PHONE + "clusters = [3]", "`clusters[0]`", "correct it"),
        (
            PHONE + 'clusters = [{ name = "a", core = "c", cores = ["0"] }]',
            "got `str` - at `clusters[0].cores[0]`",
            "correct it",
        ),
        (
            PHONE + 'clusters = [{ name = "a", core = "c", cores = [0], khz = 1 }]',
            "unknown field of a cluster 'khz'",
            "'max_khz'",
        ),
        (
            PHONE + 'clusters = [{ name = "a", core = "c", cores = [] }]',
            "cluster 'a' needs core numbers",
            "correct it",
        ),
        (
            PHONE + 'clusters = [{ name = "a", core = "c", cores = [0, 1] }, '
            '{ name = "b", core = "c", cores = [1, 2] }]',
            "core 1 is listed twice",
            "correct it",
        ),
        (PHONE + 'sources = { colour = "x" }', "that a device does not have: colour", "correct it"),
        ("mine = 3", "a device is a table", "write [mine]"),
        ("[mine", "is not TOML", "correct it"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_device_and_field(
    own_folder: Path, said: str, what: str, remedy: str
) -> None:
    (own_folder / "devices.toml").write_text(said)
    with pytest.raises(InvalidFileError) as caught:
        registry.load()
    assert str(own_folder / "devices.toml") in caught.value.message
    assert what in caught.value.message
    assert remedy in caught.value.remedy


def test_a_file_that_cannot_be_read_is_said(own_folder: Path) -> None:
    (own_folder / "devices.toml").mkdir()
    with pytest.raises(InvalidFileError, match="cannot read"):
        registry.load()
    (own_folder / "devices.toml").rmdir()
    (own_folder / "devices.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidFileError, match="is not TOML"):
        registry.load()


def test_the_user_s_file_adds_and_replaces_and_begins_with_what_is_known(own_folder: Path) -> None:
    (own_folder / "devices.toml").write_text(
        '[rpi5]\nlike = "rpi5"\nhost = "pi@rpi.local"\n'
        '[rack-2]\nlike = "rpi5"\npython = "/opt/python"\n'
        '[pixel7]\ndescription = "another"\ntransport = "adb"\n'
    )
    entries = registry.load()
    assert list(entries)[-3:] == ["rpi5", "rack-2", "pixel7"]
    mine, rack = entries["rpi5"], entries["rack-2"]
    assert (mine.host, mine.soc) == ("pi@rpi.local", SHIPPED["rpi5"].soc)
    assert (rack.name, rack.host, rack.python) == ("rack-2", "pi@rpi.local", "/opt/python")
    assert entries["pixel7"].clusters == () and entries["pixel7"].match == ()


def test_an_entry_made_in_code_is_held_to_the_same() -> None:
    assert DeviceEntry("d", "ssh").sources == {}
    with pytest.raises(ValueError, match="cluster a"):
        DeviceEntry("d", "ssh", clusters=(Cluster("a", "c", (0,)), Cluster("a", "c", (1,))))
    assert {one.name for one in fields(DeviceEntry)} - {"name"} == registry.FIELDS
