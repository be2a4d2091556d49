"""The child of the emulator: `python -m edgebench.deploy.transports.hexagon.child PLAN SOC`.

It carries out one job as the runner's child does. There are no times among its answers, for the
emulator's mean nothing.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from edgebench.deploy.npu.compiler import QNN
from edgebench.deploy.npu.socs import Soc, soc
from edgebench.deploy.runner.child import Child
from edgebench.deploy.runner.messages import Json
from edgebench.deploy.transports.hexagon.engine import ENGINES

TIMELESS: Json = {"load_s": None, "first_inference_s": None, "peak_memory_bytes": None}


class HexagonChild(Child):
    """Evaluates artifacts in the emulator of a SoC's NPU."""

    def __init__(self, plan_path: str, npu: Soc) -> None:
        super().__init__(plan_path)
        self.soc = npu

    def _answer(self, body: Json) -> None:
        if "runtimes" in body:
            body = {**body, **_place(self.soc)}
        elif "load_s" in body:
            body = {**body, **TIMELESS}
        super()._answer(body)

    def _runtimes(self) -> Json:
        within = f"Hexagon emulator, {self.soc.model}"
        found = {"name": QNN, "version": version(QNN), "within": within}
        return {one["format"]: found for one in self.plan["artifacts"].values()}

    def _engine(self, planned: Json) -> Any:
        return ENGINES[planned["format"]](Path(self.files, planned["file"]), self.soc)

    def _ran(self, done: int, total: int) -> None:
        self._answer({"inputs": done, "of": total})


def _place(npu: Soc) -> Json:
    """What the context says of the processor that is emulated."""
    sales = f"{npu.sales}, " if npu.sales else ""
    hexagon = f"Hexagon v{npu.hexagon}" if npu.hexagon else "Hexagon"
    return {"machine": hexagon, "cpu_model": f"{sales}{npu.model}", "delegate": "npu"}


if __name__ == "__main__":
    HexagonChild(sys.argv[1], soc(sys.argv[2])).run()
