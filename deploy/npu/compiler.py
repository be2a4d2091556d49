"""LiteRT's ahead-of-time compiler for phones' NPUs, run on this machine with a vendor's plugin.

The compiler decides which operators of a .tflite file the NPU takes, compiles these and writes a
file that a phone with that SoC can load. Nothing is run: what it says is the compiler's word, not
a measurement.
"""

from __future__ import annotations

import difflib
import importlib
import os
import platform
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from edgebench.deploy.npu import compiled_file, compiler_log, empty_library
from edgebench.deploy.npu.compiler_log import CompilerLog
from edgebench.deploy.npu.socs import QUALCOMM, SOCS, Soc
from edgebench.errors import (
    DeviceError,
    EdgeBenchError,
    InvalidFileError,
    MissingExtraError,
    UnsupportedModelError,
)
from edgebench.places import cache_folder

LITERT = "ai-edge-litert"
QNN = "onnxruntime-qnn"
PROGRAM = Path("tools", "apply_plugin_main")
UNUSED = "libQnnLpai.so"
TIMEOUT_S = 600
IDENTIFIER = b"TFL3"
"""The fifth to eighth byte of every .tflite file."""


@dataclass(frozen=True)
class LeftOperator:
    """An operator that stays on the CPU: its TFLite type and the tensor that it makes.

    `types` are those of its values, inputs first. `refused` are those that the NPU's library was
    asked for and refused, in its own words; empty if the compiler did not ask.
    """

    type: str
    tensor: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True)
class NpuPlacement:
    """What the compiler says of one file on one SoC.

    `taken` of `operators` run on the NPU, in `partitions`; the rest is `left` to the CPU.
    `traffic_bytes` is what the compiler's schedule moves between the NPU and memory in an
    inference, None where it does not say.
    """

    artifact: str
    soc: str
    vendor: str
    operators: int
    taken: int
    partitions: int
    left: tuple[LeftOperator, ...]
    traffic_bytes: int | None
    tool: str

    @property
    def whole(self) -> bool:
        """Whether all operators are on the NPU, in one partition."""
        return self.taken == self.operators and self.partitions == 1


@dataclass(frozen=True)
class Compiled:
    """A compiled file. `number` and `hexagon` are as in `socs.Soc`, from the compiler's log."""

    path: Path
    placement: NpuPlacement
    number: int | None
    hexagon: int | None


def compile_for(path: Path, soc: Soc, target: Path) -> Compiled:
    """Compile a .tflite file for a SoC's NPU into the file `target`.

    Raises `InvalidFileError` for what is no .tflite file, `MissingExtraError` and `DeviceError`
    where a library of the vendor is missing, and `UnsupportedModelError` where the compiler fails.
    """
    _check_file(path)
    log = _run(path, soc, target)
    said = compiler_log.read(log)
    if not target.is_file():
        raise _failure(path, soc, log)
    if said.operators is None or said.selected is None or said.partitions is None:
        target.unlink()
        raise UnsupportedModelError(
            f"LiteRT's compiler did not say what it took of {path.name} for {soc.model}",
            f"use another version of {LITERT}: this is {_version(LITERT)}",
        )
    made = compiled_file.read(target)
    left = tuple(
        LeftOperator(
            one.type, one.tensor, one.inputs, one.outputs, said.refused.get(one.tensor, ())
        )
        for one in made.left
    )
    placement = NpuPlacement(
        artifact=path.name,
        soc=soc.model,
        vendor=soc.vendor.name,
        operators=said.operators,
        taken=said.selected,
        partitions=len(made.partitions),
        left=left,
        traffic_bytes=said.traffic_bytes,
        tool=_tool(soc, said),
    )
    return Compiled(target, placement, said.number or soc.number, said.hexagon or soc.hexagon)


def _check_file(path: Path) -> None:
    """Raises what the compiler would not say.

    `InvalidFileError` for what is no .tflite file, `UnsupportedModelError` for an open input size.
    """
    remedy = "make one with: edgebench export --to tflite:int8"
    if not path.is_file():
        raise InvalidFileError(f"there is no file {path}", remedy)
    with path.open("rb") as file:
        if path.suffix != ".tflite" or file.read(8)[4:] != IDENTIFIER:
            raise InvalidFileError(f"{path} is not a .tflite file", remedy)
    for name, sides in compiled_file.inputs_of_no_size(path).items():
        shown = " x ".join("?" if side < 0 else str(side) for side in sides)
        raise UnsupportedModelError(
            f"the input {name} of {path.name} has no fixed size ({shown}): the compiler would "
            "compile it for a size of 1",
            "convert the model again with a fixed input size",
        )


