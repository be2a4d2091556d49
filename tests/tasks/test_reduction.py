"""What is kept of an output, by the vectors that every runner is held to."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edgebench.deploy.documents import schemas
from edgebench.deploy.runner import reduction as runners
from edgebench.documents import convert
from edgebench.tasks.reduction import Reduction, argmax, reduce, small

CASES: list[dict[str, Any]] = json.loads((schemas.FOLDER / "reductions.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_is_kept_is_what_the_vectors_say(case: dict[str, Any]) -> None:
    reduction = convert(case["reduction"], Reduction)
    outputs = {name: np.array(values, np.float32) for name, values in case["outputs"].items()}
    kept = reduce(reduction, case["output"], outputs)
    assert kept.dtype == reduction.dtype and kept.flags.c_contiguous
    assert kept.shape[1:] == reduction.shape
    assert kept.tobytes() == np.array(case["kept"], reduction.dtype).tobytes()
    assert kept.nbytes == len(kept) * reduction.bytes_an_image
    on_device = runners.reduce(np, case["reduction"], case["output"], outputs)
    assert (on_device.dtype, on_device.shape) == (kept.dtype, kept.shape)
    assert on_device.tobytes() == kept.tobytes()


def test_every_kind_has_a_vector() -> None:
    kinds = {case["reduction"]["kind"] for case in CASES}
    assert kinds == {"identity", "argmax", "threshold", "top_rows"}


def test_a_map_of_classes_is_bytes_while_they_are_few() -> None:
    shape = (513, 513)
    assert argmax((21, *shape), 0).bytes_an_image == 513 * 513
    assert argmax((300, *shape), 0).bytes_an_image == 2 * 513 * 513
    assert (small(255), small(256)) == ("uint8", "uint16")
