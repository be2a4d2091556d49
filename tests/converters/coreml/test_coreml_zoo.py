"""Every attention of the zoo as a Core ML program. Whole networks are in test_matrix."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import attention_networks
import numpy as np
import pytest
from coreml_models import kinds

from edgebench.content import read_content
from edgebench.converters.artifact import Preprocessing
from edgebench.converters.backend import Instructions
from edgebench.converters.coreml import target
from edgebench.converters.coreml.convert import convert_all
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import OnnxGraph
from edgebench.models.attention import ATTENTION

# The network's own: coordinate attention turns a strip on its side and a gate back in each block.
TRANSPOSES = {"scenes_v2": 0, "scenes_v2_se": 0, "scenes_v2_cbam": 0, "scenes_v2_ca": 32}
IMAGE = Instructions(Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


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
def test_an_attention_computes_what_onnx_does(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check(OnnxGraph(attention_networks.small(tmp_path_factory, name), "net", "zoo", "0" * 64))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("model", TRANSPOSES)
def test_a_whole_network_has_no_shuffles_of_the_lowerings_own(
    zoo: Path, model: str, precision: str
) -> None:
    package = read_content(zoo / f"{model}.{precision}.mlpackage")
    assert kinds(package).count("transpose") == TRANSPOSES[model]
