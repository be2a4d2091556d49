"""The specification in a saved .mlpackage: the protobuf message that its manifest names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from edgebench.converters.coreml.evaluator.tools import ct
from edgebench.errors import InvalidFileError


def specification_of(path: Path) -> Any:
    """Read it. Raises `InvalidFileError`."""
    try:
        content = (path / "Data" / _place(path)).read_bytes()
    except OSError as error:
        raise _no_package(path, without(path, error)) from error
    message = ct.proto.Model_pb2.Model()
    try:
        message.ParseFromString(content)
    except Exception as error:  # protobuf's own error, whose class differs between its releases
        raise InvalidFileError(f"{path} is damaged: {error}", "make it again") from error
    return message


def _place(path: Path) -> str:
    """Where the model lies, by the manifest. Raises `InvalidFileError` and `OSError`."""
    try:
        manifest = json.loads((path / "Manifest.json").read_bytes())
        return str(manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"])
    except ValueError as error:
        raise _no_package(path, "its Manifest.json is not JSON") from error
    except (KeyError, TypeError) as error:
        raise _no_package(path, "its Manifest.json names no model") from error


def _no_package(path: Path, reason: str) -> InvalidFileError:
    return InvalidFileError(
        f"{path} is not an .mlpackage: {reason}", "give the folder that coremltools saved"
    )


def without(path: Path, error: OSError) -> str:
    """What a package lacks, or what cannot be read in it."""
    if not path.is_dir():
        return "it is a file, not a folder" if path.exists() else "it is not there"
    missing = os.path.relpath(error.filename, path) if error.filename else "a file"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"it has no {missing}"
    return f"{missing} cannot be read ({error.strerror or error})"
