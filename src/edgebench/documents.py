"""The JSON files that edgebench writes and reads back: typed, versioned, written whole.

A document is a frozen dataclass whose class variable `SCHEMA` names its kind and version, such as
`edgebench.plan/1`. The name is the first key of the file, so that a reader of another version can
say so instead of misreading.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from edgebench.errors import InvalidFileError, UnwritableError


class Document(Protocol):
    SCHEMA: ClassVar[str]


D = TypeVar("D", bound=Document)
T = TypeVar("T")

_CONVERTING = threading.RLock()


def convert(raw: Any, kind: type[T], *, strict: bool = True) -> T:
    """`msgspec.convert`, in one thread at a time. Raises `msgspec.ValidationError`.

    msgspec 0.22 learns a dataclass when it first meets it, and Python ends in a segmentation fault
    where two threads, such as those of two devices, make it learn one class at once.
    """
    with _CONVERTING:
        return msgspec.convert(raw, kind, strict=strict)  # noqa: TID251


def decode(text: str | bytes, kind: type[T]) -> T:
    """The same for JSON. Raises `msgspec.DecodeError`, and `msgspec.ValidationError`."""
    with _CONVERTING:
        return msgspec.json.decode(text, type=kind)  # noqa: TID251


def load(path: Path, kind: type[D]) -> D:
    """Read a document of one kind.

    Raises `InvalidFileError` for a file that is missing, not JSON, of another kind or version, or
    whose fields do not fit.
    """
    try:
        raw: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidFileError(f"cannot read {path}: {error.strerror}", "check the path") from error
    except ValueError as error:
        raise InvalidFileError(f"{path} is not JSON: {error}", "write it again") from error
    found = raw.pop("schema", None) if isinstance(raw, dict) else None
    if found != kind.SCHEMA:
        raise InvalidFileError(*_mismatch(path, found, kind.SCHEMA))
    try:
        return convert(raw, kind)
    except msgspec.ValidationError as error:
        raise InvalidFileError(
            f"{path} is not a valid {kind.SCHEMA}: {error}", "write it again"
        ) from error


def _mismatch(path: Path, found: object, wanted: str) -> tuple[str, str]:
    name, _, version = wanted.partition("/")
    if isinstance(found, str) and found.startswith(name + "/"):
        other = found.rpartition("/")[2]
        newer = other.isdigit() and int(other) > int(version)
        remedy = "update edgebench" if newer else "make the file again with this edgebench"
        return f"{path} is {found}; this edgebench reads {wanted}", remedy
    return f"{path} is not an {wanted} file", "check that this is the file you meant"


def save(path: Path, document: Document) -> None:
    """Write a document whole or not at all. Raises `UnwritableError`."""
    text = dump(document)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def dump(document: Document) -> str:
    """The document as the text of its file. Raises `ValueError` for NaN, which JSON has not."""
    body = {"schema": document.SCHEMA, **msgspec.to_builtins(document)}
    return json.dumps(body, indent=1, allow_nan=False) + "\n"


def require_writable(folder: Path) -> None:
    """Raise `UnwritableError` where nothing could be written to a folder, there yet or not.

    For work that takes long before it writes. The folder is not made.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.exists(path))
    if not there.is_dir():
        reason = f"{there} is not a folder"
    elif not allows(there, os.W_OK | os.X_OK):
        reason = f"{there} may not be written to"
    else:
        return
    raise UnwritableError(f"cannot write to {folder}: {reason}", "choose another folder")


def allows(path: Path, mode: int) -> bool:
    """Whether this process may read (`os.R_OK`), write or enter a file or folder."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place if the block ends well.

    It is an empty file; the block may make a folder of it. Raises `UnwritableError` where the
    folder cannot be written, the disk is full, or a file would take the place of a folder; what
    stood at `path` before is untouched then.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        temporary.chmod(0o644)
        yield temporary
        _take_place(temporary, path)
    except OSError as error:
        raise UnwritableError(
            f"cannot write {path}: {error.strerror or error}",
            "free some space or choose another folder",
        ) from error
    finally:
        if temporary is not None:
            remove(temporary)


def _take_place(temporary: Path, path: Path) -> None:
    """Move a file or folder to `path`, whatever stands there; it comes back where that fails."""
    if not temporary.is_dir():
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        temporary.replace(path)
        return
    # No system call puts a folder in the place of a full one: the old one has to step aside.
    aside = temporary.with_name(temporary.name + ".old")
    if path.exists():
        path.rename(aside)
    try:
        temporary.rename(path)
    except OSError:
        if aside.exists():
            aside.rename(path)
        raise
    remove(aside)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex; of a folder see `folder_sha256`. Raises `OSError`."""
    if path.is_dir():
        files = (file for file in path.rglob("*") if not file.is_dir())
        return folder_sha256({file.relative_to(path).as_posix(): sha256(file) for file in files})
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_sha256(files: Mapping[str, str]) -> str:
    """The hash of a folder from those of its files, by relative path.

    It is the hash of what `sha256sum` prints for them in the order of their paths' bytes.
    """
    lines = (f"{files[name]}  {name}\n" for name in sorted(files, key=str.encode))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
