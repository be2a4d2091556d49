"""Proofs hold the outputs of one sample, not of all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from tiny_models import tiny_cnn

from edgebench.converters import layers
from edgebench.converters.artifact import find_artifacts
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.cut import made
from edgebench.converters.onnxruntime import values
from edgebench.converters.rounding import ROUNDINGS

SIDE, CLASSES, SAMPLES = 513, 21, 48

# As many samples as for small outputs, so that all outputs together are 1.1 GB.
EXPORT = """
import resource, sys
from edgebench.cli import main
from edgebench.converters.export import examples
WHO = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
examples._OUTPUT_BYTES, examples.CALIBRATED_ON = 10**10, 192
if __name__ == "__main__":
    code = main(sys.argv[1:])
    # A format has a process of its own.
    own, formats = (resource.getrusage(who).ru_maxrss for who in WHO)
    print("peak", max(own, formats) * 1024)
    sys.exit(code)
"""


def segmenter() -> onnx.ModelProto:
    """A map of 21 classes as large as the image."""
    rng = np.random.default_rng(0)
    weights = {
        "w": rng.normal(0, 0.3, (8, 3, 3, 3)),
        "v": rng.normal(0, 0.3, (CLASSES, 8, 1, 1)),
    }
    sizes = numpy_helper.from_array(np.array([1, CLASSES, SIDE, SIDE]), "sizes")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], strides=[4, 4], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "v"], ["c"]),
        helper.make_node("Resize", ["c", "", "", "sizes"], ["y"], mode="linear"),
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, SIDE, SIDE])
        for name, channels in (("x", 3), ("y", CLASSES))
    ]
    made = [numpy_helper.from_array(v.astype(np.float32), name) for name, v in weights.items()]
    graph = helper.make_graph(nodes, "segmenter", ports[:1], ports[1:], [*made, sizes])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.slow
def test_a_segmenter_of_large_outputs_is_proved_in_two_gigabytes(tmp_path: Path) -> None:
    onnx.save(segmenter(), tmp_path / "segmenter.onnx")
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4 * SAMPLES):
        pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(photos / f"{number:03}.png")
    words = ["export", str(tmp_path / "segmenter.onnx"), "--out", str(tmp_path / "out")]
    words += ["--calibration", str(photos), "--to", "tflite:int8"]
    (tmp_path / "export.py").write_text(EXPORT)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "export.py"), *words],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    hops = [hop for one in find_artifacts(tmp_path / "out") for hop in one.manifest.hops]
    assert hops and {hop.samples for hop in hops} == {SAMPLES}
    peak = int(done.stdout.rpartition("peak ")[2])
    assert peak < 2_000_000_000


def test_outputs_that_are_not_held_are_computed_anew_each_time() -> None:
    model = tiny_cnn()
    samples = [reference.noise(model, seed) for seed in range(3)]
    held = reference.outputs(model, samples)
    anew = reference.outputs(model, samples, held=0)
    assert next(iter(held)) is next(iter(held))
    assert next(iter(anew)) is not next(iter(anew))
    for _ in range(2):
        for (one,), (other,) in zip(held, anew, strict=True):
            np.testing.assert_array_equal(one, other)


def test_layers_compared_a_few_at_a_time_are_the_same() -> None:
    model = tiny_cnn()
    wrong = tiny_cnn()
    wrong.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(
            1.1 * numpy_helper.to_array(wrong.graph.initializer[0]),
            wrong.graph.initializer[0].name,
        )
    )
    samples = [reference.noise(model, seed) for seed in range(2)]
    whole, parts = (
        layers.compare(
            model,
            samples,
            values.file_values(wrong, made(wrong), samples),
            ROUNDINGS["fp32"],
            held=held,
        )
        for held in (10**9, 1)
    )
    assert [one.value for one in whole] == [one.value for one in parts] and len(whole) > 3
    assert [one.node for one in parts if not one.right] == ["the_conv"]
    for one, other in zip(whole, parts, strict=True):
        assert (one.own_db, one.rounding_db) == pytest.approx((other.own_db, other.rounding_db))
        assert one.total_db == pytest.approx(other.total_db, abs=0.01)
