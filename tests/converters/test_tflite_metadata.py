from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from tiny_models import CLASSES, tiny_cnn

from edgebench.converters.artifact import Preprocessing, TensorSpec
from edgebench.converters.backend import Instructions
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.reference import noise
from edgebench.converters.onnx.simplify import simplify
from edgebench.converters.tflite import target
from edgebench.converters.tflite.metadata import with_metadata
from edgebench.progress import silent

PREPROCESSING = Preprocessing((0.5, 0.4, 0.3), (0.25, 0.2, 0.1))
LABELS = tuple(f"class {i}" for i in range(CLASSES))


@pytest.fixture(scope="module")
def graph() -> OnnxGraph:
    return OnnxGraph(simplify(tiny_cnn())[0], "tiny", "file", "0" * 64)


@pytest.fixture(scope="module")
def plain(graph: OnnxGraph) -> bytes:
    return target.convert(graph, ["fp32"], [], Instructions(), silent)["fp32"]


@pytest.fixture(scope="module")
def described(graph: OnnxGraph, plain: bytes) -> bytes:
    return target.describe(graph, plain, PREPROCESSING, LABELS)


def buffers(content: bytes) -> list[bytes]:
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    found = (model.Buffers(i) for i in range(model.BuffersLength()))
    return [b.DataAsNumpy().tobytes() if b.DataLength() else b"" for b in found]


def metadata(content: bytes) -> bytes:
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    entries = (model.Metadata(i) for i in range(model.MetadataLength()))
    (number,) = (entry.Buffer() for entry in entries if entry.Name() == b"TFLITE_METADATA")
    return buffers(content)[number]


def test_the_described_model_computes_the_same(
    graph: OnnxGraph, plain: bytes, described: bytes
) -> None:
    sample = noise(graph.model, seed=0)
    before = target.open_converted(graph, plain)
    after = target.open_converted(graph, described)
    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    np.testing.assert_array_equal(after.run(sample)[0], before.run(sample)[0])


def test_weights_stay_as_they_are_and_aligned(plain: bytes, described: bytes) -> None:
    assert buffers(described)[:-1] == buffers(plain)
    for data in filter(None, buffers(plain)):
        if plain.count(data) == described.count(data) == 1:
            assert described.index(data) % 16 == plain.index(data) % 16


def test_labels_are_a_zip_archive_behind_the_model(described: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(described)) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(LABELS)
        # Readers on Android take the archive's offsets from the start of the file.
        (entry,) = archive.infolist()
        assert described[entry.header_offset :][:4] == b"PK\x03\x04"


def test_normalisation_is_written_for_pixels_of_0_to_255(described: bytes) -> None:
    content = metadata(described)
    assert content[4:8] == b"M001"
    for values in (PREPROCESSING.mean, PREPROCESSING.std):
        assert (np.array(values, np.float64) * 255).astype("<f4").tobytes() in content


def test_the_same_inputs_make_the_same_bytes(
    graph: OnnxGraph, plain: bytes, described: bytes
) -> None:
    assert target.describe(graph, plain, PREPROCESSING, LABELS) == described


def test_a_model_with_nothing_to_say_stays_as_it_is(plain: bytes) -> None:
    vector = TensorSpec("x", (1, 8), "float32", (0, 1))
    assert with_metadata(plain, "m", [vector], [vector], PREPROCESSING, None) == plain
