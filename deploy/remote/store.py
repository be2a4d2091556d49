"""What edgebench keeps on a device: one folder, with files named by content.

    HOME/files/<sha256>.<ext>    artifacts and evaluation inputs, as in a run folder
    HOME/runs/<id>/              a plan that is being run; its `files` is a link to HOME/files
    HOME/runs/<id>/pid           the process id of its runner, and which edgebench started it
    HOME/python/                 edgebench's own Python, if the device was prepared

A file is sent once: a file with the right content is not sent again for another run. Everything is
in this folder, so that removing it leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from edgebench.deploy.documents.staging import RUNNER
from edgebench.deploy.remote.shell import Shell, quoted
from edgebench.documents import sha256
from edgebench.errors import DeviceError
from edgebench.places import data_folder
from edgebench.progress import Progress

SENDING = "sending files (KiB)"
SPARE_BYTES = 4 << 20
"""For results, and for the runtime's own files."""


PID = "pid"


def this_host() -> str:
    """The name of this edgebench on devices. Those that share our locks have the same name."""
    locks = hashlib.sha256(str(data_folder().resolve()).encode()).hexdigest()
    return f"{socket.gethostname()}:{locks[:8]}"


class Store:
    """The folder `home` on a device."""

    def __init__(self, shell: Shell, home: str) -> None:
        self.shell = shell
        self.home = home

    @property
    def files(self) -> str:
        return f"{self.home}/files"

    @property
    def python(self) -> str:
        return f"{self.home}/python/bin/python3"

    def run_folder(self, name: str) -> str:
        """The folder of one plan; it is made if needed. Raises `DeviceError`."""
        path = f"{self.home}/runs/{name}"
        # Not `ln -sfn`: the second link would be made in the folder that the first points to.
        self.shell.check_output(
            f"mkdir -p {quoted(self.files)} {quoted(path)} && cd {quoted(path)} && "
            "{ [ -e files ] || ln -s ../../files files; }"
        )
        return path

    def send_files(self, folder: Path, progress: Progress) -> None:
        """Send the files of a folder that the device does not have. Raises `DeviceError`."""
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        self.send(
            {path.relative_to(folder).as_posix(): path for path in files}, self.files, progress
        )

    def send(self, wanted: Mapping[str, Path], folder: str, progress: Progress) -> None:
        """Send the files, by their names on the device, that a folder there does not have.

        Raises `DeviceError`.
        """
        there = self._hashes(folder, wanted)
        missing = {name: path for name, path in wanted.items() if there.get(name) != sha256(path)}
        sizes = {name: path.stat().st_size for name, path in missing.items()}
        self._make_room(sum(sizes.values()))
        parents = sorted({str(PurePosixPath(folder, name).parent) for name in missing})
        if parents:
            self.shell.check_output("mkdir -p " + " ".join(map(quoted, parents)))
        total = max(sum(sizes.values()) // 1024, 1)
        sent = 0
        for name, path in missing.items():
            progress(SENDING, min(sent // 1024, total - 1), total)
            self.shell.send(path, f"{folder}/{name}")
            sent += sizes[name]
        if missing:
            progress(SENDING, total, total)

    def _hashes(self, folder: str, names: Iterable[str]) -> dict[str, str]:
        """SHA-256 by name of the files that exist in a folder on the device."""
        words = " ".join(map(quoted, names))
        if not words:
            return {}
        listed = self.shell.run(f"cd {quoted(folder)} && sha256sum {words}", timeout_s=300)
        lines = (line.split(maxsplit=1) for line in listed.stdout.splitlines())
        return {fields[1]: fields[0] for fields in lines if len(fields) == 2}

    def leftover_runners(self) -> tuple[int, ...]:
        """The processes of our runners on the device that no host reads any more.

        Raises `DeviceError` if another edgebench runs one: our locks cannot make it wait.
        """
        told = self.shell.check_output(
            f"for file in {quoted(self.home)}/runs/*/{PID}; do "
            f'read -r pid owner <"$file" && grep -q {RUNNER} /proc/$pid/cmdline && '
            'echo "$pid $owner"; done 2>/dev/null; true'
        )
        found = {int(pid): owner for pid, owner in map(str.split, told.splitlines())}
        for pid, owner in found.items():
            if owner != this_host():
                raise DeviceError(
                    f"{self.shell.name} is in use by edgebench on {owner.partition(':')[0]}",
                    "wait until it ends; if it is not running any more, stop process "
                    f"{pid} on {self.shell.name}",
                )
        return tuple(found)

    def free_bytes(self) -> int | None:
        """The free space at the folder; None if `df` does not report it."""
        answer = self.shell.run(f'{self._nearest}; df -Pk "$at"')
        fields = (answer.stdout.strip().splitlines() or [""])[-1].split()
        return int(fields[3]) * 1024 if len(fields) > 3 and fields[3].isdigit() else None

    def check_writable(self) -> None:
        """Write a small file where the folder is or will be, and remove it again.

        Raises `DeviceError` if that fails; a quota, for example, shows only this way.
        """
        self.shell.check_output(
            f"{self._nearest}; try=$at/.edgebench-$$; "
            'echo try >"$try" && rm "$try" || { rm -f "$try"; false; }'
        )

    @property
    def _nearest(self) -> str:
        """Shell code that sets `at` to the folder, or to the part of its path that exists."""
        return f'at={quoted(self.home)}; while [ ! -e "$at" ]; do at=$(dirname "$at"); done'

    def _make_room(self, wanted_bytes: int) -> None:
        free = self.free_bytes()
        if free is not None and wanted_bytes and free < wanted_bytes + SPARE_BYTES:
            raise DeviceError(
                f"{self.shell.name} has {free / 1e6:.0f} MB left in {self.home}, but "
                f"{(wanted_bytes + SPARE_BYTES) / 1e6:.0f} MB are needed",
                "free some space there, or measure fewer models at once",
            )

    def remove_runs(self) -> None:
        """Remove the files of runs, and leave what was prepared for them.

        Raises `DeviceError`, also if another edgebench has a run there.
        """
        self.leftover_runners()
        home = quoted(self.home)
        self.shell.check_output(
            f"rm -rf {home}/files {home}/runs && {{ rmdir {home} 2>/dev/null; true; }}"
        )

    def remove_all(self) -> None:
        """Remove the whole folder. Raises `DeviceError`."""
        self.shell.check_output(f"rm -rf {quoted(self.home)}", timeout_s=300)
