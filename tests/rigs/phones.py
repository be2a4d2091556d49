"""Phones without the hardware: a real adbd each, in a sandbox, with a real adb to reach them.

Debian packages both. What a phone has and Debian has not, such as `getprop` and `dumpsys`, is on
the daemon's PATH as scripts that answer from files, so that a test can make the phone hot or
another model; what they print has the form of the sources of Android 15. A daemon listens at one
of the ports where adb looks for emulators by itself: so it comes and goes as on a cable, without
`adb connect`, under the serial emulator-<port - 1>.
"""

from __future__ import annotations

import os
import platform
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path

from sandbox import Sandbox, only_child

from edgebench.deploy.emulated.packages import fetch_packages
from edgebench.places import cache_folder

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
SERVER_PORT = 15037
CABLE = 5555
"""The first port where adb looks for emulators."""

OWN_LIBRARIES = ("libc.so", "libm.so", "libdl.so", "librt.so", "libpthread.so", "ld-linux")
"""What adb takes from this system: a C library and its loader have to be of one version."""

SCRIPT = """\
#!/bin/sh
state={state}
name=${{0##*/}}
echo "$name $*" >>$state/calls
case "$name $1" in
    "getprop "*) sed -n "s/^$1=//p" $state/properties ;;
    "dumpsys "*) cat $state/dumpsys.$1 2>/dev/null || echo "Can't find service: $1" >&2 ;;
    "settings get") cat $state/settings.$2.$3 2>/dev/null || echo null ;;
    "settings put") echo "$4" >$state/settings.$2.$3 ;;
    "settings delete") rm -f $state/settings.$2.$3; echo "Deleted 1 rows" ;;
    "cmd power") [ "$2" != set-fixed-performance-mode-enabled ] || echo "$3" >$state/fixed ;;
esac
"""
NAMES = ("getprop", "dumpsys", "settings", "cmd", "input", "svc", "am")

ANNOUNCE = f"""
import socket, sys
message = b"host:emulator:" + sys.argv[1].encode()
with socket.create_connection(("127.0.0.1", {SERVER_PORT})) as server:
    server.sendall(b"%04x" % len(message) + message)
"""
"""What an emulator says to adb's server when it starts."""

PIXEL_7 = {
    "ro.product.device": "panther",
    "ro.product.model": "Pixel 7",
    "ro.product.manufacturer": "Google",
    "ro.product.cpu.abi": "arm64-v8a",
    "ro.build.version.release": "15",
    "ro.build.version.sdk": "35",
    "ro.soc.model": "GS201",
    "ro.hardware": "panther",
}
GALAXY_S24 = {
    **PIXEL_7,
    "ro.product.device": "e1s",
    "ro.product.model": "SM-S921B",
    "ro.product.manufacturer": "samsung",
    "ro.soc.model": "s5e9945",
    "ro.hardware": "s5e9945",
}

THERMAL = """\
IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 3
\tkilled: false
\tbroadcasts count: -1
Thermal Status: {status}
Cached temperatures:
\tTemperature{{mValue={skin}, mType=3, mName=VIRTUAL-SKIN, mStatus={status}}}
HAL Ready: true
HAL connection:
\tThermalHAL AIDL 1  connected: yes
Current temperatures from HAL:
\tTemperature{{mValue={skin}, mType=3, mName=VIRTUAL-SKIN, mStatus={status}}}
\tTemperature{{mValue={battery}, mType=2, mName=battery, mStatus=0}}
\tTemperature{{mValue={big}, mType=0, mName=BIG, mStatus=0}}
Current cooling devices from HAL:
\tCoolingDevice{{mValue=0, mType=2, mName=thermal-cpufreq-0}}
"""

BATTERY = """\
Current Battery Service state:
  AC powered: false
  USB powered: {powered}
  Wireless powered: false
  Dock powered: false
  Max charging current: 500000
  status: {status}
  health: 2
  present: true
  level: {level}
  scale: 100
  voltage: 4211
  temperature: {tenths}
  technology: Li-ion
"""

POWER = """\
POWER MANAGER (dumpsys power)

Power Manager State:
  mWakefulness=Asleep
  mIsPowered=true
"""


def prepare() -> tuple[Path, Path]:
    """Unpack adb and adbd: their folders."""
    architecture = ARCHITECTURES[platform.machine()]
    folder = cache_folder() / "rigs"
    adb = fetch_packages(["adb"], "bookworm", architecture, folder / "adb")
    adbd = fetch_packages(["adbd"], "trixie", architecture, folder / "adbd")
    return adb, adbd


def libraries(root: Path) -> Path:
    return root / "usr" / "lib" / str(sysconfig.get_config_var("MULTIARCH"))


