"""What float16 cannot hold is found, named and left in float32."""

from __future__ import annotations

import numpy as np
import pytest
from coreml_models import classifier, kinds, operations, samples, specification

from edgebench.converters.backend import Instructions
from edgebench.converters.coreml import overflow, target
from edgebench.converters.coreml.convert import convert_all
from edgebench.converters.onnx import reference

GAIN = 1e6


def test_a_network_within_range_has_no_overflow() -> None:
    network = classifier()
    assert overflow.find(network.model, samples(network)) == ()


def test_a_planted_overflow_is_found_with_its_size() -> None:
    network = classifier(GAIN)
    found = overflow.find(network.model, samples(network))
    assert [(one.node, one.op_type) for one in found] == [("wide", "Conv"), ("mean", "ReduceMean")]
    assert all(one.magnitude > overflow.LARGEST for one in found)
    # The linear layer makes nothing large, but reads what is.
    assert overflow.layers_to_keep(network.model, found) == {"c", "d", "scores"}


@pytest.mark.parametrize("precision", ["fp16", "int8w", "w8a8"])
def test_a_layer_that_overflows_stays_in_float32(precision: str) -> None:
    network, notes = classifier(GAIN), list[str]()
    given = samples(network, 8)
    content = convert_all(network, [precision], given, Instructions(note=notes.append))[precision]
    assert len(notes) == 1
    assert "wide (Conv) reaches" in notes[0] and "65504" in notes[0]
    metadata = specification(content).description.metadata.userDefined
    assert metadata["com.edgebench.float32_layers"] == "wide,mean"
    convs = [operation for operation in operations(content) if operation.type == "conv"]
    widths = [conv.outputs[0].type.tensorType.dataType for conv in convs]
    assert widths == [10, 11]  # MIL's FLOAT16 and FLOAT32
    assert "sigmoid_hard" in kinds(content)
    converted = target.open_converted(network, content)
    for sample, (wanted,) in zip(given, reference.run(network.model, given), strict=True):
        (found,) = converted.run(sample)
        assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()


def test_infinities_of_the_models_own_are_no_overflow() -> None:
    assert overflow._magnitude(np.array([np.inf, -3.0], np.float32)) == 3.0
    assert overflow._magnitude(np.array([70000])) == 0.0
