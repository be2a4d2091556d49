"""One training of a trial, resumable at any moment: a kind of attention and a seed."""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from edgebench.errors import EdgeBenchError
from edgebench.models import registry
from edgebench.models import state as saved_state
from edgebench.models.backbones.build import network
from edgebench.models.data import scenes
from edgebench.models.recipe import averaged
from edgebench.models.spec import ModelSpec
from edgebench.models.trial.recipe import TrialRecipe
from edgebench.models.trial.scene_batches import batches, test_batches
from edgebench.progress import Progress, silent

SAVE_EVERY_S = 20.0


@dataclass(frozen=True)
class Trained:
    """What one training achieved on the test set.

    `answers_sha256` is over the predicted classes, so that a rerun can be compared answer by
    answer. `took_s` is processor time, that of what was resumed included.
    """

    correct: int
    count: int
    answers_sha256: str
    loss: float
    took_s: float


class DivergedTrialError(EdgeBenchError):
    """The loss of a training is not a number any more."""


@dataclass
class _State:
    """A training under way."""

    module: nn.Module
    average: AveragedModel
    optimizer: torch.optim.AdamW
    step: int = 0
    loss: float = math.nan
    took_s: float = 0.0


def train(
    recipe: TrialRecipe,
    kind: str,
    seed: int,
    state_path: Path,
    device: torch.device,
    progress: Progress = silent,
) -> Trained:
    """Train the network of a recipe with a kind of attention; see `train_model`."""
    name, plain = recipe.model(kind), recipe.model("none")
    return train_model(recipe, name, plain, seed, state_path, device, progress)


def train_model(
    recipe: TrialRecipe,
    name: str,
    plain: str,
    seed: int,
    state_path: Path,
    device: torch.device,
    progress: Progress = silent,
) -> Trained:
    """Train one network, from its state where one was left, and test it.

    It begins with the weights of `plain`, the same network without attention, as far as it has
    them. Raises `DivergedTrialError` when the loss stops being finite, and `UnwritableError`.
    """
    identity = f"{recipe.sha256} {name} {seed}"
    state = _begun(recipe, name, plain, seed, device)
    _load(state, state_path, identity, device)
    step, saved = f"train {name}, seed {seed}", time.monotonic()
    progress(step, state.step, recipe.steps)
    started, before = time.process_time(), state.took_s
    while state.step < recipe.steps:
        _train_step(recipe, state, seed, device)
        state.took_s = before + time.process_time() - started
        if state.step % 25 == 0 or state.step == recipe.steps:
            progress(step, state.step, recipe.steps)
        if time.monotonic() - saved > SAVE_EVERY_S:
            _save(state, state_path, identity)
            saved = time.monotonic()
    if not math.isfinite(state.loss):
        raise DivergedTrialError(
            f"the loss of {name} with seed {seed} is {state.loss}",
            "choose a recipe with a lower learning rate",
        )
    correct, count, answers = _tested(recipe, state.average.module, device)
    took = before + time.process_time() - started
    return Trained(correct, count, answers, round(state.loss, 5), round(took, 1))


def initial(name: str, plain: str, seed: int) -> nn.Module:
    """The network as training begins: what it shares with the plain one has the same weights."""
    torch.manual_seed(seed)
    shared = network(_spec(plain))
    if name == plain:
        return shared
    module = network(_spec(name))
    module.load_state_dict(shared.state_dict(), strict=False)
    return module


def _spec(name: str) -> ModelSpec:
    """A model with the scenes' ten classes: ImageNet's would first have to be unlearnt."""
    return replace(registry.get(name), num_classes=len(scenes.CLASS_NAMES))


def _begun(recipe: TrialRecipe, name: str, plain: str, seed: int, device: torch.device) -> _State:
    module = initial(name, plain, seed)
    module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        module.parameters(),
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    average = averaged(module, recipe.average_decay)
    assert average is not None
    return _State(module, average, optimizer)


def _train_step(recipe: TrialRecipe, state: _State, seed: int, device: torch.device) -> None:
    images, labels = batches(recipe, seed, state.step)
    for group in state.optimizer.param_groups:
        group["lr"] = recipe.rate(state.step)
    loss = nn.functional.cross_entropy(state.module(images.to(device)), labels.to(device))
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    state.average.update_parameters(state.module)
    state.step += 1
    if state.step % 25 == 0 or state.step == recipe.steps:  # It waits for a GPU.
        last = float(loss.detach())
        state.loss = last if math.isnan(state.loss) else 0.8 * state.loss + 0.2 * last


def _tested(recipe: TrialRecipe, module: nn.Module, device: torch.device) -> tuple[int, int, str]:
    module.eval()
    answers, correct = [], 0
    with torch.inference_mode():
        for images, labels in test_batches(recipe):
            answers.append(module(images.to(device)).argmax(1).cpu().numpy().astype(np.uint8))
            correct += int((answers[-1] == labels).sum())
    every = np.concatenate(answers)
    return correct, len(every), hashlib.sha256(every.tobytes()).hexdigest()


def _save(state: _State, path: Path, identity: str) -> None:
    contents = {
        "identity": identity,
        "module": state.module.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "loss": state.loss,
        "took_s": state.took_s,
    }
    saved_state.write(path, contents)


def _load(state: _State, path: Path, identity: str, device: torch.device) -> None:
    contents = state_of(path, identity, device)
    if contents is None:
        return
    state.module.load_state_dict(contents["module"])
    state.average.load_state_dict(contents["average"])
    state.optimizer.load_state_dict(contents["optimizer"])
    state.step, state.loss = contents["step"], contents["loss"]
    state.took_s = contents["took_s"]


def state_of(path: Path, identity: str, device: torch.device) -> dict[str, Any] | None:
    """What a killed training left; None, to begin anew, where it is broken or of another one."""
    try:
        contents: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        return contents if contents["identity"] == identity else None
    except Exception:  # the unpickler raises nearly anything on foreign bytes
        return None
