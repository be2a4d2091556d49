"""What can be exported to, as one table. A new format is one row here and one module.

The module offers the functions of `edgebench.converters.backend.Backend`. It is imported only when
something is exported to the format, by a function, so that import-linter sees it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import InvalidFileError, MissingExtraError, UnknownNameError

if TYPE_CHECKING:
    from edgebench.content import Content
    from edgebench.converters.backend import Backend
    from edgebench.converters.precision import MixedPrecision


@dataclass(frozen=True)
class Format:
    """A file format: its precisions (the first is the default), and what it takes to write it.

    `calibrated` names the precisions whose ranges are set by data. `mixable` names
    those that may have exceptions (`edgebench.converters.precision`). `packages` are the modules to
    import, `extra` is edgebench's own name for the set of them, and `maker` the one that writes the
    file. `load` imports the backend. Where no runtime runs the format off its own devices it is not
    `measured_here`: then the export takes the artifact's outputs, so that its accuracy is known.
    `corrects_biases` says that the tool that quantises moves biases.
    `kernels_vary` says that what the runtime computes on some processors is not what the file
    defines. `effort` is how long a target takes, beside those of other formats.
    """

    precisions: tuple[str, ...]
    calibrated: frozenset[str]
    mixable: frozenset[str]
    extension: str
    extra: str
    packages: tuple[str, ...]
    load: Callable[[], Backend[Any]]
    maker: str
    measured_here: bool = True
    kernels_vary: bool = False
    corrects_biases: bool = False
    effort: float = 1.0

    @property
    def own_packages(self) -> tuple[str, ...]:
        """What the conversion of no other format needs."""
        return tuple(package for package in self.packages if package not in _BASE_PACKAGES)


def _coreml() -> Backend[Content]:
    from edgebench.converters.coreml import target

    return target


def _onnx() -> Backend[bytes]:
    from edgebench.converters.onnxruntime import target

    return target


def _openvino() -> Backend[Mapping[str, bytes]]:
    from edgebench.converters.openvino import target

    return target


def _tflite() -> Backend[bytes]:
    from edgebench.converters.tflite import target

    return target


ALL = "all"
SUFFIX = ".json"
"""How a file with a mixed precision ends."""

_BASE_PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime", "onnxsim")

FORMATS: dict[str, Format] = {
    "coreml": Format(
        precisions=("fp32", "fp16", "int8w", "w8a8", "palettized4", "palettized6"),
        calibrated=frozenset({"w8a8"}),
        mixable=frozenset({"int8w", "w8a8", "palettized4", "palettized6"}),
        extension="mlpackage",
        extra="coreml",
        packages=(*_BASE_PACKAGES, "coremltools"),
        load=_coreml,
        maker="coremltools",
        measured_here=False,
        effort=1.8,
    ),
    "onnx": Format(
        precisions=("fp32", "fp16", "int8", "int8r"),
        calibrated=frozenset({"int8", "int8r"}),
        mixable=frozenset({"int8", "int8r"}),
        extension="onnx",
        extra="onnx",
        packages=_BASE_PACKAGES,
        load=_onnx,
        maker="onnx",
        kernels_vary=True,
        effort=1.4,
    ),
    "openvino": Format(
        precisions=("fp32", "fp16", "int8", "int8r"),
        calibrated=frozenset({"int8", "int8r"}),
        mixable=frozenset({"int8", "int8r"}),
        extension="openvino",
        extra="openvino",
        packages=(*_BASE_PACKAGES, "openvino", "nncf"),
        load=_openvino,
        maker="openvino",
        kernels_vary=True,
        corrects_biases=True,
        effort=1.8,
    ),
    "tflite": Format(
        precisions=("fp32", "fp16", "dynamic", "int8", "int8f", "int16x8"),
        calibrated=frozenset({"int8", "int8f", "int16x8"}),
        mixable=frozenset({"int8", "int8f"}),
        extension="tflite",
        extra="tflite",
        packages=(*_BASE_PACKAGES, "tensorflow", "ai_edge_litert"),
        load=_tflite,
        maker="tensorflow",
    ),
}


@dataclass(frozen=True)
class Target:
    """A format and a precision, written `tflite:int8`.

    `mix` says which exceptions the precision has, None where it is one of the format's own.
    """

    format: str
    precision: str
    mix: MixedPrecision | None = None

    def __str__(self) -> str:
        return f"{self.format}:{self.precision}"

    @property
    def base(self) -> str:
        """The format's own precision of all nodes but the exceptions."""
        return self.mix.base if self.mix else self.precision

    @property
    def needs_calibration(self) -> bool:
        return self.base in FORMATS[self.format].calibrated


def parse(text: str) -> Target:
    """Read `tflite:int8` or `tflite:MIX.json`; a format alone means its first precision.

    Raises `UnknownNameError` for a format or precision that is not in the table, and for a file
    `InvalidFileError`.
    """
    name, _, precision = text.partition(":")
    if name not in FORMATS:
        raise UnknownNameError("format", name, FORMATS)
    known = FORMATS[name].precisions
    precision = precision or known[0]
    if precision.endswith(SUFFIX):
        return _mixed(name, Path(precision))
    if precision not in known:
        raise UnknownNameError(f"{name} precision", precision, known)
    return Target(name, precision)


def _mixed(format_name: str, path: Path) -> Target:
    from edgebench.converters import precision

    mix, form = precision.read(path), FORMATS[format_name]
    if mix.base not in form.mixable:
        raise UnknownNameError(f"base of a mixed {format_name} precision", mix.base, form.mixable)
    if mix.name in form.precisions:
        raise InvalidFileError(
            f"{path} is named {mix.name}, as a precision of {format_name} is",
            "give it another name",
        )
    return Target(format_name, mix.name, mix)


def expand(texts: Iterable[str]) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Read targets as `parse` does, where `all` means every target and `tflite:all` every TFLite.

    The second part of the answer says which formats `all` leaves out here, and why; a format that
    is asked for by name is never left out. Raises `UnknownNameError`.
    """
    targets: dict[Target, None] = {}
    notes: dict[str, None] = {}
    for text in texts:
        name, _, precision = text.partition(":")
        if name != ALL and precision != ALL:
            targets[parse(text)] = None
            continue
        for format_name in FORMATS if name == ALL else (parse(name).format,):
            lacking = missing(format_name) if name == ALL else None
            if lacking:
                notes[f"{format_name} is left out: {lacking.message}; {lacking.remedy}"] = None
                continue
            for one in FORMATS[format_name].precisions:
                if name != ALL or precision in ("", ALL, one):
                    targets[Target(format_name, one)] = None
    if not targets and not notes:
        known = {one for form in FORMATS.values() for one in form.precisions}
        raise UnknownNameError("precision", ", ".join(texts), known)
    return tuple(targets), tuple(notes)


def require(target: Target) -> None:
    """Raise `MissingExtraError` if a package that the target needs is not installed."""
    lacking = missing(target.format)
    if lacking:
        raise lacking


def missing(format_name: str) -> MissingExtraError | None:
    """The error for the first package that a format needs and that is not installed."""
    form = FORMATS[format_name]
    for package in form.packages:
        if importlib.util.find_spec(package) is None:
            return MissingExtraError(package, form.extra)
    return None


def backend(format_name: str) -> Backend[Any]:
    """Import the module of a format."""
    return FORMATS[format_name].load()
