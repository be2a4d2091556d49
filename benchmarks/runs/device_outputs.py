"""The outputs of a model's artifacts on a device, without measuring anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgebench.benchmarks.planning.design import AGAIN
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.results.run_folder import DRAFT, load_outputs
from edgebench.benchmarks.runs.run import prepare
from edgebench.deploy.device.interface import Device
from edgebench.deploy.documents.plan import Plan
from edgebench.deploy.documents.staging import write_plan
from edgebench.documents import load
from edgebench.errors import DeviceError
from edgebench.progress import Progress
from edgebench.tasks.task import Outputs


def outputs(
    artifacts: Path,
    model: str,
    precisions: Sequence[str],
    device: Device,
    images: int,
    out: Path,
    progress: Progress,
) -> Mapping[str, Outputs]:
    """What the device computes of the first images, by slot, such as `model.int8.tflite`.

    The run folder is made in `out`. Raises `EdgeBenchError`.
    """
    request = RunRequest(
        str(artifacts),
        device.name,
        models=(model,),
        precisions=tuple(precisions),
        baseline=model,
        against_itself=True,
        out=str(out),
    )
    folder = prepare(request, device, progress)
    draft = load(folder / DRAFT, Plan)
    # Without the slots in which a model runs against itself: it would compute the same again.
    once = {slot: one for slot, one in draft.artifacts.items() if not slot.endswith(AGAIN)}
    write_plan(replace(draft, artifacts=once, cooldown=None, images=images), folder)
    found = load_outputs(device.run(folder, progress), folder)
    if not found:
        raise DeviceError(
            f"{device.name} gave no outputs of {model}",
            "give labelled images with --data, so that there is something to evaluate",
        )
    return {
        slot: {role: np.array(array) for role, array in kept.items()}
        for slot, kept in found.items()
    }
