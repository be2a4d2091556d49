"""The runner under the runtime that boards still carry: tflite-runtime 2.14 with NumPy 1."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from own_environment import python_with
from toy_models import MakeRun

from edgebench.deploy.documents.result import Runtime
from edgebench.deploy.transports.local import LocalDevice

PACKAGES = ("tflite-runtime==2.14.0", "numpy<2")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def old_python() -> str:
    if sys.version_info >= (3, 12):
        pytest.skip("tflite-runtime 2.14 has no wheel for Python 3.12 and later")
    return str(python_with("old-runtime", *PACKAGES))


def test_it_measures_and_evaluates_as_under_the_new_one(old_python: str, make_run: MakeRun) -> None:
    folders = [make_run("plain", "int8", evaluate=True, where=name) for name in ("old", "new")]
    old = LocalDevice(old_python).run(folders[0], lambda *step: None)
    new = LocalDevice().run(folders[1], lambda *step: None)
    assert old.context.runtimes == {"tflite": Runtime("tflite-runtime", "2.14.0")}
    assert old.context.numpy.startswith("1.")
    assert new.context.runtimes["tflite"].name == "ai-edge-litert"
    assert old.complete and new.complete
    assert [b.index for b in old.blocks] == [b.index for b in new.blocks]
    for slot, evaluation in old.evaluations.items():
        # This old wheel's XNNPACK delegate takes no int8 operations, and the result says so.
        assert evaluation.partitions == {"plain": 1, "int8": 0}[slot]
        assert evaluation.outputs is not None
        name = evaluation.outputs["logits"]
        ours, theirs = (np.load(folder / name) for folder in folders)
        # One step of the int8 output; float32 differs in the last digits only.
        step = {"plain": 1e-5, "int8": np.diff(np.unique(theirs)).min() * 1.01}[slot]
        np.testing.assert_allclose(ours, theirs, atol=step)
