"""The benchmark of drift: other tools get what they ask for, and end in their time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import planted_defects
import pytest

from edgebench.commands.bench_drift import peers
from edgebench.converters.drift.injection import noise
from edgebench.converters.onnx import reference
from edgebench.converters.onnx.graph import read
from edgebench.progress import silent
from edgebench.tasks import detection_layout
from edgebench.tasks.task import ModelOutput, Signature

IMAGES = 12


def test_nncf_is_given_the_images_that_it_asks_for(tmp_path: Path) -> None:
    """It asks image by image where it gets no outputs: all of them each time took hours."""
    pytest.importorskip("nncf")
    source, _ = planted_defects.write(tmp_path, "outliers")
    graph = read(source)
    samples = [dict(planted_defects._image(seed)) for seed in range(IMAGES)]
    expected = reference.outputs(graph.model, samples)
    asked: list[int] = []

    def validate(compiled, items: Iterable[int]):  # type: ignore[no-untyped-def]
        places = list(items)
        asked.append(len(places))
        made = [[np.array(one) for one in compiled(dict(samples[i])).to_tuple()] for i in places]
        off = [noise(expected[i], one, [()]) for i, one in zip(places, made, strict=True)]
        return -float(np.mean(off)), made

    arguments = (graph, samples, dict(enumerate(samples)), validate, 1e-9)
    with pytest.raises(peers.NotInTimeError, match=r"^not finished in 0 s, after 2 inferences"):
        peers.nncf_accuracy_control(*arguments, 0.0, silent)
    asked.clear()
    made = peers.nncf_accuracy_control(*arguments, 600.0, silent)
    assert made and set(asked) == {1, IMAGES}  # one to see what comes back, then all at once


def test_boxes_and_scores_of_one_output_count_alike() -> None:
    signature = Signature((ModelOutput("out", (1, 7, 16)),), (320, 320))
    words = {"format": "cxcywh", "columns": "box+scores"}
    kinds = [detection_layout.kinds(detection_layout.assign(signature, words))["out"]]
    wanted = np.ones((1, 7, 16))
    wanted[:, :4] *= 320
    lost = wanted.copy()
    lost[:, 4:] = 0  # all scores
    near = wanted.copy()
    near[:, :4] += 3.2
    assert noise([wanted], [lost], kinds) == pytest.approx(0.5)
    assert noise([wanted], [near], kinds) == pytest.approx(0.5e-4)
