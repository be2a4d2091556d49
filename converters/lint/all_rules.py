"""Every rule, in the order in which findings of one severity are shown."""

from __future__ import annotations

from edgebench.converters.lint.rule import Rule
from edgebench.converters.lint.rules import (
    ane,
    coreml_delegate,
    edgetpu,
    hexagon,
    litert_gpu,
    nnapi,
    phone_npus,
    quantised,
    shape,
    xnnpack,
)

RULES: tuple[Rule, ...] = (
    *quantised.RULES,
    *shape.RULES,
    *xnnpack.RULES,
    *litert_gpu.RULES,
    *nnapi.RULES,
    *coreml_delegate.RULES,
    *hexagon.RULES,
    *edgetpu.RULES,
    *phone_npus.RULES,
    *ane.RULES,
)
