"""Training: the paper's plain recipe, resumable after every epoch, on one process or many.

SGD with momentum, a cosine schedule per step from the first to the last, no warm-up and no tricks
(Hou et al., CVPR 2021, section 4.1). On one CPU thread count and one machine the result follows
from the configuration bit for bit, whether the training was interrupted or not.
"""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from edgebench import documents
from edgebench.errors import EdgeBenchError, UsageError
from edgebench.models import distributed, evaluate, registry, state
from edgebench.models.backbones.build import network
from edgebench.models.data.feeds import Feed, feed_for
from edgebench.models.manifest import Accuracy, Checkpoint, EpochLog
from edgebench.models.train_config import TrainConfig
from edgebench.models.weights import load_into
from edgebench.progress import Progress, silent
from edgebench.version import __version__

# How many steps pass before the loss is looked at, which waits for every process.
_CHECK_EVERY = 100


@dataclass(frozen=True)
class TrainResult:
    """Where the trained weights and their manifest lie, and what they achieve."""

    weights: Path
    manifest: Path
    accuracy: Accuracy | None


class TrainingDivergedError(EdgeBenchError):
    """The loss is not a number any more."""


@dataclass
class _Run:
    """The parts of a training under way."""

    config: TrainConfig
    place: distributed.Place
    feed: Feed
    module: nn.Module
    optimizer: torch.optim.SGD
    identity: str
    log: list[EpochLog]


def train(config: TrainConfig, progress: Progress = silent) -> TrainResult:
    """Train a model and write its weights and manifest into `config.out`.

    Raises `UsageError` for settings that do not fit together, `DataError` for data that cannot be
    read, `InvalidFileError` for a state or weights that do not fit, `TrainingDivergedError` when
    the loss stops being finite, and `UnwritableError`.
    """
    _check(config)
    with distributed.joined(config.device) as place:
        run = _prepare(config, place)
        trained = _wrapped(run)
        for epoch in range(len(run.log), config.epochs):
            loss, rate = _epoch(run, trained, epoch, progress if place.rank == 0 else silent)
            run.log.append(EpochLog(epoch + 1, loss, rate))
            if place.rank == 0:
                state.save(config.state_path, run.identity, run.module, run.optimizer, run.log)
        result = _finish(run, progress) if place.rank == 0 else _paths(config, None)
        place.wait()
        return result


def _check(config: TrainConfig) -> None:
    registry.get(config.model)
    for name in ("epochs", "batch_size", "scenes_per_epoch", "workers"):
        if getattr(config, name) < 1:
            raise UsageError(f"{name} is {getattr(config, name)}", "give a number of at least 1")
    if not 0 < config.learning_rate < math.inf:
        raise UsageError(f"the learning rate is {config.learning_rate}", "give one above 0")
    if not 0 <= config.dropout < 1:
        raise UsageError(f"the dropout is {config.dropout}", "give one from 0 up to 1")
    if config.seed < 0:
        raise UsageError(f"the seed is {config.seed}", "give a seed of at least 0")


def _prepare(config: TrainConfig, place: distributed.Place) -> _Run:
    if config.batch_size % place.world:
        raise UsageError(
            f"a batch of {config.batch_size} cannot be shared by {place.world} processes",
            "choose a batch size that the number of processes divides",
        )
    spec = registry.get(config.model)
    feed = feed_for(
        config.data,
        spec,
        batch_size=config.batch_size,
        scenes_per_epoch=config.scenes_per_epoch,
        seed=config.seed,
        workers=config.workers,
    )
    if feed.steps < 1:
        raise UsageError(
            f"an epoch of {config.scenes_per_epoch} scenes is less than one batch of "
            f"{config.batch_size}",
            "choose a smaller batch or more scenes",
        )
    torch.manual_seed(config.seed)
    module = network(spec, config.dropout)
    if config.init is not None:
        load_into(module, config.init, module.weight_layouts)
    module.to(place.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        module.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    log: list[EpochLog] = []
    identity = f"{config.command} # init {config.init is not None}, data {feed.recipe_sha256}"
    if config.resume and config.state_path.exists():
        log = state.load(config.state_path, identity, module, optimizer)
    return _Run(config, place, feed, module, optimizer, identity, log)


def _wrapped(run: _Run) -> nn.Module:
    if run.place.world == 1:
        return run.module
    devices = [run.place.device] if run.place.device.type == "cuda" else None
    return DistributedDataParallel(run.module, device_ids=devices)


def _epoch(run: _Run, trained: nn.Module, epoch: int, progress: Progress) -> tuple[float, float]:
    """Train one epoch; give its mean loss over all processes and its last learning rate."""
    config, place, steps = run.config, run.place, run.feed.steps
    total = steps * config.epochs
    trained.train()
    # Each epoch has its own random numbers (dropout), so that a state need not keep any.
    torch.manual_seed((config.seed * config.epochs + epoch) * place.world + place.rank)
    losses = torch.zeros((), dtype=torch.float64, device=place.device)
    rate, mean = config.learning_rate, math.nan
    for step, (images, labels) in enumerate(run.feed.batches(epoch, place.rank, place.world)):
        done = epoch * steps + step
        rate = config.learning_rate * 0.5 * (1 + math.cos(math.pi * done / total))
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        logits: Tensor = trained(images.to(place.device, memory_format=torch.channels_last))
        loss = nn.functional.cross_entropy(logits, labels.to(place.device))
        run.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        run.optimizer.step()
        losses += loss.detach()
        progress(f"train {config.stem}", done + 1, total)
        if (step + 1) % _CHECK_EVERY == 0 or step + 1 == steps:
            mean = place.mean(float(losses) / (step + 1))
            _require_finite(mean, config, epoch)
    return mean, rate


def _require_finite(loss: float, config: TrainConfig, epoch: int) -> None:
    if not math.isfinite(loss):
        kept = f"the state after epoch {epoch} is kept; " if epoch else ""
        raise TrainingDivergedError(
            f"the loss of {config.stem} is {loss} in epoch {epoch + 1}",
            f"{kept}choose a lower --learning-rate than {config.learning_rate}",
        )


def _paths(config: TrainConfig, accuracy: Accuracy | None) -> TrainResult:
    stem = config.out / config.stem
    return TrainResult(
        stem.with_name(stem.name + ".safetensors"), stem.with_name(stem.name + ".json"), accuracy
    )


def _finish(run: _Run, progress: Progress) -> TrainResult:
    """Evaluate, then write the weights and their manifest."""
    config = run.config
    step = f"evaluate {config.stem}"
    progress(step, 0, 1)
    accuracy = evaluate.accuracy(run.module, run.feed.evaluation(), run.place.device)
    progress(step, 1, 1)
    result = _paths(config, accuracy)
    tensors = {k: v.detach().cpu().contiguous() for k, v in run.module.state_dict().items()}
    with documents.replacing(result.weights) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors))
    manifest = Checkpoint(
        model=config.model,
        command=config.command,
        seed=config.seed,
        data=config.data.partition(":")[0],
        recipe_sha256=run.feed.recipe_sha256,
        epochs=config.epochs,
        accuracy=accuracy,
        tools={
            "edgebench": __version__,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "numpy": np.__version__,
        },
        weights_sha256=documents.sha256(result.weights),
        log=run.log,
    )
    documents.save(result.manifest, manifest)
    return replace(result, accuracy=accuracy)
