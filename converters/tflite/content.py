"""The bytes of a .tflite file."""

from __future__ import annotations

from pathlib import Path

from edgebench.errors import InvalidFileError

# Bytes 4 to 8 of every TFLite flatbuffer.
IDENTIFIER = b"TFL3"


def read(source: Path | bytes) -> bytes:
    """The file's bytes. Raises `InvalidFileError` for what cannot be read or is no TFLite file."""
    name = "the model" if isinstance(source, bytes) else str(source)
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise InvalidFileError(f"cannot read {name}: {error.strerror}") from error
    if content[4:8] != IDENTIFIER:
        raise InvalidFileError(f"{name} is not a TFLite file", "export it with: edgebench export")
    return content
