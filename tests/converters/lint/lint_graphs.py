"""Small graphs, written by hand: `graph("tflite", op("MUL", (1, 8, 8, 4), (1, 8, 1, 4)))`."""

from __future__ import annotations

from edgebench.converters.lint.graph import Graph, Op, Quantised, Tensor
from edgebench.converters.lint.kinds import MIL, ONNX, OPENVINO, TFLITE, kind

WORDS = {"tflite": TFLITE, "onnx": ONNX, "openvino": OPENVINO, "coreml": MIL}
Shape = tuple[int | None, ...]


def tensor(shape: Shape, dtype: str = "float32", scale: float | None = None, **more: object):
    """A tensor without a name yet; `op` and `graph` give it one."""
    quantised = None if scale is None else Quantised((scale,), (0,))
    return Tensor("", shape, dtype, quantised=quantised, **more)


def constant(*values: int) -> Tensor:
    return Tensor("", (len(values),), "int32", True, values=values)


def weights(*shape: int, scales: int = 1) -> Tensor:
    return Tensor("", shape, "int8", True, Quantised((0.1,) * scales, (0,) * scales))


def graph(format: str, *steps: tuple[str, list[Tensor], Tensor, dict[str, object]]) -> Graph:
    """A chain: each step's first input is the output of the step before it."""
    tensors: dict[str, Tensor] = {}
    ops: list[Op] = []
    last = ""
    for number, (type_, inputs, output, attributes) in enumerate(steps):
        names = []
        for place, one in enumerate(inputs):
            name = last if place == 0 and last else f"{number}.{place}"
            if name != last:
                tensors[name] = _named(one, name)
            names.append(name)
        last = f"out{number}"
        tensors[last] = _named(output, last)
        word = kind(WORDS[format], type_)
        ops.append(Op(f"op{number}", type_, word, tuple(names), (last,), attributes))
    return Graph("made.up", format, "?", tuple(ops), tensors, ("0.0",), (last,))


def _named(one: Tensor, name: str) -> Tensor:
    return Tensor(name, one.shape, one.dtype, one.constant, one.quantised, one.values)


def op(
    type_: str, *inputs: Tensor, makes: Tensor | None = None, **attributes: object
) -> tuple[str, list[Tensor], Tensor, dict[str, object]]:
    """One step; it makes what it reads unless said otherwise."""
    return type_, list(inputs), makes or inputs[0], attributes
