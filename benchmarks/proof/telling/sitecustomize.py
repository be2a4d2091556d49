"""Tells a load when the heavier model runs: for the proof under a load that follows one model.

Python runs this file first in every process whose path has its folder. LiteRT's interpreter then
sets a byte in a file while it runs the heavier model, in three of four inferences: a load that came
with each of them could not be told from a model that is slower.
"""

from __future__ import annotations

import importlib.util
import mmap
import os
import random
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

VARIABLE = "EDGEBENCH_TOLD"
RUNTIME = "ai_edge_litert.interpreter"
HEAVIER = "deeper"
SHARE = 0.75


class _WhenImported:
    """Finds the runtime as Python does, and changes it once it is loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != RUNTIME:
            return None
        sys.meta_path.remove(self)
        found = importlib.util.find_spec(name)
        if found is None or found.loader is None:
            return None
        load = found.loader.exec_module

        def load_and_change(module: ModuleType) -> None:
            load(module)
            _change(module)

        found.loader.exec_module = load_and_change  # type: ignore[method-assign]
        return found


def _change(runtime: Any) -> None:
    with open(os.environ[VARIABLE], "r+b") as file:
        runs = mmap.mmap(file.fileno(), 1)
    create, invoke = runtime.Interpreter.__init__, runtime.Interpreter.invoke

    def create_and_note(self: Any, model_path: str, **options: Any) -> None:
        create(self, model_path, **options)
        self.is_heavier = HEAVIER in os.path.basename(model_path)

    def invoke_and_tell(self: Any) -> None:
        runs[0] = self.is_heavier and random.random() < SHARE
        invoke(self)
        runs[0] = False

    runtime.Interpreter.__init__ = create_and_note
    runtime.Interpreter.invoke = invoke_and_tell


if VARIABLE in os.environ:
    sys.meta_path.insert(0, _WhenImported())
