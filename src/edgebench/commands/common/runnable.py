"""Whether a sample app can run a model, or the reason why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from edgebench.errors import EdgeBenchError, InvalidFileError, UsageError

if TYPE_CHECKING:
    from edgebench.converters.artifact import Artifact
    from edgebench.deploy.bundle.apps import BundledApp


class NotForTheApp(UsageError):
    """An app cannot run or show a model; the message says why."""


def require_runnable(artifact: Artifact, app: BundledApp) -> None:
    """Raises `NotForTheApp` for what the app's runtime or screens cannot take."""
    manifest = artifact.manifest
    if manifest.format != app.format:
        raise NotForTheApp(
            f"the {app.name} app runs {app.format} files, not {manifest.format}",
            f"export it with: edgebench export {manifest.model} --to {app.format}",
        )
    _CHECKS[app.format](artifact, app)
    if len(manifest.inputs) != 1:
        inputs = ", ".join(one.name for one in manifest.inputs) or "none that could be read"
        raise NotForTheApp(f"the app gives a model one image, and its inputs are: {inputs}")
    (image,) = manifest.inputs
    if len(image.shape) != 4 or not {image.shape[1], image.shape[3]} & {1, 3}:
        raise NotForTheApp(f"its input {image.name} is {list(image.shape)}, which is no image")
    if min(image.shape) < 1 or image.shape[0] != 1:
        raise NotForTheApp(
            f"its input is {list(image.shape)}; the app runs one image of a fixed size at once",
            "export it with --input-shape 1,...",
        )
    for tensor in (image, *manifest.outputs):
        if tensor.dtype not in app.types:
            raise NotForTheApp(f"the app has no tensors of the type {tensor.dtype} ({tensor.name})")


LITERTS_OWN = frozenset({"TFLite_Detection_PostProcess"})
"""Custom operators that LiteRT itself brings (tflite/core/kernels/register.cc)."""


def _require_builtin_operators(artifact: Artifact, app: BundledApp) -> None:
    """Raises `NotForTheApp` for operators that LiteRT alone does not have."""
    from edgebench.converters.lint.readers import tflite_content

    try:
        graph = tflite_content.read(artifact.path, artifact.path.name, "")
    except EdgeBenchError as error:
        raise NotForTheApp(f"it cannot be read: {error.message}", error.remedy) from error
    custom = sorted({one.type for one in graph.ops if one.attributes.get("custom")} - LITERTS_OWN)
    if custom:
        raise NotForTheApp(
            f"the app has no operators {', '.join(custom)}: they are custom ones or TensorFlow's",
            "export it with built-in operators only",
        )


NEWEST = 26
"""The iOS of the newest specification that is known here."""

IOS_OF: Mapping[int, int] = {5: 14, 6: 15, 7: 16, 8: 17, 9: 18, 10: NEWEST}
"""The oldest iOS by the version of a Core ML specification (coremltools' `target`); below 5 all."""


def _require_system(artifact: Artifact, app: BundledApp) -> None:
    """Raises `NotForTheApp` for a package that the app's oldest iOS cannot run or the app not show.

    Raises `MissingExtraError` without coremltools.
    """
    from edgebench.converters.coreml.evaluator.specification import specification_of

    try:
        found = specification_of(artifact.path)
    except InvalidFileError as error:
        raise NotForTheApp(f"it cannot be read: {error.message}", error.remedy) from error
    version = found.specificationVersion
    needs = IOS_OF.get(version, NEWEST + 1 if version > max(IOS_OF) else 0)
    oldest = app.oldest_system()
    if needs > oldest:
        newer = f"iOS {needs}" if version in IOS_OF else f"an iOS newer than {NEWEST}"
        raise NotForTheApp(
            f"it needs {newer} (specification {version}), and the app runs on iOS {oldest} or "
            "newer",
            "export it for an older system, or raise IPHONEOS_DEPLOYMENT_TARGET in Xcode",
        )
    kinds = {one.name: one.type.WhichOneof("Type") for one in found.description.output}
    if "multiArrayType" not in kinds.values():
        raise NotForTheApp(
            f"the app reads arrays, and its outputs are labels or images: {', '.join(kinds)}",
            "convert it without ClassifierConfig or image outputs; give the labels with --labels",
        )


_CHECKS: Mapping[str, Callable[[Artifact, BundledApp], None]] = {
    "tflite": _require_builtin_operators,
    "coreml": _require_system,
}
