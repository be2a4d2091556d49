"""Staging: the folder that a device runs a plan from.

    plan.json            the plan
    files/<sha256>.<ext> the artifacts and evaluation inputs, by content
    result.json          the result, as it comes
    outputs/<slot>.npy   the outputs of the evaluation inputs

Files go by content so that a transport need not send what the device has, and so that the folder
is complete in itself: a run can be resumed after its artifacts were exported anew.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edgebench.deploy.plan import Plan
from edgebench.documents import load, replacing, save, sha256
from edgebench.errors import InvalidFileError

PLAN = "plan.json"
RESULT = "result.json"
FILES = "files"


def content_name(path: Path, digest: str) -> str:
    """The name that a file goes by in the staging folder."""
    return digest + path.suffix


def stage_file(path: Path, digest: str, folder: Path) -> str:
    """Put a file into a run folder, by content, and return its name there.

    It is a hard link where that is possible, so that large models cost no space. Raises
    `InvalidFileError` where the file is gone or is not the one of that digest, and
    `UnwritableError`.
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
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)
    return target.name


def write_plan(plan: Plan, folder: Path) -> None:
    """Write the plan into its run folder. Raises `UnwritableError`."""
    save(folder / PLAN, plan)


def read_plan(folder: Path) -> Plan:
    """Read the plan of a run folder. Raises `InvalidFileError`."""
    return load(folder / PLAN, Plan)


def plan_hash(folder: Path) -> str:
    """The hash that a result names its plan by."""
    return sha256(folder / PLAN)
