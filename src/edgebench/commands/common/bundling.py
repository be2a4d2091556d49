"""From an artifact to a model of a sample app, or the reason why the app cannot run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edgebench.commands.common.runnable import NotForTheApp, require_runnable
from edgebench.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from edgebench.converters.artifact import Artifact, Manifest, Preprocessing
    from edgebench.deploy.bundle.apps import BundledApp
    from edgebench.deploy.bundle.bundle import BundledModel
    from edgebench.tasks.task import Assignment


SUPPRESSED = ("coordinates", "confidence")
"""The outputs of Core ML's suppression of boxes, as Xcode and Vision know them."""


@dataclass(frozen=True)
class Given:
    """What the user says of models whose manifests do not say it."""

    task: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    labels: tuple[str, ...] | None = None


def bundled(artifact: Artifact, app: BundledApp, given: Given) -> BundledModel:
    """The model as the app's bundle has it. Raises `NotForTheApp`, and `UsageError`."""
    from edgebench.benchmarks.planning.design import image_axes, kept_output
    from edgebench.deploy.bundle.bundle import BundledInput, BundledModel, BundledTask
    from edgebench.deploy.documents.staging import content_name

    suppressed = _suppressed(artifact)
    artifact = suppressed or artifact
    boxes_are_known = suppressed is not None or artifact.manifest.post_processing is not None
    manifest = _described(artifact.manifest, given)
    require_runnable(artifact, app)
    channels, axes = image_axes(manifest.inputs[0])
    height, width = _image(manifest)
    task = _assignment(manifest, given, boxes_are_known)
    how = _preprocessing(manifest)
    return BundledModel(
        model=manifest.model,
        precision=manifest.precision,
        file=content_name(artifact.path, manifest.sha256),
        sha256=manifest.sha256,
        size_bytes=manifest.size_bytes,
        weights=manifest.weights,
        height=height,
        width=width,
        preprocessing=BundledInput(_each(how.mean, channels), _each(how.std, channels), axes),
        labels=manifest.labels,
        task=BundledTask(
            task.task, tuple(kept_output(one, manifest) for one in task.outputs), task.layout
        ),
    )


def _suppressed(artifact: Artifact) -> Artifact | None:
    """Somebody else's pipeline with Core ML's suppression of boxes, with the outputs that the app
    makes of its own; None for any other model."""
    from edgebench.converters.artifact import TensorSpec
    from edgebench.converters.postprocess import PORTS

    manifest = artifact.manifest
    if {one.name for one in manifest.outputs} != set(SUPPRESSED):
        return None
    from edgebench.converters.coreml.evaluator import pipeline

    models = pipeline.parts(artifact.path)
    if models is None:
        return None
    outputs = tuple(
        TensorSpec(one.name, one.shape, one.dtype, tuple(range(len(one.shape)))) for one in PORTS
    )
    labels = manifest.labels or tuple(models[-1].nonMaximumSuppression.stringClassLabels.vector)
    return replace(artifact, manifest=replace(manifest, outputs=outputs, labels=labels or None))


def _described(manifest: Manifest, given: Given) -> Manifest:
    """The manifest with what the user says of the input and the labels."""
    from edgebench.converters.artifact import PLAIN_PIXELS, Preprocessing

    how = manifest.preprocessing or PLAIN_PIXELS
    if given.mean is not None or given.std is not None:
        how = Preprocessing(given.mean or how.mean, given.std or how.std)
    return replace(manifest, preprocessing=how, labels=given.labels or manifest.labels)


def _preprocessing(manifest: Manifest) -> Preprocessing:
    assert manifest.preprocessing is not None
    return manifest.preprocessing


def _each(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    found = values * channels if len(values) == 1 else values
    if len(found) != channels:
        raise UsageError(
            f"the input has {channels} channels, and there are {len(found)} values for them",
            "give one value, or one for each channel",
        )
    return found


def _image(manifest: Manifest) -> tuple[int, int]:
    """Height and width of the image."""
    from edgebench.benchmarks.planning.design import image_axes

    (spec,) = manifest.inputs
    _, axes = image_axes(spec)
    sides = dict(zip(axes, spec.shape, strict=True))
    return sides[2], sides[3]


def _assignment(manifest: Manifest, given: Given, boxes_are_known: bool) -> Assignment:
    """What the outputs mean: as the user says, as the manifest says, or where it is evident.

    `boxes_are_known` where the outputs are those that edgebench's post-processing has.
    """
    from edgebench.converters import postprocess
    from edgebench.tasks.table import TASKS
    from edgebench.tasks.task import ModelOutput, Signature

    if given.task is None and manifest.evaluation is not None:
        return manifest.evaluation.task
    if given.task is None and boxes_are_known:
        return postprocess.assignment(*_image(manifest))
    outputs = tuple(
        ModelOutput(
            one.onnx or one.name,
            tuple(side for _, side in sorted(zip(one.axes, one.shape, strict=True))),
            # Quantised values are read as real ones.
            "float32" if one.quantization else one.dtype,
        )
        for one in manifest.outputs
    )
    labels = None if manifest.labels is None else len(manifest.labels)
    signature = Signature(outputs, _image(manifest), labels)
    if given.task is not None:
        if given.task not in TASKS:
            raise UnknownNameError("task", given.task, TASKS)
        return TASKS[given.task].assign(signature, given.outputs)
    task = next((one for one in TASKS.values() if one.evident(signature)), None)
    if task is None:
        shapes = ", ".join(f"{one.name} {list(one.shape)}" for one in outputs)
        raise NotForTheApp(
            f"nothing says what its outputs mean: {shapes}",
            "name the task, such as --task detection --outputs boxes=NAME,scores=NAME",
        )
    return task.assign(signature, given.outputs)
