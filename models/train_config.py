"""What to train, and how: the paper's recipe unless told otherwise.

It is that of Hou et al., CVPR 2021, section 4.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class TrainConfig:
    """One training.

    `batch_size` is global: processes share it. `scenes_per_epoch` matters for the scenes only,
    `workers` (threads that decode images) for folders only. `device` is "auto", "cpu" or "cuda".
    """

    model: str
    out: Path = Path("checkpoints")
    data: str = "scenes"
    epochs: int = 200
    batch_size: int = 256
    learning_rate: float = 0.05
    momentum: float = 0.9
    weight_decay: float = 4e-5
    dropout: float = 0.2
    scenes_per_epoch: int = 12_800
    seed: int = 0
    resume: bool = False
    workers: int = 2
    device: str = "auto"
    init: Path | None = None

    @property
    def stem(self) -> str:
        """The name of the files: the model's, with the seed where it is not 0."""
        return self.model if self.seed == 0 else f"{self.model}_s{self.seed}"

    @property
    def state_path(self) -> Path:
        """What `resume` goes on from."""
        return self.out / f"{self.stem}.state.pt"

    @property
    def command(self) -> str:
        """The command line that trains this again; paths and machine settings left out."""
        words = [f"--{flag.replace('_', '-')} {getattr(self, flag)}" for flag in RECIPE]
        return " ".join(["edgebench train", self.model, *words])
