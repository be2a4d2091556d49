"""From torch to Core ML by coremltools alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from edgebench.converters.coreml.evaluator.tools import ct
from edgebench.converters.quiet import quiet


def converted(
    network: nn.Module,
    examples: Sequence[torch.Tensor],
    ios: int = 16,
    precision: str = "FLOAT32",
    exported: bool = False,
    **options: Any,
) -> Any:
    """An `MLModel` by `torch.jit.trace` or `torch.export`, inputs named x0, x1, ..."""
    with quiet(), torch.no_grad():
        if exported:
            source: Any = torch.export.export(network, tuple(examples)).run_decompositions({})
        else:
            source = torch.jit.trace(network, tuple(examples), check_trace=False)
            types = [int if x.dtype == torch.int64 else float for x in examples]
            options.setdefault(
                "inputs",
                [
                    ct.TensorType(f"x{i}", shape=x.shape, dtype=kind)
                    for i, (x, kind) in enumerate(zip(examples, types, strict=True))
                ],
            )
        return ct.convert(
            source,
            minimum_deployment_target=getattr(ct.target, f"iOS{ios}"),
            compute_precision=getattr(ct.precision, precision),
            **options,
        )
