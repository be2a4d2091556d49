"""OpenVINO's intermediate representation, model.xml with model.bin, as a graph.

The network is plain XML, and is read without OpenVINO.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from edgebench.converters.lint.graph import SHORT, LintGraph, LintTensor, Op
from edgebench.converters.lint.kinds import OPENVINO, kind
from edgebench.converters.lint.readers.folding import without_constant_ops
from edgebench.errors import InvalidFileError

DTYPES = {"FP32": "float32", "FP16": "float16", "BF16": "bfloat16", "FP64": "float64"}
"""NumPy's names for OpenVINO's types; those not here differ only in how they are abbreviated."""

WHOLE = {"i32": "int32", "i64": "int64"}


def read(path: Path, name: str, precision: str) -> LintGraph:
    """Read the network's .xml, given itself or its folder. Raises `InvalidFileError`."""
    network = _network(path)
    try:
        root = ElementTree.parse(network).getroot()
        layers = {layer.attrib["id"]: layer for layer in root.iterfind("layers/layer")}
        sources = {
            (edge.attrib["to-layer"], edge.attrib["to-port"]): _tensor_name(
                layers[edge.attrib["from-layer"]], edge.attrib["from-port"]
            )
            for edge in root.iterfind("edges/edge")
        }
        weights = network.with_suffix(".bin")
        content = weights.read_bytes() if weights.exists() else b""
        tensors: dict[str, LintTensor] = {}
        ops: list[Op] = []
        inputs: list[str] = []
        outputs: list[str] = []
        for layer in layers.values():
            made = _outputs(layer, content)
            tensors.update({tensor.name: tensor for tensor in made})
            read_ = tuple(
                sources[layer.attrib["id"], port.attrib["id"]]
                for port in layer.iterfind("input/port")
            )
            if layer.attrib["type"] == "Parameter":
                inputs += [tensor.name for tensor in made]
            elif layer.attrib["type"] == "Result":
                outputs += read_
            elif layer.attrib["type"] != "Const":
                ops.append(_op(layer, read_, made, tensors))
    except (ElementTree.ParseError, OSError, KeyError, ValueError) as error:
        raise InvalidFileError(
            f"{network} is not an OpenVINO network: {error}", "export it again"
        ) from error
    ops, tensors = without_constant_ops(ops, tensors)
    return LintGraph(
        name=name,
        format="openvino",
        precision=precision,
        ops=tuple(ops),
        tensors=tensors,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
    )


def _network(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(path.glob("*.xml"))
    if len(found) != 1:
        raise InvalidFileError(
            f"{path} holds {len(found)} .xml files where an OpenVINO network has one",
            "name the .xml file itself",
        )
    return found[0]


def _tensor_name(layer: Element, port: str) -> str:
    return f"{layer.attrib['name']}:{port}"


def _outputs(layer: Element, content: bytes) -> tuple[LintTensor, ...]:
    constant = layer.attrib["type"] == "Const"
    return tuple(
        LintTensor(
            name=_tensor_name(layer, port.attrib["id"]),
            shape=_shape(port),
            dtype=_dtype(port.attrib["precision"]),
            constant=constant,
            values=_values(layer, content) if constant else None,
        )
        for port in layer.iterfind("output/port")
    )


def _shape(port: Element) -> tuple[int | None, ...]:
    sizes = (int(dim.text or -1) for dim in port.iterfind("dim"))
    return tuple(None if size < 0 else size for size in sizes)


def _dtype(precision: str) -> str:
    if precision in DTYPES:
        return DTYPES[precision]
    return precision.replace("U", "uint").replace("I", "int").lower()


def _values(layer: Element, content: bytes) -> tuple[int, ...] | None:
    data = layer.find("data")
    if data is None or data.attrib.get("element_type") not in WHOLE:
        return None
    size, start = int(data.attrib["size"]), int(data.attrib["offset"])
    if size > SHORT * 8 or start + size > len(content):
        return None
    dtype = WHOLE[data.attrib["element_type"]]
    return tuple(int(n) for n in np.frombuffer(content[start : start + size], dtype))


def _op(
    layer: Element,
    inputs: tuple[str, ...],
    made: tuple[LintTensor, ...],
    tensors: dict[str, LintTensor],
) -> Op:
    type_ = layer.attrib["type"]
    data = layer.find("data")
    attributes: dict[str, object] = dict(data.attrib) if data is not None else {}
    if type_ == "Transpose":
        attributes["perm"] = tensors[inputs[1]].values
    return Op(
        name=layer.attrib["name"],
        type=type_,
        kind=kind(OPENVINO, type_),
        inputs=inputs,
        outputs=tuple(tensor.name for tensor in made),
        attributes=attributes,
    )
