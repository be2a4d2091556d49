"""Somebody else's model files: found in a folder, and taken as artifacts as they are.

A manifest is made on the spot from what lies in the file. It has no evaluation, so that no
report can show an accuracy or a drift, and says of everything that a file does not tell that it
is not known. A file that cannot be read is an artifact too: whether it runs is for the device to
say, so that it fails alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from edgebench.converters.artifact import Artifact, Manifest, Quantization, TensorSpec, has_manifest
from edgebench.converters.artifact import find_artifacts as find_own
from edgebench.converters.lint.graph import LintGraph, LintTensor
from edgebench.converters.lint.summary import madds, precision
from edgebench.documents import allows, sha256
from edgebench.errors import EdgeBenchError, InvalidFileError

SUFFIXES = {".tflite": "tflite", ".lite": "tflite", ".onnx": "onnx"}
"""The formats by the ends of files' names, whether in capitals or not."""

NETWORK = "model.xml"
"""A folder with this file in it is OpenVINO's."""

PACKAGE, CONTENTS = ".mlpackage", "Manifest.json"
"""A folder with this end, and with this file in it, is Core ML's."""

Read = Callable[[Path, str, str], LintGraph]
"""Reads the file or folder at a path, by the name and the precision that the graph is to have."""

UNKNOWN = "unknown"

RUN_FOLDER = "draft.json"
"""A folder with this file is a run's, and what it holds are copies."""


def files(folder: Path) -> dict[str, tuple[str, Path]]:
    """Format and path of every model file in a folder and those below it, by the model's name.

    The name is the path within the folder without its end, or with it where two would be the same.
    Hidden files, copies in the folders of runs, and what has a manifest are passed over. A file is
    a folder of one. Raises `InvalidFileError` for a folder that may not be read.
    """
    if folder.is_dir() and not allows(folder, os.R_OK | os.X_OK):
        raise InvalidFileError(f"cannot read {folder}: permission denied", "check its permissions")
    alone = folder.is_file() or (folder.suffix.lower() == PACKAGE and _is_model(folder))
    found = [_file(path, path.parent) for path in (folder,) if alone]
    found += [] if alone else [_file(path, folder) for path in _walk(folder)]
    stems: dict[str, int] = {}
    for stem, *_ in found:
        stems[stem] = stems.get(stem, 0) + 1
    return {
        stem if stems[stem] == 1 else name: (form, path)
        for stem, name, form, path in sorted(found, key=lambda one: one[1])
        if form
    }


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        if RUN_FOLDER in names:
            folders.clear()
            continue
        networks = [one for one in folders if _is_model(Path(parent, one))]
        folders[:] = [one for one in folders if one not in networks and not one.startswith(".")]
        for name in (*networks, *names):
            path = Path(parent, name)
            if not name.startswith(".") and _format(path) and not has_manifest(path):
                yield path


def _file(path: Path, folder: Path) -> tuple[str, str, str, Path]:
    """A model's name without its end, with it, its format and its path."""
    name = _printable(path.relative_to(folder).as_posix())
    return name.removesuffix(path.suffix), name, _format(path), path


def _printable(name: str) -> str:
    """A file may have any bytes in its name; a report cannot."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name)


def _is_model(folder: Path) -> bool:
    return bool(_folder_format(folder))


def _folder_format(folder: Path) -> str:
    if folder.suffix.lower() == PACKAGE and os.path.isfile(folder / CONTENTS):
        return "coreml"
    # False, too, for a folder that is closed to us.
    return "openvino" if os.path.isfile(folder / NETWORK) else ""


def _format(path: Path) -> str:
    if path.is_dir():
        return _folder_format(path)
    return SUFFIXES.get(path.suffix.lower(), "") if path.is_file() else ""


def find_artifacts(
    folder: Path, names: Collection[str] | None, formats: Collection[str] | None
) -> Iterator[Artifact]:
    """A folder's own artifacts, and the foreign files of those names and formats.

    Without names, files are taken where the folder has no artifact of its own. Raises
    `InvalidFileError`.
    """
    own = list(find_own(folder))
    yield from own
    for name, (form, path) in files(folder).items():
        named = not own if names is None else name in names
        if named and (formats is None or form in formats):
            yield adopt(name, form, path, folder)


def adopt(name: str, form: str, path: Path, folder: Path) -> Artifact:
    """One file as an artifact. Raises `InvalidFileError` where not even its bytes can be read."""
    try:
        digest, size_bytes = sha256(path), _size_bytes(path)
    except OSError as error:
        raise InvalidFileError(
            f"cannot read {path}: {error.strerror}", "check its permissions"
        ) from error
    graph = _read(form, path)
    manifest = Manifest(
        model=name,
        baseline=name,
        format=form,
        precision=precision(graph) if graph else UNKNOWN,
        file=_printable(path.relative_to(folder if folder.is_dir() else path.parent).as_posix()),
        sha256=digest,
        size_bytes=size_bytes,
        weights="unknown",
        weights_sha256="",
        inputs=_specs(graph, graph.inputs) if graph else (),
        outputs=_specs(graph, graph.outputs) if graph else (),
        preprocessing=None,
        labels=None,
        parameters=None,
        madds=madds(graph) if graph else None,
        hops=(),
        calibration=None,
        evaluation=None,
        maker="",
        tools={},
        command="",
        fingerprint="",
    )
    return Artifact(path, manifest)


def _size_bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def _read(form: str, path: Path) -> LintGraph | None:
    """The file's graph; None where it is damaged, or where what reads it is not installed."""
    try:
        return READERS[form]()(path, path.name, UNKNOWN)
    except (EdgeBenchError, ModuleNotFoundError):
        return None


def _onnx() -> Read:
    from edgebench.converters.lint.readers import onnx

    return onnx.read


def _openvino() -> Read:
    from edgebench.converters.lint.readers import openvino

    return openvino.read


def _tflite() -> Read:
    # As it lies in the file: what LiteRT would make of it here does not matter.
    from edgebench.converters.lint.readers import tflite_content

    return tflite_content.read


def _coreml() -> Read:
    from edgebench.converters.lint.readers import coreml

    return coreml.read


READERS: dict[str, Callable[[], Read]] = {
    "coreml": _coreml,
    "onnx": _onnx,
    "openvino": _openvino,
    "tflite": _tflite,
}


def _specs(graph: LintGraph, names: Collection[str]) -> tuple[TensorSpec, ...]:
    return tuple(_spec(graph.tensors[name]) for name in names)


def _spec(tensor: LintTensor) -> TensorSpec:
    """As the file has it; a dimension that is not fixed is -1."""
    shape = tuple(-1 if side is None else side for side in tensor.shape or ())
    scale = tensor.quantised
    single = Quantization(scale.scales[0], scale.zero_points[0]) if scale else None
    return TensorSpec(tensor.name, shape, tensor.dtype, tuple(range(len(shape))), single)
