"""Small graphs, written by hand: `graph("tflite", op("MUL", (1, 8, 8, 4), (1, 8, 1, 4)))`."""

from __future__ import annotations

from edgebench.converters.lint.graph import LintGraph, LintTensor, Op, Quantised
from edgebench.converters.lint.kinds import MIL, ONNX, OPENVINO, TFLITE, kind

WORDS = {"tflite": TFLITE, "onnx": ONNX, "openvino": OPENVINO, "coreml": MIL}
Shape = tuple[int | None, ...]


def tensor(shape: Shape, dtype: str = "float32", scale: float | None = None, **more: object):
    """A tensor without a name yet; `op` and `graph` give it one."""
    quantised = None if scale is None else Quantised((scale,), (0,))
    return LintTensor("", shape, dtype, quantised=quantised, **more)


def constant(*values: int) -> LintTensor:
    return LintTensor("", (len(values),), "int32", True, values=values)


def weights(*shape: int, scales: int = 1) -> LintTensor:
    return LintTensor("", shape, "int8", True, Quantised((0.1,) * scales, (0,) * scales))


def graph(
    format: str, *steps: tuple[str, list[LintTensor], LintTensor, dict[str, object]]
) -> LintGraph:
    """A chain: each step's first input is the output of the step before it."""
    tensors: dict[str, LintTensor] = {}
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
    return LintGraph("made.up", format, "?", tuple(ops), tensors, ("0.0",), (last,))


def _named(one: LintTensor, name: str) -> LintTensor:
    return LintTensor(name, one.shape, one.dtype, one.constant, one.quantised, one.values)


def op(
    type_: str, *inputs: LintTensor, makes: LintTensor | None = None, **attributes: object
) -> tuple[str, list[LintTensor], LintTensor, dict[str, object]]:
    """One step; it makes what it reads unless said otherwise."""
    return type_, list(inputs), makes or inputs[0], attributes
