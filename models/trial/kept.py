"""The weights that a trial ended with, as a checkpoint with its manifest."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch

from edgebench import documents
from edgebench.models import evaluate
from edgebench.models.data import scenes
from edgebench.models.manifest import Checkpoint
from edgebench.models.trial.recipe import TrialRecipe
from edgebench.models.trial.together import TrainedTogether
from edgebench.version import __version__

# With records of its own: it would train nothing that is recorded already.
_COMMAND = (
    "python -m edgebench.commands.attention --recipe {} --kinds {} --seeds {} "
    "--weights DIR --records DIR/records.jsonl"
)


def save(
    folder: Path,
    recipe: TrialRecipe,
    one: TrainedTogether,
    device: torch.device,
    tools: dict[str, str],
) -> None:
    """Write `MODEL.safetensors`, for other seeds than 0 `MODEL_s1.safetensors`, and their `.json`.

    Raises `UnwritableError`.
    """
    model = recipe.model(one.kind)
    weights = folder / f"{model}{f'_s{one.seed}' if one.seed else ''}.safetensors"
    tested = [scenes.evaluation(size=recipe.size)]
    accuracy = evaluate.accuracy(one.module.to(device), tested, device)
    tensors = {k: v.detach().cpu().contiguous() for k, v in one.module.state_dict().items()}
    with documents.replacing(weights) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors))
    record = Checkpoint(
        model=model,
        command=_COMMAND.format(recipe.name, one.kind, one.seed + 1),
        seed=one.seed,
        data="scenes",
        recipe_sha256=scenes.recipe_sha256(recipe.size, recipe.scenes),
        epochs=len(one.log),
        accuracy=accuracy,
        tools={"edgebench": __version__, **tools},
        weights_sha256=documents.sha256(weights),
        log=one.log,
    )
    documents.save(weights.with_suffix(".json"), record)
