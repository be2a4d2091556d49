"""Many trainings of a trial at once on a GPU, which one small network leaves idle.

A step of such a network is some hundred kernels of a few microseconds, and starting them takes
longer. So a step of all the networks, each on a stream of its own, is captured once as a CUDA graph
and then replayed (PyTorch, "CUDA semantics", CUDA Graphs). On a processor the same steps
run one after another, which is how they are tested.
"""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgebench.models.manifest import EpochLog
from edgebench.models.trial.device_scenes import DeviceDraws, SceneMaker
from edgebench.models.trial.recipe import TrialRecipe
from edgebench.models.trial.scene_batches import test_batches
from edgebench.models.trial.training import DivergedTrialError, Trained, initial
from edgebench.progress import Progress, silent

STREAMS = 16
"""Networks whose kernels may run side by side."""

WARM_UP = 3
"""Steps before the capture; the libraries choose their kernels in them."""

LOSS_OVER = 25
"""Steps that the loss is averaged over, falling off exponentially."""

LOGGED = 16
"""Entries of the log of a training."""

MEMORY_FORMAT = torch.channels_last
"""On an H200 a step of MobileNetV2 takes 0.7 times as long as with contiguous channels."""

_BLOCK = 8
"""Batches of a seed that are made at a time."""


@dataclass(frozen=True)
class TrainedTogether:
    """One of the trainings: what it achieved, and the averaged network on the processor.

    `took_s` of the result is its share of the wall-clock time of all. The log has the loss and the
    learning rate after each of `LOGGED` parts.
    """

    kind: str
    seed: int
    result: Trained
    module: nn.Module
    log: list[EpochLog]


@dataclass
class _Training:
    """A network under way, the average of its weights, and what it is fed."""

    kind: str
    seed: int
    module: nn.Module
    average: nn.Module
    optimizer: torch.optim.AdamW
    loss: Tensor
    images: Tensor
    labels: Tensor
    log: list[EpochLog]

    def __post_init__(self) -> None:
        self._kept, self._followed = (_floating(one) for one in (self.average, self.module))

    def step(self, decay: float) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(self.module(self.images), self.labels)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        torch._foreach_lerp_(self._kept, self._followed, 1 - decay)
        self.loss.lerp_(loss.detach(), 1 / LOSS_OVER)


class _Feed:
    """The images of each seed, the same for all kinds, in tensors that stay where they are."""

    def __init__(self, recipe: TrialRecipe, seeds: Sequence[int], device: torch.device) -> None:
        shape = (recipe.batch, 3, recipe.size, recipe.size)
        self.images = {
            seed: torch.empty(shape, device=device, memory_format=MEMORY_FORMAT) for seed in seeds
        }
        self.labels = {
            seed: torch.empty(recipe.batch, dtype=torch.int64, device=device) for seed in seeds
        }
        self._recipe, self._device = recipe, device
        self._make = SceneMaker(recipe.scenes, recipe.size, device)
        self._blocks: dict[int, tuple[Tensor, Tensor]] = {}

    def fill(self, step: int) -> None:
        """With the images of a step."""
        recipe, at = self._recipe, step % _BLOCK
        place = slice(at * recipe.batch, (at + 1) * recipe.batch)
        for seed, images in self.images.items():
            if at == 0:
                draws = DeviceDraws(self._device, seed, step)
                self._blocks[seed] = self._make(draws, recipe.batch * _BLOCK, recipe.digits(step))
            images.copy_(self._blocks[seed][0][place])
            self.labels[seed].copy_(self._blocks[seed][1][place])


def train(
    recipe: TrialRecipe,
    wanted: Sequence[tuple[str, int]],
    device: torch.device,
    progress: Progress = silent,
) -> list[TrainedTogether]:
    """Train the networks of a recipe with these kinds and seeds, from the first step to the last.

    Raises `DivergedTrialError` when the loss of one is not finite.
    """
    torch.backends.cudnn.deterministic = True
    started = time.monotonic()
    feed = _Feed(recipe, sorted({seed for _, seed in wanted}), device)
    rate = torch.zeros((), device=device)
    every = [_begun(recipe, kind, seed, feed, rate, device) for kind, seed in wanted]
    _run(recipe, every, feed, rate, device, progress)
    tests = [(images.to(device), labels) for images, labels in test_batches(recipe)]
    took = (time.monotonic() - started) / len(every)
    return [_ended(recipe, one, tests, took) for one in every]


