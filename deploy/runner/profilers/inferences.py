"""What the profilers share: inferences to profile, and how they are written down."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Iterator, List, Tuple  # noqa: UP035

WARMUP = 10
INFERENCES = 40
MAX_S = 5.0
"""Slow models are run for so long, and once at least."""

# Evaluated, unlike an annotation, and Python 3.8 has no list[...].
Rows = List[Tuple[str, str, float]]  # noqa: UP006
Inference = Tuple[float, Rows]  # noqa: UP006


def repeat(invoke: Callable[[], Any]) -> Iterator[Any]:
    """What `invoke` gives, time after time, after a warm-up: for profilers to loop over."""
    end = time.perf_counter() + MAX_S
    for number in range(WARMUP + INFERENCES):
        one = invoke()
        late = time.perf_counter() > end
        if number >= WARMUP or late:
            yield one
        if late:
            return


def folder_of(module: Any) -> str:
    """Where an installed package lies."""
    return os.path.dirname(os.path.abspath(str(module.__file__)))
