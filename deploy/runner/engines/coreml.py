"""Core ML on a Mac, by coremltools. Not verified on hardware.

`predict` makes Core ML's own values of NumPy arrays and images anew each time: that is in the
times, of every model alike. Core ML chooses cores and threads itself.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from ..messages import Json, RunnerError, first_line
from .feeding import Feeding, real

UNITS = {"none": "CPU_ONLY", "gpu": "CPU_AND_GPU", "ane": "CPU_AND_NE"}
"""The compute units that a plan's delegate means; with `xnnpack`, the default of plans, all."""

PIPELINE = ("coordinates", "confidence")
"""The outputs of a pipeline that ends in Core ML's suppression of boxes."""

DETECTIONS = ("boxes", "classes", "scores", "count")
MOST = 100
"""So many boxes are given, those that are missing as zeros."""

UNIT_OF = {"gpu": "MLGPUComputeDevice", "ane": "MLNeuralEngineComputeDevice"}


class CoreMLEngine(Feeding):
    """A package, compiled and loaded for the compute units that the plan's delegate means."""

    def __init__(self, path: str, plan: Json) -> None:
        import numpy

        self.np = numpy
        self.coremltools = find_runtime()
        self.delegate = plan["delegate"]
        if self.delegate not in (*UNITS, "xnnpack"):
            raise RunnerError(
                f"Core ML has no {self.delegate} delegate; it has: {', '.join(UNITS)}"
            )
        self.on_the_cpu = self.delegate == "none"
        self.units = self.coremltools.ComputeUnit[UNITS.get(self.delegate, "ALL")]
        self.model = self.coremltools.models.MLModel(path, compute_units=self.units)
        description = self.model.get_spec().description
        self.evaluation = evaluation_of(os.path.basename(path), plan)
        self.inputs = [port_of(port) for port in description.input if not port.type.isOptional]
        self.arrays = arrays_of(description.output)
        self.boxes = set(self.arrays) == set(PIPELINE)
        if self.boxes:
            self.arrays = list(DETECTIONS)
        self.given: Json = {}
        self.made: Json = {}

    @staticmethod
    def runtime() -> tuple[str, str]:
        return "Core ML by coremltools", str(find_runtime().__version__)

    def feed(self, detail: Json, values: Any) -> None:
        """Set one input from real values; an image from the pixels that they were made of."""
        np = self.np
        if not detail["image"]:
            self.given[detail["name"]] = values.astype("float32").reshape(detail["shape"])
            return
        from PIL import Image

        mean, std = (np.reshape(values_, (1, -1, 1, 1)) for values_ in self.evaluation)
        pixels = np.clip(np.rint((values * std + mean) * 255), 0, 255).astype("uint8")[0]
        self.given[detail["name"]] = Image.fromarray(pixels.transpose(1, 2, 0).squeeze())

    def invoke(self) -> None:
        self.made = self.model.predict(self.given)

    def output_names(self) -> list[str]:
        return self.arrays

    def place(self, kept: Json) -> int:
        """By its name: a package need not have its outputs in ONNX's order."""
        if kept["name"] not in self.arrays:
            raise RunnerError(f"the model has no array output {kept['name']}")
        return self.arrays.index(kept["name"])

    def output(self, place: int) -> Any:
        if self.boxes:
            return detections(self.np, *(self.made[name] for name in PIPELINE))[place]
        return real(self.np.asarray(self.made[self.arrays[place]]))

    def delegation(self) -> Json:
        """How often Core ML means to go over to the unit asked for, and what it leaves elsewhere.

        That is its own plan (MLComputePlan, macOS 14.4), not what it was seen to do. None where
        no one unit was asked for, or it has no plan.
        """
        nothing = {"partitions": None, "leftover_ops": None, "layer_types": None}
        if self.delegate not in UNIT_OF:
            return nothing
        try:
            chosen = self._chosen()
        except Exception:  # An older system, or a kind of model that it does not plan.
            return nothing
        there = [unit == UNIT_OF[self.delegate] for _, unit in chosen]
        starts = sum(here and not (i and there[i - 1]) for i, here in enumerate(there))
        left = [name for name, unit in chosen if unit != UNIT_OF[self.delegate]]
        counts = {self.delegate: len(chosen) - len(left), "others": len(left)}
        found = {"partitions": starts, "leftover_ops": left, "operators": counts}
        return {**nothing, **found}

    def _chosen(self) -> list[tuple[str, str]]:
        """Operation and unit, in the program's order; constants are computed nowhere."""
        from coremltools.models.compute_plan import MLComputePlan

        plan = MLComputePlan.load_from_path(self.model.get_compiled_model_path(), self.units)
        chosen = []
        for operation in plan.model_structure.program.functions["main"].block.operations:
            usage = plan.get_compute_device_usage_for_mlprogram_operation(operation)
            if usage is not None:
                unit = type(usage.preferred_compute_device).__name__
                chosen.append((operation.operator_name, unit))
        return chosen


def port_of(port: Any) -> Json:
    """Name and shape of an input, and whether it takes an image as it is."""
    if port.type.WhichOneof("Type") == "imageType":
        image = port.type.imageType
        grey = image.colorSpace == image.ColorSpace.Value("GRAYSCALE")
        shape = (1, 1 if grey else 3, image.height, image.width)
        return {"name": port.name, "shape": shape, "image": True}
    shape = tuple(port.type.multiArrayType.shape)
    return {"name": port.name, "shape": shape, "image": False}


def evaluation_of(file: str, plan: Json) -> tuple[Any, Any]:
    """Mean and spread of the channels that a file's evaluation inputs are normalised by."""
    for planned in plan["artifacts"].values():
        if planned["file"] == file and planned["evaluation"]:
            return planned["evaluation"]["mean"], planned["evaluation"]["std"]
    return [0.5], [0.5]


def arrays_of(ports: Any) -> list[str]:
    """The names of the outputs that are arrays, and not a classifier's label or scores."""
    names = [str(one.name) for one in ports if one.type.WhichOneof("Type") == "multiArrayType"]
    if not names:
        raise RunnerError("the model has no array output, so its outputs cannot be compared")
    return names


def detections(np: Any, coordinates: Any, confidence: Any) -> list[Any]:
    """What a pipeline with Core ML's suppression found, as the arrays of every other format.

    Its own have a row for each box: centre, width and height, and a score for each class.
    """
    count = min(MOST, len(confidence))
    boxes = np.zeros((1, MOST, 4), np.float32)
    classes, scores = np.zeros((1, MOST), np.int32), np.zeros((1, MOST), np.float32)
    if count:
        places, likely = np.asarray(coordinates)[:count], np.asarray(confidence)[:count]
        low, high = places[:, :2] - places[:, 2:] / 2, places[:, :2] + places[:, 2:] / 2
        boxes[0, :count] = np.concatenate([low, high], axis=1)[:, [1, 0, 3, 2]]
        classes[0, :count], scores[0, :count] = likely.argmax(1), likely.max(1)
    return [boxes, classes, scores, np.array([count], np.int32)]


def find_runtime() -> Any:
    if sys.platform != "darwin":
        raise RunnerError("Core ML only runs on Apple's systems")
    try:
        import coremltools
    except Exception as error:
        raise RunnerError(
            f"coremltools cannot be imported; pip install coremltools ({first_line(error)})"
        ) from None
    return coremltools
