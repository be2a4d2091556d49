"""Small networks with one layer that a number format cannot hold, and images for them.

Each computes about what its sound twin does: the defect is in the numbers, not in the function.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[np.float32]

SIDE, CHANNELS, CLASSES = 16, 16, 8
FACTOR = 100.0


class Network:
    """An ONNX graph that grows node by node from an image (1, 3, SIDE, SIDE)."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, npt.NDArray[np.generic]] = {}

    def node(self, op: str, *inputs: str, name: str = "", **attributes: object) -> str:
        made = name or f"{op.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, inputs, [f"{made}_out"], name=made, **attributes))
        return f"{made}_out"

    def constant(self, name: str, array: npt.NDArray[np.generic]) -> str:
        self._weights[name] = array
        return name

    def kernel(self, out: int, into: int, side: int = 3) -> Array:
        """He's initialisation (2015): activations keep their size."""
        scale = np.sqrt(2 / (into * side * side))
        return (self._rng.standard_normal((out, into, side, side)) * scale).astype(np.float32)

    def conv(self, value: str, name: str, weights: Array, group: int = 1) -> str:
        side = weights.shape[-1]
        kernel = self.constant(f"{name}.weight", weights)
        return self.node("Conv", value, kernel, name=name, pads=[side // 2] * 4, group=group)

    def model(self, value: str) -> onnx.ModelProto:
        """With the mean over the image and a linear layer at the end."""
        pooled = self.node("GlobalAveragePool", value, name="pool")
        flat = self.node("Flatten", pooled)
        matrix = self._rng.standard_normal((CHANNELS, CLASSES)).astype(np.float32)
        self.node("Gemm", flat, self.constant("head.weight", matrix), name="head")
        self._nodes[-1].output[0] = "logits"
        graph = helper.make_graph(
            self._nodes,
            "planted",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, (1, 3, SIDE, SIDE))],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (1, CLASSES))],
            [numpy_helper.from_array(array, name) for name, array in self._weights.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def _stem(net: Network) -> str:
    first = net.conv("image", "stem", net.kernel(CHANNELS, 3))
    return net.node("Relu", first, name="stem_relu")


def _layer(net: Network, value: str, name: str) -> str:
    made = net.conv(value, name, net.kernel(CHANNELS, CHANNELS))
    return net.node("Relu", made, name=f"{name}_relu")


def outlier_channel(factor: float = FACTOR, readers: int = 1) -> onnx.ModelProto:
    """One channel of `culprit` is `factor` times as large as the others, and is not used.

    With more than one reader the channels of neighbours cannot be equalised.
    """
    net = Network()
    weights = net.kernel(CHANNELS, CHANNELS)
    weights[5] *= factor
    value = net.conv(_layer(net, _stem(net), "before"), "culprit", weights)
    value = net.node("Relu", value, name="culprit_relu")
    after = net.kernel(CHANNELS, CHANNELS)
    after[:, 5] = 0
    made = net.conv(value, "after", after)
    for number in range(1, readers):
        after = net.kernel(CHANNELS, CHANNELS)
        after[:, 5] = 0
        made = net.node("Add", made, net.conv(value, f"after_{number}", after))
    value = net.node("Relu", made, name="after_relu")
    return net.model(_layer(net, value, "last"))


def unlike_concat() -> onnx.ModelProto:
    """`culprit` joins a branch with another whose numbers are FACTOR times as large, unused."""
    net = Network()
    stem = _stem(net)
    small = _layer(net, stem, "small")
    factor = net.constant("factor", np.full((1, CHANNELS, 1, 1), FACTOR, np.float32))
    large = net.node("Mul", _layer(net, stem, "large"), factor, name="enlarge")
    value = net.node("Concat", small, large, name="culprit", axis=1)
    after = net.kernel(CHANNELS, 2 * CHANNELS)
    after[:, CHANNELS:] = 0
    value = net.node("Relu", net.conv(value, "after", after), name="after_relu")
    return net.model(_layer(net, value, "last"))


def saturated_sigmoid() -> onnx.ModelProto:
    """The gates of `culprit` are all next to zero, and are enlarged after it."""
    net = Network()
    value = _layer(net, _stem(net), "before")
    shift = net.constant("shift", np.full((1, CHANNELS, 1, 1), -7, np.float32))
    gate = net.node("Add", net.conv(value, "gate", net.kernel(CHANNELS, CHANNELS)), shift)
    gate = net.node("Sigmoid", gate, name="culprit")
    gain = net.constant("gain", np.full((1, CHANNELS, 1, 1), 300, np.float32))
    gate = net.node("Mul", gate, gain, name="enlarge")
    value = net.node("Mul", value, gate, name="gated")
    return net.model(_layer(net, value, "last"))


def depthwise_of_unlike_channels() -> onnx.ModelProto:
    """The filters of `culprit` differ FACTOR times in size, which its input makes up for."""
    net = Network()
    value = _layer(net, _stem(net), "before")
    sizes = np.where(np.arange(CHANNELS) % 4 == 0, 1, 1 / FACTOR).astype(np.float32)
    scale = net.constant("scale", (1 / sizes).reshape(1, -1, 1, 1))
    value = net.node("Mul", value, scale, name="made_up")
    weights = net.kernel(CHANNELS, 1, 7) * sizes[:, None, None, None]
    value = net.conv(value, "culprit", weights.astype(np.float32), group=CHANNELS)
    return net.model(_layer(net, net.node("Relu", value, name="culprit_relu"), "last"))


def float16_overflow() -> onnx.ModelProto:
    """`culprit` makes numbers above 65504, and the next layer small ones again."""
    net = Network()
    value = _layer(net, _stem(net), "before")
    value = net.conv(value, "culprit", net.kernel(CHANNELS, CHANNELS) * np.float32(3e5))
    value = net.node("Relu", value, name="culprit_relu")
    after = net.kernel(CHANNELS, CHANNELS) / np.float32(3e5)
    value = net.node("Relu", net.conv(value, "after", after), name="after_relu")
    return net.model(_layer(net, value, "last"))


PLANTED = {
    "outliers": outlier_channel,
    "shared_scale": unlike_concat,
    "fixed_scale": saturated_sigmoid,
    "weights_one_scale": depthwise_of_unlike_channels,
    "overflow": float16_overflow,
}


def write(folder: Path, name: str, images: int = 24) -> tuple[Path, Path]:
    """The network's file, and a folder of inputs for it."""
    source, samples = folder / f"{name}.onnx", folder / "samples"
    onnx.save(PLANTED[name](), source)
    samples.mkdir(exist_ok=True)
    for seed in range(images):
        np.savez(samples / f"{seed}.npz", **_image(seed))
    return source, samples


def write_labelled(folder: Path, model: onnx.ModelProto, images: int) -> tuple[Path, str]:
    """The model's file, and its name for --data: images with the model's own answers as labels."""
    source, data = folder / "planted.onnx", folder / "labelled.npz"
    onnx.save(model, source)
    made = np.concatenate([_image(seed)["image"] for seed in range(images)])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    answers = [session.run(None, {"image": one[None]})[0].argmax() for one in made]
    np.savez(data, image=made, labels=np.array(answers))
    return source, f"npz:{data}"


def _image(seed: int) -> Mapping[str, Array]:
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((1, 3, SIDE // 4, SIDE // 4)).astype(np.float32)
    image = np.kron(coarse, np.ones((1, 1, 4, 4), np.float32))
    return {"image": image + 0.2 * rng.standard_normal(image.shape).astype(np.float32)}
