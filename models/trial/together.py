"""Many trainings of a trial at once on a GPU, which one small network leaves idle.

A step of such a network is some hundred kernels of a few microseconds, and starting them takes
longer. So a step of all the networks, each on a stream of its own, is captured once as a CUDA graph
and then replayed (PyTorch, "CUDA semantics", CUDA Graphs). On a processor the same steps
run one after another, from the state that an earlier process left.
"""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edgebench.models import state as saved_state
from edgebench.models.manifest import EpochLog
from edgebench.models.trial.recipe import TrialRecipe
from edgebench.models.trial.scene_batches import test_batches
from edgebench.models.trial.training import DivergedTrialError, Trained, initial, state_of
from edgebench.models.trial.trial_feed import MEMORY_FORMAT, TrialFeed
from edgebench.progress import Progress, silent

STREAMS = 16
"""Networks whose kernels may run side by side."""

WARM_UP = 3
"""Steps before the capture; the libraries choose their kernels in them."""

LOSS_OVER = 25
"""Steps that the loss is averaged over, falling off exponentially."""

LOGGED = 16
"""Entries of the log of a training."""

SAVE_EVERY_S = 60.0
"""Between two states that a killed training goes on from."""


@dataclass(frozen=True)
class TrainedTogether:
    """One of the trainings: what it achieved, and the averaged network on the processor.

    `took_s` of the result is its share of the time of all: wall-clock time of a GPU, processor time
    of a processor. The log has the loss and the learning rate after each of `LOGGED` parts.
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

    def state(self) -> dict[str, Any]:
        return {
            "module": self.module.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "loss": self.loss,
            "log": [(one.epoch, one.loss, one.learning_rate) for one in self.log],
        }

    def go_on_from(self, state: dict[str, Any], rate: Tensor) -> None:
        self.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group in self.optimizer.param_groups:
            group["lr"] = rate  # The one that every step of all sets.
        self.loss.copy_(state["loss"])
        self.log = [EpochLog(*one) for one in state["log"]]


def train(
    recipe: TrialRecipe,
    wanted: Sequence[tuple[str, int]],
    device: torch.device,
    progress: Progress = silent,
    state: Path | None = None,
) -> list[TrainedTogether]:
    """Train the networks of a recipe with these kinds and seeds, from the first step to the last.

    With a file for the `state`, a training that was killed goes on from there. Raises
    `DivergedTrialError` when the loss of one is not finite, and `UnwritableError`.
    """
    torch.backends.cudnn.deterministic = True
    clock = time.monotonic if device.type == "cuda" else time.process_time
    feed = TrialFeed(recipe, sorted({seed for _, seed in wanted}), device)
    rate = torch.zeros((), device=device)
    every = [_begun(recipe, kind, seed, feed, rate, device) for kind, seed in wanted]
    kept = _Kept(state, f"{recipe.sha256} {wanted}", every, rate)
    step, before = kept.load(device)
    started = clock() - before
    of_seeds = ", ".join(map(str, feed.images))
    name = f"train {len(every)} networks of {recipe.name}, seed {of_seeds}"
    lanes = _Lanes(every, recipe.average_decay, device)
    logged = {round((part + 1) * recipe.steps / LOGGED) for part in range(LOGGED)}
    progress(name, step, recipe.steps)
    while step < recipe.steps:
        feed.fill(step)
        rate.fill_(recipe.rate(step))
        lanes.step()
        step += 1
        if step in logged:
            _log(every, recipe.rate(step - 1))  # It waits for the GPU.
        if step in logged or device.type == "cpu":
            progress(name, step, recipe.steps)
        if kept.is_due():
            kept.save(step, clock() - started)
    tests = [(images.to(device), labels) for images, labels in test_batches(recipe)]
    took = (clock() - started) / len(every)
    return [_ended(recipe, one, tests, took) for one in every]


def _begun(
    recipe: TrialRecipe, kind: str, seed: int, feed: TrialFeed, rate: Tensor, device: torch.device
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


def _log(every: Sequence[_Training], rate: float) -> None:
    for one in every:
        found = float(one.loss)
        if not math.isfinite(found):
            raise DivergedTrialError(
                f"the loss of {one.kind} with seed {one.seed} is {found}",
                "choose a recipe with a lower learning rate",
            )
        one.log.append(EpochLog(len(one.log) + 1, found, rate))


class _Kept:
    """The file from which another process can go on."""

    def __init__(
        self, path: Path | None, identity: str, every: Sequence[_Training], rate: Tensor
    ) -> None:
        self._path, self._identity, self._every, self._rate = path, identity, every, rate
        self._saved = time.monotonic()

    def is_due(self) -> bool:
        return self._path is not None and time.monotonic() - self._saved > SAVE_EVERY_S

    def save(self, step: int, took_s: float) -> None:
        assert self._path is not None
        states = [one.state() for one in self._every]
        contents = {"identity": self._identity, "step": step, "took_s": took_s, "every": states}
        saved_state.write(self._path, contents)
        self._saved = time.monotonic()

    def load(self, device: torch.device) -> tuple[int, float]:
        """The step to go on with and the seconds before. A file of others is no state: 0 and 0."""
        if self._path is None:
            return 0, 0.0
        contents = state_of(self._path, self._identity, device)
        if contents is None:
            return 0, 0.0
        for one, found in zip(self._every, contents["every"], strict=True):
            one.go_on_from(found, self._rate)
        return contents["step"], contents["took_s"]


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
