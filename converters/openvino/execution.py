"""What the CPU plugin makes of a model: which layers it runs, and in which precision.

The plugin fuses, reorders and falls back as it compiles; only its execution graph says what runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from edgebench.converters.openvino.session import openvino

INT8 = ("i8", "u8")
_FIELDS = ("layerType", "runtimePrecision", "originalLayersNames")
# Layers that compute nothing of the network: its borders, constants, and changes of form.
_FORM = frozenset({"Input", "Output", "Const", "Reorder", "Reshape", "Convert", "FakeQuantize"})


@dataclass(frozen=True)
class ExecutedLayer:
    """One layer of the execution graph.

    `nodes` are the names of the operations that it runs, ONNX's where they come from there;
    `precision` is the plugin's name of it, such as `u8` or `f32`.
    """

    name: str
    kind: str
    precision: str
    nodes: tuple[str, ...]


def layers(compiled: openvino.CompiledModel) -> list[ExecutedLayer]:
    """The layers that compute, in the order they run."""
    found = []
    for op in compiled.get_runtime_model().get_ordered_ops():
        info = {name: op.get_rt_info()[name].astype(str) for name in _FIELDS}
        nodes = tuple(filter(None, info["originalLayersNames"].split(",")))
        if info["layerType"] not in _FORM and not all("fq_" in node for node in nodes):
            name, precision = op.get_friendly_name(), info["runtimePrecision"]
            found.append(ExecutedLayer(name, info["layerType"], precision, nodes))
    return found


def in_words(compiled: openvino.CompiledModel, float_nodes: frozenset[str]) -> str:
    """A sentence that says how many layers run in int8, and which do not, by choice or else."""
    every = layers(compiled)
    others = [layer for layer in every if layer.precision not in INT8]
    chosen = [layer for layer in others if any(came_from(n, float_nodes) for n in layer.nodes)]
    lost = [layer for layer in others if layer not in chosen]
    said = f"{len(every) - len(others)} of {len(every)} layers run in int8 on this machine's CPU"
    if chosen:
        said += f"; left in float by choice: {len(chosen)}"
    if lost:
        kinds = Counter(f"{layer.kind} ({layer.precision})" for layer in lost)
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        said += f"; OpenVINO itself runs in float: {listed}, first {lost[0].name}"
    return said


def came_from(op: str, nodes: frozenset[str]) -> bool:
    """Whether an operation of OpenVINO's is one of these ONNX nodes, or a part of one.

    It is called after its node, and the parts of a node that became several `node/part`.
    """
    return op in nodes or any(op.startswith(f"{node}/") for node in nodes)
