"""What to train, and how: the paper's recipe unless told otherwise.

It is that of Hou et al., CVPR 2021, section 4.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from edgebench.errors import UsageError

RECIPE = (
    "data",
    "epochs",
    "batch_size",
    "learning_rate",
    "momentum",
    "weight_decay",
    "dropout",
    "scenes_per_epoch",
    "seed",
)
"""The settings that decide what comes out; the others say where and how it is computed."""

ADDITIONS = ("label_smoothing", "random_erasing", "average_decay")
"""What the plain recipe is without; a command names them where they are in use."""


@dataclass(frozen=True)
class TrainConfig:
    """One training.

    `learning_rate` is that of the papers for the model's task, where it is None.

    `batch_size` is global: processes share it. `scenes_per_epoch` matters for the scenes only,
    `workers` (threads that decode images) for folders only. `device` is "auto", "cpu" or "cuda".
    `precision` is "float32", "bfloat16" (the network computes in it, weights stay in float32), or
    "auto": bfloat16 on a GPU that has it. `label_smoothing` is the share of the label that all
    classes get, `random_erasing` the chance that an image loses a rectangle, `average_decay` how
    slowly the weights that are kept follow those that are trained; 0 is none. With `qat` a trained
    network learns to be rounded as int8 files are: it starts from `init`, or else from the weights
    that come with edgebench. The state is written
    after each epoch, and within one after `save_every` seconds.
    """

    model: str
    out: Path = Path("checkpoints")
    data: str = "scenes"
    epochs: int = 200
    batch_size: int = 256
    learning_rate: float | None = None
    momentum: float = 0.9
    weight_decay: float = 4e-5
    dropout: float = 0.2
    scenes_per_epoch: int = 12_800
    seed: int = 0
    resume: bool = False
    workers: int = 2
    device: str = "auto"
    precision: str = "auto"
    label_smoothing: float = 0.0
    random_erasing: float = 0.0
    average_decay: float = 0.0
    save_every: float = 300.0
    init: Path | None = None
    qat: bool = False

    @property
    def stem(self) -> str:
        """The name of the files: the model's, with what is not as usual."""
        seed = f"_s{self.seed}" if self.seed else ""
        return f"{self.model}{seed}{'_qat' if self.qat else ''}"

    @property
    def state_path(self) -> Path:
        """What `resume` goes on from."""
        return self.out / f"{self.stem}.state.pt"

    @property
    def command(self) -> str:
        """The command line that trains this again; folders and machine settings left out."""
        flags = (*RECIPE, *(flag for flag in ADDITIONS if getattr(self, flag)))
        words = [f"--{flag.replace('_', '-')} {getattr(self, flag)}" for flag in flags]
        if self.init is not None:
            words.append(f"--init {self.init.name}")
        if self.qat:
            words.append("--qat")
        return " ".join(["edgebench train", self.model, *words])

    def check(self) -> None:
        """Raise `UsageError` for settings out of range."""
        for name in ("epochs", "batch_size", "scenes_per_epoch", "workers"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", "give a number of at least 1")
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise UsageError(f"the learning rate is {self.learning_rate}", "give one above 0")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"the dropout is {self.dropout}", "give one from 0 up to 1")
        for name in ("label_smoothing", "random_erasing", "average_decay"):
            if not 0 <= getattr(self, name) < 1:
                given = f"{name} is {getattr(self, name)}"
                raise UsageError(given.replace("_", " "), "give one from 0 up to 1")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise UsageError(
                f"unknown precision '{self.precision}'", "known: auto, float32, bfloat16"
            )
        if self.seed < 0:
            raise UsageError(f"the seed is {self.seed}", "give a seed of at least 0")
