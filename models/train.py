"""Training: the paper's plain recipe, resumable at any moment, on one process or many.

SGD with momentum, a cosine schedule per step from the first to the last, no warm-up and no tricks
(Hou et al., CVPR 2021, section 4.1). On one CPU thread count and one machine the result follows
from the configuration bit for bit, whether the training was interrupted or not; several processes
train what one does, but for rounding and the random numbers of dropout.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from edgebench import documents
from edgebench.errors import EdgeBenchError, UsageError
from edgebench.models import (
    distributed,
    evaluate,
    fake_quantise,
    located,
    manifest,
    recipe,
    registry,
    shared_norm,
    state,
)
from edgebench.models.backbones.build import network
from edgebench.models.data.feeds import Feed, feed_for
from edgebench.models.data.located_feeds import LocatedFeed
from edgebench.models.kinds import CLASSIFICATION
from edgebench.models.manifest import Accuracy, Checkpoint, EpochLog
from edgebench.models.objective import LEARNING_RATES, OBJECTIVES, QAT_RATE, Outputs
from edgebench.models.spec import ModelSpec
from edgebench.models.speed import Meter, Speed, reading
from edgebench.models.train_config import TrainConfig
from edgebench.models.weights import load_start
from edgebench.progress import Progress, silent
from edgebench.tasks.task import Score
from edgebench.version import __version__

# How many steps pass before the loss is looked at, which waits for every process.
_CHECK_EVERY = 100


@dataclass(frozen=True)
class TrainResult:
    """Where the trained weights and their manifest lie, and what they achieve: an `accuracy`, or of
    a model that does not classify a `score`.

    `speed` is that of this process, None where nothing was left to train.
    """

    weights: Path
    manifest: Path
    accuracy: Accuracy | None
    speed: Speed | None = None
    score: Score | None = None


class TrainingDivergedError(EdgeBenchError):
    """The loss is not a number any more."""


@dataclass
class _Run:
    """The parts of a training under way."""

    config: TrainConfig
    spec: ModelSpec
    place: distributed.Place
    feed: Feed | LocatedFeed
    module: nn.Module
    average: AveragedModel | None
    optimizer: torch.optim.SGD
    identity: str
    done: state.TrainingProgress
    saved_s: float

    @property
    def rate(self) -> float:
        """The learning rate at the start."""
        assert self.config.learning_rate is not None
        return self.config.learning_rate

    @property
    def kept(self) -> nn.Module:
        """The network whose weights come out."""
        return self.module if self.average is None else self.average.module

    def save(self) -> None:
        path, made = self.config.state_path, (self.module, self.average, self.optimizer)
        state.save(path, self.identity, *made, self.done)
        self.saved_s = time.monotonic()


def train(config: TrainConfig, progress: Progress = silent) -> TrainResult:
    """Train a model and write its weights and manifest into `config.out`.

    Raises `UsageError` for settings that do not fit together, `DataError` for data that cannot be
    read, `InvalidFileError` for a state or weights that do not fit, `TrainingDivergedError` when
    the loss stops being finite, and `UnwritableError`.
    """
    spec = registry.get(config.model)
    config.check()
    if config.learning_rate is None:
        rate = LEARNING_RATES[spec.task] * (QAT_RATE if config.qat else 1.0)
        config = replace(config, learning_rate=rate)
    with distributed.joined(config.device) as place:
        run = _prepare(config, place)
        trained = _wrapped(run)
        left = range(len(run.done.log), config.epochs)
        read_per_s = reading(run.feed, place.rank, place.world) if left else 0.0
        meter = Meter()
        for epoch in left:
            loss, rate = _epoch(run, trained, epoch, meter, progress if place.rank == 0 else silent)
            run.done = state.TrainingProgress([*run.done.log, EpochLog(epoch + 1, loss, rate)])
            if place.rank == 0:
                run.save()
        speed = meter.speed(read_per_s)
        result = _finish(run, progress) if place.rank == 0 else _paths(config, None)
        place.wait()
        return replace(result, speed=speed)


def _prepare(config: TrainConfig, place: distributed.Place) -> _Run:
    if config.batch_size % place.world:
        raise UsageError(
            f"a batch of {config.batch_size} cannot be shared by {place.world} processes",
            "choose a batch size that the number of processes divides",
        )
    spec = registry.get(config.model)
    make = feed_for if spec.task == CLASSIFICATION else located.feed_for
    feed: Feed | LocatedFeed = make(
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
    module: nn.Module
    module = backbone = network(spec, config.dropout)
    start = _start(config, spec)
    if start is not None:
        load_start(module, start, backbone.weight_layouts)
    if config.qat:
        module = fake_quantise.prepared(module, spec.input_size)
    module.to(place.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = recipe.averaged(module, config.average_decay)
    if place.world > 1:
        shared_norm.share(module, place.device)
    assert config.learning_rate is not None
    optimizer = torch.optim.SGD(
        module.parameters(),
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    done = state.TrainingProgress()
    identity = f"{config.command} # init {config.init is not None}, data {feed.recipe_sha256}"
    if config.resume and config.state_path.exists():
        done = state.load(config.state_path, identity, module, average, optimizer)
    now = time.monotonic()
    return _Run(config, spec, place, feed, module, average, optimizer, identity, done, now)


def _start(config: TrainConfig, spec: ModelSpec) -> Path | None:
    """The weights to start from, if any. Raises `UsageError` where there have to be some."""
    if config.init is not None or not config.qat:
        return config.init
    found = manifest.shipped(spec.checkpoint) if spec.checkpoint is not None else None
    if found is None:
        raise UsageError(
            f"there are no trained weights of {config.model}, which --qat starts from",
            "give weights with --init, such as those of `edgebench train` without --qat",
        )
    return found


def _wrapped(run: _Run) -> nn.Module:
    if run.place.world == 1:
        return run.module
    devices = [run.place.device] if run.place.device.type == "cuda" else None
    return DistributedDataParallel(run.module, device_ids=devices)


def _epoch(
    run: _Run, trained: nn.Module, epoch: int, meter: Meter, progress: Progress
) -> tuple[float, float]:
    """Train what is left of an epoch; give its mean loss and its last learning rate."""
    config, place, steps = run.config, run.place, run.feed.steps
    total = steps * config.epochs
    trained.train()
    # Each epoch has its own random numbers (dropout); within one a state keeps those of the first
    # process, and the others draw new ones.
    torch.manual_seed((config.seed * config.epochs + epoch) * place.world + place.rank)
    if run.done.random is not None and place.rank == 0:
        torch.set_rng_state(run.done.random)
    losses = torch.tensor(run.done.losses, dtype=torch.float64, device=place.device)
    rate, mean = run.rate, math.nan
    objective = OBJECTIVES[run.spec.task]
    first = run.done.step
    batches: Iterator[tuple[Tensor, Outputs]] = run.feed.batches(
        epoch, place.rank, place.world, first
    )
    for step, (images, labels) in enumerate(meter.timed(batches), start=first):
        done = epoch * steps + step
        seed = (config.seed, done)
        images = recipe.erased(images, config.random_erasing, seed, place.rank, place.world)
        rate = run.rate * 0.5 * (1 + math.cos(math.pi * done / total))
        for group in run.optimizer.param_groups:
            group["lr"] = rate
        with _autocast(config, place.device):
            outputs = trained(images.to(place.device, memory_format=torch.channels_last))
        loss = objective(outputs, _on(labels, place.device), config.label_smoothing)
        run.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        run.optimizer.step()
        if run.average is not None:
            run.average.update_parameters(run.module)
        losses += loss.detach()
        progress(f"train {config.stem}", done + 1, total)
        if (step + 1) % _CHECK_EVERY == 0 or step + 1 == steps:
            mean = place.mean(float(losses) / (step + 1))
            _require_finite(mean, config, epoch)
            if place.world > 1:  # So that a state means the same to all of them.
                losses.fill_(mean * (step + 1))
            late = time.monotonic() - run.saved_s > config.save_every
            if place.rank == 0 and late and step + 1 < steps:
                random = torch.get_rng_state()
                run.done = state.TrainingProgress(run.done.log, step + 1, float(losses), random)
                run.save()
    return mean, rate


def _on(labels: Outputs, device: torch.device) -> Outputs:
    if isinstance(labels, Tensor):
        return labels.to(device)
    return tuple(one.to(device) for one in labels)


def _autocast(config: TrainConfig, device: torch.device) -> torch.autocast:
    """Computes in bfloat16 where that is wanted, and as it is elsewhere."""
    able = device.type == "cuda" and torch.cuda.is_bf16_supported()
    enabled = config.precision == "bfloat16" or (config.precision == "auto" and able)
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


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
    accuracy, score = _achieved(run)
    progress(step, 1, 1)
    result = _paths(config, accuracy)
    tensors = {k: v.detach().cpu().contiguous() for k, v in run.kept.state_dict().items()}
    with documents.replacing(result.weights) as temporary:
        temporary.write_bytes(safetensors.torch.save(tensors))
    record = Checkpoint(
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
        log=run.done.log,
        score=score,
    )
    documents.save(result.manifest, record)
    return replace(result, accuracy=accuracy, score=score)


def _achieved(run: _Run) -> tuple[Accuracy | None, Score | None]:
    if run.spec.task == CLASSIFICATION:
        parts = cast(Feed, run.feed).evaluation()
        return evaluate.accuracy(run.kept, parts, run.place.device), None
    feed = cast(LocatedFeed, run.feed)
    return None, located.score(run.kept, run.spec, feed, run.place.device)
