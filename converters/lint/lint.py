"""Lint an artifact: find its reader and its baseline, and ask every rule."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from edgebench.converters.artifact import Manifest, manifest_path
from edgebench.converters.lint.all_rules import RULES
from edgebench.converters.lint.delegates import DELEGATES
from edgebench.converters.lint.graph import LintGraph
from edgebench.converters.lint.readers.by_format import READERS
from edgebench.converters.lint.rule import SEVERITIES, LintFinding, Severity, Subject, check
from edgebench.converters.targets import FORMATS
from edgebench.documents import load
from edgebench.errors import InvalidFileError, MissingExtraError

SUFFIXES = {f".{form.extension}": name for name, form in FORMATS.items()} | {".xml": "openvino"}


@dataclass(frozen=True)
class Report:
    """What was found in one artifact, gravest first.

    `baseline` is the file that it was held against. `clear` names the accelerators that were asked
    for, take files of this format, and are not known to mind anything in this one.
    """

    artifact: str
    format: str
    precision: str
    baseline: str | None
    findings: tuple[LintFinding, ...]
    clear: tuple[str, ...]

    def reaches(self, severity: Severity) -> bool:
        """Whether anything as grave as this was found."""
        least = SEVERITIES.index(severity)
        return any(SEVERITIES.index(one.rule.severity) >= least for one in self.findings)


def lint(path: Path, delegates: Collection[str], baseline: Path | None = None) -> Report:
    """Check a file or folder of any format, with its manifest beside it or without.

    The baseline is the one that the manifest names, of the same format and precision, if it lies
    in the same folder; another may be given. Raises `InvalidFileError`, `MissingExtraError`.
    """
    manifest = _manifest(path)
    graph = _read(path, manifest)
    beside = baseline or _baseline(path, manifest)
    other = _read(beside, _manifest(beside)) if beside is not None else None
    if other is not None and other.format != graph.format:
        raise InvalidFileError(
            f"the baseline {beside} is {other.format}, and {path} is {graph.format}",
            "give a baseline of the same format",
        )
    findings = check(Subject(graph, other), RULES, delegates)
    minding = {one.rule.delegate for one in findings if one.rule.severity != "info"}
    return Report(
        artifact=path.name,
        format=graph.format,
        precision=graph.precision,
        baseline=None if other is None else other.name,
        findings=tuple(findings),
        clear=tuple(
            name
            for name in delegates
            if graph.format in DELEGATES[name].formats and name not in minding
        ),
    )


def _manifest(path: Path) -> Manifest | None:
    beside = manifest_path(path)
    return load(beside, Manifest) if beside.exists() else None


def _baseline(path: Path, manifest: Manifest | None) -> Path | None:
    """The baseline's file beside this one; None for a baseline itself."""
    if manifest is None or manifest.baseline == manifest.model:
        return None
    name = manifest.file.replace(manifest.model, manifest.baseline, 1)
    found = path.with_name(name)
    return found if found.exists() else None


def _read(path: Path, manifest: Manifest | None) -> LintGraph:
    if not path.exists():
        raise InvalidFileError(f"there is nothing at {path}", "make it with: edgebench export")
    _require_readable(path)
    name = manifest.format if manifest is not None else _format(path)
    try:
        read = READERS[name]()
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or name, FORMATS[name].extra) from error
    precision = manifest.precision if manifest is not None else "unknown"
    return read(path, path.name, precision)


def _require_readable(path: Path) -> None:
    """Raise `InvalidFileError` for what the system does not let us read."""
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            path.open("rb").close()
    except OSError as error:
        raise InvalidFileError(
            f"cannot read {path}: {error.strerror}", "check its permissions"
        ) from error


def _format(path: Path) -> str:
    """By the name's end; a folder with a network in it is OpenVINO's. Raises `InvalidFileError`."""
    if path.suffix in SUFFIXES:
        return SUFFIXES[path.suffix]
    if path.is_dir() and any(path.glob("*.xml")):
        return "openvino"
    raise InvalidFileError(
        f"{path} is of no format that the linter reads",
        f"give a file that ends in one of {', '.join(sorted(SUFFIXES))}",
    )
