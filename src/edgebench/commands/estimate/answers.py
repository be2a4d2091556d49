"""What was asked of which compiler, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgebench.converters.analysis.vela import VelaEstimate
from edgebench.deploy.npu.compiler import NpuPlacement
from edgebench.errors import EdgeBenchError


@dataclass
class CompilerAnswers:
    """The answers by file and NPU: a SoC of a phone, or the `accelerator`, which is an Ethos-U."""

    files: tuple[Path, ...]
    socs: tuple[str, ...]
    accelerator: str | None
    given: dict[tuple[Path, str], VelaEstimate | NpuPlacement] = field(default_factory=dict)
    failed: dict[tuple[Path, str], EdgeBenchError] = field(default_factory=dict)

    @property
    def questions(self) -> list[tuple[Path, str]]:
        npus = (*self.socs, *([self.accelerator] if self.accelerator else []))
        return [(path, npu) for path in self.files for npu in npus]

    def placement(self, path: Path, soc: str) -> NpuPlacement | None:
        """What LiteRT's compiler answered of a file for a SoC."""
        found = self.given.get((path, soc))
        return found if isinstance(found, NpuPlacement) else None

    def estimate(self, path: Path) -> VelaEstimate | None:
        """What Vela answered of a file."""
        found = self.given.get((path, self.accelerator)) if self.accelerator else None
        return found if isinstance(found, VelaEstimate) else None