def _begun(
    recipe: TrialRecipe, kind: str, seed: int, feed: _Feed, rate: Tensor, device: torch.device
) -> _Training:
    module = initial(recipe.model(kind), recipe.model("none"), seed)
    module.to(device).to(memory_format=MEMORY_FORMAT)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        module.parameters(),
        lr=rate,
        weight_decay=recipe.weight_decay,
        fused=True,
        capturable=device.type == "cuda",
    )
    loss = torch.full((), math.log(10), device=device)
    fed = feed.images[seed], feed.labels[seed]
    return _Training(kind, seed, module, copy.deepcopy(module), optimizer, loss, *fed, [])


def _floating(module: nn.Module) -> list[Tensor]:
    return [one for one in module.state_dict().values() if one.is_floating_point()]


def _run(
    recipe: TrialRecipe,
    every: Sequence[_Training],
    feed: _Feed,
    rate: Tensor,
    device: torch.device,
    progress: Progress,
) -> None:
    name = f"train {len(every)} networks of {recipe.name}"
    lanes = _Lanes(every, recipe.average_decay, device)
    logged = {round((part + 1) * recipe.steps / LOGGED) for part in range(LOGGED)}
    for step in range(recipe.steps):
        feed.fill(step)
        rate.fill_(recipe.rate(step))
        lanes.step()
        if step + 1 in logged:
            _log(every, recipe.rate(step))  # It waits for the GPU.
            progress(name, step + 1, recipe.steps)


def _log(every: Sequence[_Training], rate: float) -> None:
    for one in every:
        found = float(one.loss)
        if not math.isfinite(found):
            raise DivergedTrialError(
                f"the loss of {one.kind} with seed {one.seed} is {found}",
                "choose a recipe with a lower learning rate",
            )
        one.log.append(EpochLog(len(one.log) + 1, found, rate))


class _Lanes:
    """Steps of all trainings: on a GPU side by side, and captured after the first few."""

    def __init__(self, every: Sequence[_Training], decay: float, device: torch.device) -> None:
        self._every, self._decay = every, decay
        self._on_gpu = device.type == "cuda"
        self._done = 0
        self._graph: Any = None
        count = min(STREAMS, len(every)) if self._on_gpu else 0
        self._streams = [torch.cuda.Stream(device) for _ in range(count)]  # type: ignore[no-untyped-call]

    def step(self) -> None:
        if self._graph is not None:
            self._graph.replay()
        elif not self._on_gpu:
            for one in self._every:
                one.step(self._decay)
        elif self._done < WARM_UP:
            self._side_by_side()
            torch.cuda.synchronize()
        else:
            for one in self._every:
                one.optimizer.zero_grad(set_to_none=True)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._side_by_side()
            self._graph = graph
            graph.replay()  # A capture computes nothing.
        self._done += 1

    def _side_by_side(self) -> None:
        first = torch.cuda.current_stream()
        for stream in self._streams:
            stream.wait_stream(first)
        for number, one in enumerate(self._every):
            with torch.cuda.stream(self._streams[number % len(self._streams)]):
                one.step(self._decay)
        for stream in self._streams:
            first.wait_stream(stream)


def _ended(
    recipe: TrialRecipe, one: _Training, tests: Sequence[tuple[Tensor, Any]], took: float
) -> TrainedTogether:
    one.average.eval()
    with torch.inference_mode():
        answers = [one.average(images).argmax(1) for images, _ in tests]
    found = torch.cat(answers).cpu().numpy().astype(np.uint8)
    labels = np.concatenate([labels for _, labels in tests])
    result = Trained(
        int((found == labels).sum()),
        len(labels),
        hashlib.sha256(found.tobytes()).hexdigest(),
        round(one.log[-1].loss, 5),
        round(took, 2),
    )
    return TrainedTogether(one.kind, one.seed, result, one.average.cpu(), one.log)
