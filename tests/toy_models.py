"""How the toy models are made, and what a test has to know of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edgebench.deploy.documents.plan import KeptOutput
from edgebench.tasks.reduction import identity

MakeRun = Callable[..., Path]

LONG = 3000
"""A turn of so many samples takes a toy about a hundredth of a second."""

SIZE = 16
IMAGES = 12
MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)
CLASSES = 5
LOGITS = KeptOutput("logits", "logits", "Identity", 0, (0, 1), identity((CLASSES,)))

# TensorFlow stays out of the test process: it is slow to load, and its threads would outlive it.
MAKE = f"""
import sys
import numpy as np
import tensorflow as tf

folder = sys.argv[1]
chance = np.random.default_rng(0)

def weights(*shape):
    return tf.constant(chance.normal(0, 0.3, shape).astype("float32"))

def network(attention, bad=0.0):
    stem, out, squeeze = weights(3, 3, 3, 8), weights(8, 5), weights(8, 8)

    @tf.function(input_signature=[tf.TensorSpec((1, {SIZE}, {SIZE}, 3), tf.float32)])
    def run(x):
        x = tf.nn.relu(tf.nn.conv2d(x, stem, 2, "SAME"))
        if attention:
            gate = tf.sigmoid(tf.matmul(tf.reduce_mean(x, (1, 2)), squeeze))
            x = x * tf.reshape(gate, (1, 1, 1, 8))
        return tf.matmul(tf.reduce_mean(x, (1, 2)), out) + bad

    return run.get_concrete_function()

def write(name, function, int8=False):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [chance.normal(0, 1, (1, {SIZE}, {SIZE}, 3)).astype("float32")] for _ in range(16))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    open(folder + "/" + name + ".tflite", "wb").write(converter.convert())

write("plain", network(False))
write("attention", network(True))
write("int8", network(True), int8=True)
write("nan", network(False, float("nan")))
"""


def make_toys(folder: Path) -> None:
    """Write plain, attention, int8, nan and corrupt .tflite files, and images.npz."""
    done = subprocess.run([sys.executable, "-c", MAKE, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "corrupt.tflite").write_bytes((folder / "plain.tflite").read_bytes()[:200])
    (folder / "foreign.tflite").write_bytes(b"PK\x03\x04 this is not a model" * 50)
    images = np.random.default_rng(1).integers(0, 256, (IMAGES, SIZE, SIZE, 3), np.uint8)
    np.savez(folder / "images.npz", images=images, labels=np.arange(IMAGES) % 5)
