"""Each attention of the zoo in a small network, exported once for all tests that convert it."""

from __future__ import annotations

import onnx
import pytest
import torch
from filelock import FileLock
from torch import nn
from zoo import shared_folder

from edgebench.converters.onnx.simplify import simplify
from edgebench.converters.quiet import quiet
from edgebench.models.attention import ATTENTION

REDUCTION = {"se": 4, "se_hard": 4, "cbam": 4, "ca": 4, "ca_hard": 4, "ema": 4}
SIZE = 24


def exported(module: nn.Module, size: int) -> onnx.ModelProto:
    image = torch.zeros(1, 3, size, size)
    with quiet(), torch.no_grad():
        program = torch.onnx.export(module.eval(), (image,), dynamo=True, verbose=False)
    return simplify(program.model_proto, external=False)[0]


def settle(module: nn.Module, size: int) -> nn.Module:
    """Fresh weights with batch-norm statistics to match, so that int8 ranges are sane."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    with torch.no_grad():
        module.train()(torch.randn(16, 3, size, size))
    return module


def small(factory: pytest.TempPathFactory, name: str) -> onnx.ModelProto:
    """An attention between two convolutions, as it stands in MobileNetV2."""
    path = shared_folder(factory) / f"attention.{name}.onnx"
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            torch.manual_seed(0)
            net = nn.Sequential(
                nn.Conv2d(3, 16, 3, 2, 1, bias=False),
                nn.BatchNorm2d(16),
                nn.ReLU6(),
                ATTENTION[name](16, REDUCTION.get(name)),
                nn.Conv2d(16, 8, 1, bias=False),
                nn.BatchNorm2d(8),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(8, 5),
            )
            onnx.save(exported(settle(net, SIZE), SIZE), path)
    return onnx.load(path)
