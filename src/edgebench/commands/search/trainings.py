"""The trainings of a search, each resumable: on the built-in scenes, or on the user's images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgebench import arguments
from edgebench.benchmarks.search.candidates import Candidate
from edgebench.benchmarks.search.document import Attempt, SearchRequest
from edgebench.commands.search import naming
from edgebench.errors import DataError
from edgebench.progress import Progress

SCENES_PER_EPOCH = 6400


def train(
    request: SearchRequest,
    candidate: Candidate,
    epochs: int,
    seed: int,
    folder: Path,
    progress: Progress,
) -> Attempt:
    """Train one candidate, from where it was interrupted. Raises as the trainings do."""
    name = naming.model(request.trained, candidate)
    with arguments.needs("train"):
        if request.data == "scenes":
            correct, count = _on_scenes(request.trained, name, epochs, seed, folder, progress)
        else:
            correct, count = _on_images(request.data, name, epochs, seed, folder, progress)
    return Attempt(candidate.label, epochs, seed, correct, count)


def _on_scenes(
    plain: str, name: str, epochs: int, seed: int, folder: Path, progress: Progress
) -> tuple[int, int]:
    """By the recipe of the experiment on attention, which learns in a minute or two."""
    import torch

    from edgebench import documents
    from edgebench.models import registry
    from edgebench.models.trial.recipe import RECIPES
    from edgebench.models.trial.training import train_model

    size = registry.get(plain).input_size
    recipe = replace(
        RECIPES["resnet18"],
        name="search",
        backbone=plain,
        size=size,
        images=epochs * SCENES_PER_EPOCH,
    )
    state = folder / f"{name}_{epochs}_s{seed}.state.pt"
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    done = train_model(recipe, name, plain, seed, state, device, progress)
    documents.remove(state)
    return done.correct, done.count


def _on_images(
    data: str, name: str, epochs: int, seed: int, folder: Path, progress: Progress
) -> tuple[int, int]:
    from edgebench.models.train import train as trained
    from edgebench.models.train_config import TrainConfig

    out = folder / f"epochs{epochs}"
    config = TrainConfig(
        name,
        out,
        data,
        epochs=epochs,
        batch_size=64,
        learning_rate=0.01,
        dropout=0.0,
        seed=seed,
        resume=True,
    )
    result = trained(config, progress)
    if result.accuracy is None:
        raise DataError(
            f"{data} has no images to test on",
            "put images that are not trained on into PATH/val, and the others into PATH/train",
        )
    count = result.accuracy.count
    return round(result.accuracy.top1 * count), count
