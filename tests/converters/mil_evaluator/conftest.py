"""Programs that coremltools makes from torch, without any code of ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mil_conversion import converted
from mil_networks import NETWORKS, small_cnn
from torch import nn

from edgebench.converters.coreml.evaluator.program import Program, load

Save = Callable[[Any], Path]


@pytest.fixture(scope="session")
def save(tmp_path_factory: pytest.TempPathFactory) -> Save:
    """Save an `MLModel` and give the package's path."""

    def save_model(model: Any) -> Path:
        path = tmp_path_factory.mktemp("coreml") / "model.mlpackage"
        model.save(str(path))
        return path

    return save_model


@pytest.fixture(scope="session")
def cnn() -> nn.Module:
    return small_cnn()


@pytest.fixture(scope="session")
def half_model(cnn: nn.Module) -> Any:
    """The small CNN in float16 for iOS 17, as an `MLModel`."""
    return converted(cnn, NETWORKS["cnn"].examples, ios=17, precision="FLOAT16")


@pytest.fixture(scope="session")
def half(half_model: Any, save: Save) -> Program:
    return load(save(half_model))


@pytest.fixture(scope="session")
def full(cnn: nn.Module, save: Save) -> Program:
    """The small CNN in float32."""
    return load(save(converted(cnn, NETWORKS["cnn"].examples)))
