"""The post-processing of a detector in a TFLite file: LiteRT's own TFLite_Detection_PostProcess.

    offsets -> (DEQUANTIZE) -> GATHER: y, x, height, width --+
    logits  -> (DEQUANTIZE) -> SOFTMAX ----------------------+-> TFLite_Detection_PostProcess
    anchors: y, x, height, width ----------------------------+

Every LiteRT has the operation, on boards and in apps; it computes in float32 on the CPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgebench.converters.postprocess import MOST, OUTPUTS, Detector
from edgebench.converters.tflite import signature

NAME = "TFLite_Detection_PostProcess"
_YX = (1, 0, 3, 2)
_SHAPES = {"boxes": (1, MOST, 4), "classes": (1, MOST), "scores": (1, MOST), "count": (1,)}


class _Writer:
    """Appends operations to the only subgraph of a file."""

    def __init__(self, file: bytes) -> None:
        from tensorflow.lite.python import schema_py_generated as schema
        from tensorflow.lite.tools import flatbuffer_utils

        self.schema = schema
        self.model = flatbuffer_utils.convert_bytearray_to_object(bytearray(file))
        self.graph = self.model.subgraphs[0]

    def tensor(self, name: str, shape: tuple[int, ...], value: Any = None) -> int:
        """A float tensor, or a constant of the value's type."""
        made, kinds = self.schema.TensorT(), self.schema.TensorType
        made.name, made.shape, made.buffer = name.encode(), list(shape), 0
        made.type = kinds.FLOAT32
        if value is not None:
            made.type = kinds.FLOAT32 if value.dtype.kind == "f" else kinds.INT32
            buffer = self.schema.BufferT()
            buffer.data = np.frombuffer(value.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            made.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def add(self, kind: str, inputs: list[int], outputs: list[int], options: Any = None) -> Any:
        """An operation by the name of its builtin operator, with options of the schema."""
        code = self.schema.OperatorCodeT()
        code.builtinCode = getattr(self.schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), 1
        if kind == "DEQUANTIZE":
            code.version = 2  # The first takes no signed integers.
        self.model.operatorCodes.append(code)
        made = self.schema.OperatorT()
        made.opcodeIndex = len(self.model.operatorCodes) - 1
        made.inputs, made.outputs = inputs, outputs
        if options is not None:
            name = type(options).__name__.removesuffix("T")
            made.builtinOptionsType = getattr(self.schema.BuiltinOptions, name)
            made.builtinOptions = options
        self.graph.operators.append(made)
        return code, made


def behind(file: bytes, detector: Detector, names: list[str]) -> bytes:
    """A file with a raw head, in any precision, and the post-processing behind it.

    `names` are those of its outputs in the ONNX graph, in order.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    to = _Writer(file)
    found = dict(zip(names, map(int, to.graph.outputs), strict=True))
    offsets = _real(to, found[detector.offsets])
    logits = _real(to, found[detector.scores])
    count = len(detector.anchors)
    gather = to.schema.GatherOptionsT()
    gather.axis = 2
    turned = to.tensor("detector/yx", (1, count, 4))
    order = to.tensor("detector/order", (4,), np.array(_YX, np.int32))
    to.add("GATHER", [offsets, order], [turned], gather)
    softmax = to.schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    likely = to.tensor("detector/softmax", (1, count, detector.columns))
    to.add("SOFTMAX", [logits], [likely], softmax)
    placed = detector.anchors[:, list(_YX)].astype(np.float32)
    anchors = to.tensor("detector/anchors", (count, 4), placed)
    outputs = [to.tensor(name, _SHAPES[name]) for name in OUTPUTS]
    code, last = to.add("CUSTOM", [turned, likely, anchors], outputs)
    code.customCode = NAME.encode()
    last.customOptions = np.frombuffer(_options(detector), np.uint8)
    to.graph.outputs = outputs
    inputs = [entry.name.decode() for entry in to.model.signatureDefs[0].inputs]
    made = bytes(flatbuffer_utils.convert_object_to_bytearray(to.model))
    return signature.signed(made, inputs, OUTPUTS)


def _real(to: _Writer, tensor: int) -> int:
    """The tensor itself, or its values in float32 where it is quantised."""
    found = to.graph.tensors[tensor]
    if found.type == to.schema.TensorType.FLOAT32:
        return tensor
    made = to.tensor(f"detector/real{tensor}", tuple(found.shape))
    to.add("DEQUANTIZE", [tensor], [made], to.schema.DequantizeOptionsT())
    return made


def _options(detector: Detector) -> bytes:
    """The custom options, as a map of flexbuffers."""
    from flatbuffers import flexbuffers

    centre, size = detector.variances
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Int("max_detections", MOST)
        builder.Int("max_classes_per_detection", 1)
        builder.Int("detections_per_class", MOST)
        builder.Bool("use_regular_nms", True)
        builder.Float("nms_score_threshold", detector.least)
        builder.Float("nms_iou_threshold", detector.overlap)
        builder.Int("num_classes", detector.columns - 1)
        builder.Float("y_scale", 1 / centre)
        builder.Float("x_scale", 1 / centre)
        builder.Float("h_scale", 1 / size)
        builder.Float("w_scale", 1 / size)
    return bytes(builder.Finish())
