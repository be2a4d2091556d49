"""From a model of the zoo to the ONNX graph that every target starts from."""

from __future__ import annotations

import hashlib

import onnx
import torch
from torch.fx.experimental.optimization import fuse

from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.simplify import simplify
from edgebench.converters.quiet import quiet
from edgebench.errors import UnsupportedModelError
from edgebench.models.build import Model

OPSET = 18
INPUT, OUTPUT = "image", "logits"


def to_onnx(model: Model) -> OnnxGraph:
    """Export with torch's own (dynamo) exporter at batch 1, then check and simplify.

    Batch norms are folded into their convolutions first, in a copy: the exporter would do it too,
    but only after carrying each of them through all its steps, which takes a third longer. The
    input is `image` (1, 3, S, S), the output `logits` (1, classes).
    """
    size = model.spec.input_size
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                fuse(model.module),
                (torch.zeros(1, 3, size, size),),
                dynamo=True,
                opset_version=OPSET,
                input_names=[INPUT],
                output_names=[OUTPUT],
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise UnsupportedModelError(
            f"torch cannot export {model.spec.name} to ONNX: {str(error).splitlines()[0]}",
            "this is a fault in the zoo; please report it with the model's name",
        ) from error
    if program is None:
        raise UnsupportedModelError(f"torch exported nothing for {model.spec.name}")
    exported: onnx.ModelProto = program.model_proto
    onnx.checker.check_model(exported)
    graph, notes = simplify(exported, foreign=False)
    digest = hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()
    return OnnxGraph(graph, model.spec.name, "zoo", digest, notes)