def placement(path: Path, soc: Soc) -> NpuPlacement:
    """What the compiler says of a .tflite file on a SoC; its file is not kept. Raises as above."""
    with tempfile.TemporaryDirectory(prefix="edgebench-npu-") as folder:
        return compile_for(path, soc, Path(folder, "compiled.tflite")).placement


def qualcomm_libraries() -> Path:
    """The folder of Qualcomm's libraries for this machine.

    They come with ONNX Runtime's package for Qualcomm's NPUs. Their licence is Qualcomm's own, so
    edgebench neither contains nor passes them on. Raises `MissingExtraError`.
    """
    found = find_spec("onnxruntime_qnn")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(QNN, "qnn")
    return Path(found.submodule_search_locations[0])


def _run(path: Path, soc: Soc, target: Path) -> str:
    """Run the compiler, and return all it prints."""
    package = litert_package()
    libraries = [*_vendor_libraries(soc), package]
    if soc.vendor is QUALCOMM:
        libraries.insert(1, _without_lpai())
    given = os.environ.get("LD_LIBRARY_PATH")
    searched = [*map(str, libraries), *([given] if given else [])]
    target.unlink(missing_ok=True)
    words = [
        str(package / PROGRAM),
        "--cmd=apply",
        f"--model={path}",
        f"--o={target}",
        f"--soc_manufacturer={soc.vendor.name}",
        f"--soc_model={soc.model}",
        f"--libs={package / 'vendors' / soc.vendor.plugin / 'compiler'}",
        "--err=--",
    ]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(searched)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise UnsupportedModelError(
            f"LiteRT's compiler did not finish {path.name} for {soc.model} in {TIMEOUT_S} s",
            "try a smaller model",
        ) from error
    if done.returncode:
        target.unlink(missing_ok=True)
    return done.stdout.decode(errors="replace")


def litert_package() -> Path:
    """LiteRT's package with the compiler in it. Raises `MissingExtraError` and `DeviceError`."""
    found = find_spec("ai_edge_litert")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(LITERT, "tflite")
    package = Path(found.submodule_search_locations[0])
    if not (package / PROGRAM).is_file():
        raise DeviceError(
            f"{LITERT} {_version(LITERT)} has no compiler for NPUs on {platform.system()} "
            f"{platform.machine()}",
            f"use Linux on x86-64, and {LITERT} 2.1 or newer",
        )
    return package


def _vendor_libraries(soc: Soc) -> list[Path]:
    """The folders of the vendor's libraries, as far as Python packages have them."""
    if soc.vendor is QUALCOMM:
        return [qualcomm_libraries()]
    if find_spec(soc.vendor.package) is None:
        return []
    return [Path(importlib.import_module(soc.vendor.package).path_to_sdk_libs())]


def _without_lpai() -> Path:
    """A folder with an empty library in the place of the one that Qualcomm's plugin never uses."""
    folder = cache_folder() / "npu"
    if not (folder / UNUSED).exists():
        folder.mkdir(parents=True, exist_ok=True)
        empty_library.write(folder / UNUSED)
    return folder


def _failure(path: Path, soc: Soc, log: str) -> EdgeBenchError:
    why = compiler_log.reason(log)
    if why.startswith("SoC model") and not soc.vendor.lacks:
        return UnsupportedModelError(
            f"LiteRT's compiler for {soc.vendor.name} does not know {soc.model}",
            f"{_near(soc.model)}use a newer {LITERT} or another SoC: this is {_version(LITERT)}",
        )
    if why.startswith("undefined symbol"):
        return DeviceError(
            f"{soc.vendor.name}'s compiler does not load: {LITERT} {_version(LITERT)} lacks what "
            f"it needs ({why})",
            f"use another version of {LITERT}",
        )
    if soc.vendor.lacks:
        return DeviceError(
            f"{soc.vendor.name}'s compiler for {soc.model} does not run without {soc.vendor.lacks} "
            f"({why})",
            "get it from the vendor, and put its folder in LD_LIBRARY_PATH",
        )
    return UnsupportedModelError(
        f"LiteRT's compiler does not compile {path.name} for {soc.model}: {why}",
        "try another precision, such as int8, or another SoC",
    )


def _near(model: str) -> str:
    """The SoC that was perhaps meant: a number is easily mistyped."""
    found = difflib.get_close_matches(model, SOCS, n=1, cutoff=0.7)
    return f"did you mean '{found[0]}'? " if found else ""


def _tool(soc: Soc, said: CompilerLog) -> str:
    name = "QNN" if soc.vendor is QUALCOMM else f"{soc.vendor.name}'s libraries"
    return f"{LITERT} {_version(LITERT)}, {name} {said.sdk or 'of unknown version'}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"
