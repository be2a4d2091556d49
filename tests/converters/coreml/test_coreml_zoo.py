"""Every attention of the zoo as a Core ML program. Whole networks are in test_matrix."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from coreml_models import kinds
from torch import nn

from edgebench.content import read_content
from edgebench.converters.artifact import Preprocessing
from edgebench.converters.backend import Instructions
from edgebench.converters.coreml import target
from edgebench.converters.coreml.convert import convert_all
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.converters.onnx.simplify import simplify
from edgebench.converters.quiet import quiet
from edgebench.models.attention import ATTENTION

# The network's own: coordinate attention turns a strip on its side and a gate back in each block.
TRANSPOSES = {"scenes_v2": 0, "scenes_v2_se": 0, "scenes_v2_cbam": 0, "scenes_v2_ca": 32}
REDUCTION = {"se": 4, "cbam": 4, "ca": 4}
IMAGE = Instructions(Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def exported(module: nn.Module, size: int) -> OnnxGraph:
    with quiet(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(), (torch.zeros(1, 3, size, size),), dynamo=True, verbose=False
        )
    return OnnxGraph(simplify(program.model_proto)[0], "net", "zoo", "0" * 64)


def settle(module: nn.Module, size: int) -> nn.Module:
    """Fresh weights with batch-norm statistics to match, so that values keep their size."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    with torch.no_grad():
        module.train()(torch.randn(8, 3, size, size))
    return module


def check(graph: OnnxGraph) -> None:
    """Both float packages compute what ONNX does, without shuffles that the graph has not."""
    samples = [reference.noise(graph.model, seed) for seed in range(2)]
    packages = convert_all(graph, ["fp32", "fp16"], samples, IMAGE)
    wanted = reference.run(graph.model, samples)
    shuffles = Counter(node.op_type for node in graph.model.graph.node)["Transpose"]
    for precision, floor in (("fp32", 60), ("fp16", 15)):
        assert kinds(packages[precision]).count("transpose") <= shuffles
        converted = target.open_converted(graph, packages[precision])
        for sample, (want,) in zip(samples, wanted, strict=True):
            (found,) = converted.run(sample)
            error = max(float(np.square(found - want).sum()), 1e-30)
            assert 10 * np.log10(float(np.square(want).sum()) / error) > floor


@pytest.mark.parametrize("name", ATTENTION)
def test_an_attention_computes_what_onnx_does(name: str) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 3, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU6(),
        ATTENTION[name](16, REDUCTION.get(name)),
        nn.Conv2d(16, 8, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )
    check(exported(settle(net, 24), 24))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("model", TRANSPOSES)
def test_a_whole_network_has_no_shuffles_of_the_lowerings_own(
    zoo: Path, model: str, precision: str
) -> None:
    package = read_content(zoo / f"{model}.{precision}.mlpackage")
    assert kinds(package).count("transpose") == TRANSPOSES[model]
