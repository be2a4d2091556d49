"""The normalisation and the labels inside a .tflite file, where Android's tools look for them.

This is TFLite's standard metadata: a second flatbuffer (schema 1.1.0, identifier `M001`, in
`tensorflow_lite_support/metadata/metadata_schema.fbs` of tflite-support) under the name
`TFLITE_METADATA` among the model's buffers, and the labels as a ZIP archive behind the model.

    [root, new buffer, new lists of buffers and metadata] [the old file, as it was] [ZIP]

The old file stays as it is, byte for byte and at the same alignment: only its root table and two
lists are written anew in front of it. Flatbuffers point forward, so they can point into it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flatbuffers

from edgebench.converters.artifact import Preprocessing, TensorSpec

LABELS_FILE = "labels.txt"

_NAME = "TFLITE_METADATA"
_PARSER = "1.0.0"
# Numbers of the schemas' union members and enumerations.
_IMAGE_PROPERTIES, _NORMALIZATION, _TENSOR_AXIS_LABELS = 2, 1, 2
_COLOURS = {3: 1, 1: 2}  # channels: RGB, greyscale
# The root table of a model (TFLite's schema.fbs): its lists by field number.
_OPERATORS, _SUBGRAPHS, _DESCRIPTION, _BUFFERS, _LEGACY, _METADATA, _SIGNATURES = range(1, 8)
_ALIGNMENT = 16


def with_metadata(
    content: bytes,
    name: str,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    preprocessing: Preprocessing | None,
    labels: Sequence[str] | None,
) -> bytes:
    """The model with metadata; it computes what it computed.

    The standard wants mean and std for pixels in 0..255. They are written for a model whose one
    input is an image, the labels for a model of one output.
    """
    image = len(inputs) == 1 and len(inputs[0].shape) == 4 and inputs[0].shape[3] in _COLOURS
    described = preprocessing if image else None
    labelled = labels if len(outputs) == 1 else None
    if labelled and len(outputs[0].shape) == 2 and outputs[0].shape[1] != len(labelled):
        labelled = None  # There is a background class: each label would name the one before.
    if described is None and labelled is None:
        return content
    made = _insert(content, _metadata(name, inputs, outputs, described, bool(labelled)))
    return _with_archive(made, labelled) if labelled else made


def _metadata(
    name: str,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    preprocessing: Preprocessing | None,
    labelled: bool,
) -> bytes:
    b = flatbuffers.Builder(1024)
    ins = []
    for spec in inputs:
        fields = {0: b.CreateString(spec.name)}
        if preprocessing is not None:
            properties = _table(b, {}, {0: _COLOURS[spec.shape[3]]})
            fields[3] = _table(b, {1: properties}, {0: _IMAGE_PROPERTIES})
            scaled = {
                0: _floats(b, [255 * value for value in preprocessing.mean]),
                1: _floats(b, [255 * value for value in preprocessing.std]),
            }
            unit = _table(b, {1: _table(b, scaled)}, {0: _NORMALIZATION})
            fields[4] = _tables(b, [unit])
        ins.append(_table(b, fields))
    outs = []
    for spec in outputs:
        fields = {0: b.CreateString(spec.name)}
        if labelled:
            file = _table(b, {0: b.CreateString(LABELS_FILE)}, {2: _TENSOR_AXIS_LABELS})
            fields[6] = _tables(b, [file])
        outs.append(_table(b, fields))
    graph = _table(b, {2: _tables(b, ins), 3: _tables(b, outs)})
    fields = {0: b.CreateString(name), 3: _tables(b, [graph]), 7: b.CreateString(_PARSER)}
    b.Finish(_table(b, fields), file_identifier=b"M001")
    return bytes(b.Output())


def _insert(content: bytes, metadata: bytes) -> bytes:
    """Write a new root in front of the file, with one more buffer and one more metadata entry."""
    from tensorflow.lite.python import schema_py_generated as schema

    content += bytes(-len(content) % _ALIGNMENT)
    old = schema.Model.GetRootAs(content, 0)
    b = flatbuffers.Builder(len(metadata) + 2 * len(content) + 4096)
    # The builder writes from the end towards the front, and counts offsets from the end.
    b.head = b.head - len(content)
    b.Bytes[b.head :] = content
    b.minalign = _ALIGNMENT

    def offset(field: int) -> int:
        where = old._tab.Offset(4 + 2 * field)
        return len(content) - old._tab.Indirect(where + old._tab.Pos) if where else 0

    def entries(field: int) -> list[int]:
        where = old._tab.Offset(4 + 2 * field)
        if not where:
            return []
        start, count = old._tab.Vector(where), old._tab.VectorLen(where)
        return [len(content) - old._tab.Indirect(start + 4 * i) for i in range(count)]

    b.StartVector(1, len(metadata), _ALIGNMENT)
    b.head = b.head - len(metadata)
    b.Bytes[b.head : b.head + len(metadata)] = metadata
    buffer = _table(b, {0: b.EndVector()})
    buffers = entries(_BUFFERS)
    entry = _table(b, {0: b.CreateString(_NAME)}, {1: len(buffers)}, b.PrependUint32Slot)
    lists = {field: offset(field) for field in (_OPERATORS, _SUBGRAPHS, _DESCRIPTION)}
    lists |= {field: offset(field) for field in (_LEGACY, _SIGNATURES)}
    lists[_BUFFERS] = _tables(b, [*buffers, buffer])
    lists[_METADATA] = _tables(b, [*entries(_METADATA), entry])
    root = _table(b, lists, {0: old.Version()}, b.PrependUint32Slot)
    b.Finish(root, file_identifier=b"TFL3")
    return bytes(b.Output())


def _with_archive(content: bytes, labels: Sequence[str]) -> bytes:
    buffer = io.BytesIO(content)
    # Appending counts the archive's offsets from the start of the file, as Android's reader does.
    with zipfile.ZipFile(buffer, "a") as archive:
        # A fixed date, so that the same labels make the same bytes.
        archive.writestr(zipfile.ZipInfo(LABELS_FILE), "\n".join(labels) + "\n")
    return buffer.getvalue()


def _table(
    b: Any,
    offsets: Mapping[int, int],
    numbers: Mapping[int, int] | None = None,
    slot: Callable[[int, int, int], None] | None = None,
) -> int:
    """A table of references and of small numbers (bytes, unless `slot` says otherwise)."""
    b.StartObject(8)
    for field, value in offsets.items():
        b.PrependUOffsetTRelativeSlot(field, value, 0)
    for field, value in (numbers or {}).items():
        (slot or b.PrependUint8Slot)(field, value, 0)
    return int(b.EndObject())


def _tables(b: Any, offsets: Sequence[int]) -> int:
    b.StartVector(4, len(offsets), 4)
    for value in reversed(offsets):
        b.PrependUOffsetTRelative(value)
    return int(b.EndVector())


def _floats(b: Any, values: Sequence[float]) -> int:
    b.StartVector(4, len(values), 4)
    for value in reversed(values):
        b.PrependFloat32(value)
    return int(b.EndVector())
