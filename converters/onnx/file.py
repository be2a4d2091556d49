"""A user's ONNX file, with its external data: read, checked, and identified by its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from edgebench.errors import InvalidFileError

QDQ = ("QuantizeLinear", "DequantizeLinear")


def file_sha256(path: Path) -> str:
    """SHA-256 over the file and, in the order of their names, its external data files.

    Raises `InvalidFileError` where one of them cannot be read.
    """
    digest = hashlib.sha256(_bytes(path))
    for part in sorted(_external_files(_parse(path))):
        digest.update(_bytes(path.parent / part))
    return digest.hexdigest()


def is_quantised(path: Path) -> bool:
    """Whether the file is in QDQ form. Raises `InvalidFileError` where it cannot be read."""
    return any(node.op_type in QDQ for node in _parse(path).graph.node)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidFileError(
            f"cannot read {path}: {error.strerror}", "check the path and its permissions"
        ) from error


def _parse(path: Path) -> onnx.ModelProto:
    data = _bytes(path)
    if not data:
        raise InvalidFileError(f"{path} is empty", "export the model again")
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise InvalidFileError(
            f"{path} is not an ONNX file, or it is cut short or corrupt",
            "give a file written by an ONNX exporter",
        ) from error
    if not model.ir_version or not model.graph.output:
        # Protobuf reads much that is foreign as a message with unknown fields only.
        raise InvalidFileError(
            f"{path} is not an ONNX model (it has no version or no outputs)",
            "give a file written by an ONNX exporter",
        )
    return model


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)
            for inner in attribute.graphs:
                yield from _tensors(inner)


def _external_files(model: onnx.ModelProto) -> set[str]:
    return {
        ExternalDataInfo(tensor).location
        for tensor in _tensors(model.graph)
        if uses_external_data(tensor)
    }


def load(path: Path) -> onnx.ModelProto:
    """The model with its external data. Raises `InvalidFileError` for what is no sound ONNX."""
    model = _parse(path)
    missing = [part for part in _external_files(model) if not (path.parent / part).is_file()]
    if missing:
        raise InvalidFileError(
            f"the weights of {path} are missing: {', '.join(sorted(missing))}",
            f"put them beside it, in {path.parent}",
        )
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
        onnx.checker.check_model(_with_ports_complete(model))
    except (onnx.checker.ValidationError, OSError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise InvalidFileError(
            f"{path} breaks the rules of ONNX: {first}", "export the model again"
        ) from error
    return model


def _with_ports_complete(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with some type and shape for every input and output.

    ONNX lets a file leave them out where they can be inferred; its checker does not.
    """
    complete = onnx.ModelProto()
    complete.CopyFrom(model)
    for port in (*complete.graph.input, *complete.graph.output):
        if port.type.WhichOneof("value") in (None, "tensor_type"):
            tensor = port.type.tensor_type
            tensor.elem_type = tensor.elem_type or onnx.TensorProto.FLOAT
            tensor.shape.SetInParent()
    return complete
