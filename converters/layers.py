"""Layer by layer: the first value at which a converted graph departs from its source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import onnx

from edgebench.converters.onnx.reference import Array, Sample, session


def values(model: onnx.ModelProto, sample: Sample) -> dict[str, Array]:
    """Every value that the nodes of an ONNX graph compute, by name, in the graph's order."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    names = [name for node in model.graph.node for name in node.output if name]
    known = {info.name for info in model.graph.output}
    watched.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in known)
    return dict(zip(names, session(watched).run(names, dict(sample)), strict=True))


def first_difference(
    model: onnx.ModelProto, found: Mapping[str, Array], sample: Sample, snr_db: float
) -> str:
    """A clause that names the first value below this SNR; the worst where none is.

    `found` are the converted graph's values by ONNX's names. A value that it holds in another
    shape, or not at all, is left out: it has become part of another.
    """
    layers = list(_compare(model, values(model, sample), found))
    if not layers:
        return "no layer of it can be compared by itself"
    # Where every layer holds, the errors have added up; the worst is where to look.
    ratio, node = next((one for one in layers if not one[0] >= snr_db), min(layers, key=_ratio))
    return (
        f"the first layer that differs is {node.name or node.output[0]} ({node.op_type}), "
        f"at {ratio:.1f} dB"
    )


def _ratio(layer: tuple[float, onnx.NodeProto]) -> float:
    return layer[0]


def _compare(
    model: onnx.ModelProto, wanted: Mapping[str, Array], found: Mapping[str, Array]
) -> Iterator[tuple[float, onnx.NodeProto]]:
    for node in model.graph.node:
        for name in node.output:
            here, there = wanted.get(name), found.get(name)
            if here is None or there is None:
                continue
            if here.dtype.kind == "f" and here.shape == there.shape:
                yield _snr_db(here.astype(np.float64), there.astype(np.float64)), node


def _snr_db(wanted: Array, found: Array) -> float:
    signal, error = (float(np.square(a).sum()) for a in (wanted, found - wanted))
    if error == 0.0:
        return math.inf
    return 10 * math.log10(signal / error) if signal and math.isfinite(error) else -math.inf
