"""A .tflite file as a graph."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgebench.converters.lint.graph import LintGraph
from edgebench.converters.lint.readers.tflite_content import parse
from edgebench.converters.tflite import content, inspect
from edgebench.errors import InvalidFileError


def read(path: Path, name: str, precision: str) -> LintGraph:
    """Read the file's main subgraph, and ask LiteRT how XNNPACK divides it on this machine.

    Raises `InvalidFileError` for what is no TFLite file, and `MissingExtraError`.
    """
    found = content.read(path)
    return _asked(parse(found, name, precision), found)


def _asked(graph: LintGraph, found: bytes) -> LintGraph:
    """The graph with what LiteRT says of it on this machine."""
    try:
        summary = inspect.summary(found)
    except InvalidFileError as error:
        return replace(graph, refused=error.message)
    return replace(graph, partitions=summary.partitions, outside=summary.outside)
