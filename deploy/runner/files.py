"""The plan's files: checked against their hashes, and read as what an artifact takes."""

from __future__ import annotations

import hashlib
import os
from typing import Any, Iterator  # noqa: UP035

from .messages import Json, RunnerError


def checked(folder: str, name: str, sha256: str) -> str:
    """The path of a file of that name, if it is the one of that hash. Raises `RunnerError`."""
    path = os.path.join(folder, name)
    try:
        with open(path, "rb") as file:
            found = hashlib.sha256(file.read()).hexdigest()
    except OSError as error:
        raise RunnerError(f"cannot read {path}: {error.strerror}") from None
    if found != sha256:
        raise RunnerError(f"{path} has changed since the plan was made")
    return path


def images(np: Any, folder: str, evaluation: Json) -> Iterator[Any]:
    """The evaluation images, each as the artifact's input in real values."""
    with np.load(checked(folder, evaluation["file"], evaluation["sha256"])) as archive:
        pixels = archive["images"]
    mean, std = (np.array(evaluation[name], "float32") for name in ("mean", "std"))
    for image in pixels:
        nhwc = (image[np.newaxis].astype("float32") / 255 - mean) / std
        yield nhwc.transpose(0, 3, 1, 2).transpose(evaluation["axes"])