class Bench:
    """A sandbox with adb, and a user's home: where edgebench is run with phones at hand."""

    def __init__(self, folder: Path) -> None:
        adb, self.adbd = prepare()
        self.folder = folder
        self.sandbox = Sandbox()
        self.env = {
            "PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "ANDROID_ADB_SERVER_PORT": str(SERVER_PORT),
            "EDGEBENCH_CONFIG": str(folder / "config"),
            "EDGEBENCH_DATA": str(folder / "data"),
            "EDGEBENCH_CACHE": str(cache_folder()),
        }
        (folder / "bin").mkdir(parents=True)
        found = _without_system(libraries(adb), folder / "lib")
        program = adb / "usr/lib/android-sdk/platform-tools/adb"
        script = f'LD_LIBRARY_PATH={found}/android:{found} exec {program} "$@"'
        executable(folder / "bin" / "adb", f"#!/bin/sh\n{script}\n")
        (folder / "config").mkdir()

    @property
    def adb(self) -> str:
        return str(self.folder / "bin" / "adb")

    def ask_adb(self, *words: str) -> str:
        """What adb prints, on either channel."""
        done = self.sandbox.run([self.adb, *words], self.env)
        return done.stdout + done.stderr

    def command(self, *words: str) -> list[str]:
        """The words of an edgebench command."""
        return [sys.executable, "-m", "edgebench.cli", *words]

    def edgebench(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run an edgebench command to its end, in the bench's own folder."""
        inside = ["env", "-C", str(self.folder), *self.command(*words)]
        return self.sandbox.run(inside, {**self.env, **env})

    def register(self, **tables: Mapping[str, object]) -> None:
        """Write the user's list of devices."""
        text = ""
        for name, fields in tables.items():
            text += f"[{name}]\n" + "".join(f"{key} = {_toml(v)}\n" for key, v in fields.items())
        (self.folder / "config" / "devices.toml").write_text(text)

    def close(self) -> None:
        self.sandbox.close()


class Phone:
    """One phone: its daemon, its file system, and what its services answer."""

    def __init__(
        self,
        bench: Bench,
        name: str,
        port: int = CABLE,
        about: Mapping[str, str] = PIXEL_7,
        python: str = sys.executable,
    ) -> None:
        self.bench = bench
        self.port = port
        self.folder = bench.folder / name
        self.state = self.folder / "state"
        self.home = self.folder / "data/local/tmp/edgebench"
        self.storage = self.folder / "storage/emulated/0"
        self.home.parent.mkdir(parents=True)
        self.state.mkdir()
        (self.folder / "bin").mkdir()
        for script in NAMES:
            text = SCRIPT.format(state=shlex.quote(str(self.state)))
            executable(self.folder / "bin" / script, text)
        executable(self.folder / "bin" / "python3", f'#!/bin/sh\nexec {python} "$@"\n')
        self.is_a({**about, "ro.serialno": name})
        self.warms_to(31.0)
        self.charges(True)
        (self.state / "dumpsys.power").write_text(POWER)
        self._nsenter: subprocess.Popen[bytes] | None = None

    @property
    def serial(self) -> str:
        """As on a cable: adb finds the phone itself."""
        return f"emulator-{self.port - 1}"

    @property
    def address(self) -> str:
        """As over the network: the user connects it."""
        return f"127.0.0.1:{self.port}"

    @property
    def entry(self) -> dict[str, object]:
        """Its table in the user's list of devices."""
        return {
            "description": "a phone of the tests",
            "transport": "adb",
            "match": ["panther"],
            "home": str(self.home),
        }

    def is_a(self, properties: Mapping[str, str]) -> None:
        lines = (f"{key}={value}\n" for key, value in properties.items())
        (self.state / "properties").write_text("".join(lines))

    def warms_to(self, skin: float, status: int = 0) -> None:
        text = THERMAL.format(status=status, skin=skin, battery=skin - 2, big=skin + 9)
        (self.state / "dumpsys.thermalservice").write_text(text)

    def charges(self, plugged: bool, level: int = 86) -> None:
        text = BATTERY.format(
            powered=str(plugged).lower(), status=2 if plugged else 3, level=level, tenths=291
        )
        (self.state / "dumpsys.battery").write_text(text)

    @property
    def calls(self) -> list[str]:
        """The command lines of the services that were asked so far."""
        path = self.state / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def plug_in(self) -> None:
        """Start the daemon."""
        there = libraries(self.bench.adbd)
        loader = next(there.glob("ld-linux-*.so.*"))
        library_path = f"{there}:{there}/android"
        self._nsenter = self.bench.sandbox.start(
            [str(loader), "--library-path", library_path, f"{self.bench.adbd}/usr/sbin/adbd"],
            {
                "PATH": f"{self.folder}/bin:/usr/bin:/bin",
                "HOME": str(self.folder),
                "ADBD_PORT": str(self.port),
                "EXTERNAL_STORAGE": str(self.storage),
                "OMP_NUM_THREADS": "1",
            },
            self.folder / "adbd.log",
            self.folder,
        )

    @property
    def daemon(self) -> int:
        """The daemon's process."""
        assert self._nsenter is not None
        return only_child(self._nsenter.pid)

    def unplug(self) -> None:
        """Kill the daemon; what it has started only learns that nobody speaks to it any more."""
        os.kill(self.daemon, signal.SIGKILL)
        assert self._nsenter is not None
        self._nsenter.wait()
        self._nsenter = None

    def wait_until_seen(self) -> None:
        """Wait until adb lists it as ready, after telling it of the phone as emulators do."""
        self.bench.ask_adb("start-server")
        self.bench.sandbox.run([sys.executable, "-c", ANNOUNCE, str(self.port)])
        end = time.monotonic() + 60
        while f"{self.serial}\tdevice" not in (seen := self.bench.ask_adb("devices")):
            if time.monotonic() > end:
                raise TimeoutError(f"adb does not see {self.serial}: {seen}")
            time.sleep(0.2)

    def left_behind(self) -> list[str]:
        """The files that are left in the folder for programs of the shell."""
        return sorted(str(path) for path in self.home.parent.rglob("*"))


def executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _without_system(source: Path, target: Path) -> Path:
    """Links to all libraries of a folder but those that the system's loader belongs to."""
    target.mkdir()
    for path in source.iterdir():
        if not path.name.startswith(OWN_LIBRARIES):
            (target / path.name).symlink_to(path)
    return target


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool | int) else f'"{value}"'
