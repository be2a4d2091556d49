"""Staging: the folder that a device runs a plan from.

    plan.json            the plan
    runner.pyz           the program that carries it out
    files/<sha256>.<ext> the artifacts (files or folders) and evaluation inputs, by content
    result.json          the result, updated during the run
    outputs/<slot>/<role>.npy  what is kept of the outputs of the evaluation inputs
    host/                the same plan evaluated on this machine's own processor, if a device
                         needs that to compare its outputs

Files are named by content, so that a transport does not send what the device already has. The
folder is complete: a run can be resumed after its artifacts were exported again.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

from edgebench.deploy import runner
from edgebench.deploy.documents.plan import Plan
from edgebench.documents import load, replacing, save, sha256
from edgebench.errors import InvalidFileError

PLAN = "plan.json"
RESULT = "result.json"
FILES = "files"
HOST = "host"
RUNNER = "runner.pyz"

_START = """\
import sys
from edgebench_runner.command import main
sys.exit(main(sys.argv[1:]))
"""


def content_name(path: Path, digest: str) -> str:
    """The name that a file or folder goes by in the staging folder."""
    return digest + path.suffix


def stage_file(path: Path, digest: str, folder: Path) -> str:
    """Put a file or folder into a run folder, by content, and return its name there.

    Files are hard links where that is possible, so that large models need no extra space. Raises
    `InvalidFileError` if the file is gone or does not have that digest, and `UnwritableError`.
    """
    try:
        found = sha256(path)
    except OSError as error:
        raise InvalidFileError(
            f"cannot read {path}: {error.strerror}", "export it again with: edgebench export"
        ) from error
    if found != digest:
        raise InvalidFileError(
            f"{path} has changed since its manifest was written",
            "export it again with: edgebench export",
        )
    target = folder / FILES / content_name(path, digest)
    with replacing(target) as temporary:
        temporary.unlink()
        if path.is_dir():
            shutil.copytree(path, temporary, copy_function=_link_or_copy)
        else:
            _link_or_copy(path, temporary)
    return target.name


def _link_or_copy(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def stage_runner(folder: Path) -> str:
    """Pack the runner into one file in a run folder, and return its name there.

    The same sources make the same bytes. Raises `UnwritableError`.
    """
    source = Path(runner.__file__).parent
    with replacing(folder / RUNNER) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py"), _START)
        for path in sorted(source.rglob("*.py")):
            name = Path("edgebench_runner") / path.relative_to(source)
            archive.writestr(zipfile.ZipInfo(name.as_posix()), path.read_bytes())
    return RUNNER


def write_plan(plan: Plan, folder: Path) -> None:
    """Write the plan into its run folder. Raises `UnwritableError`."""
    save(folder / PLAN, plan)


def read_plan(folder: Path) -> Plan:
    """Read the plan of a run folder. Raises `InvalidFileError`."""
    return load(folder / PLAN, Plan)


def plan_hash(folder: Path) -> str:
    """The hash that a result names its plan by."""
    return sha256(folder / PLAN)
