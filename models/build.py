"""From a registry entry to a network that is ready to run: trained, loaded, or honestly untrained.

The sanity of untrained weights matters: with the batch-norm statistics of a fresh network (mean 0,
variance 1) activations shrink block by block until every int8 range is degenerate.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, fx, nn

from edgebench.errors import UsageError
from edgebench.models import fake_quantise, manifest
from edgebench.models.backbones import ablation
from edgebench.models.backbones.build import network
from edgebench.models.manifest import Accuracy
from edgebench.models.spec import ABLATED, ModelSpec
from edgebench.models.weights import load_into, names

_SETTLING_BATCHES = 2
_SETTLING_IMAGES = 8


@dataclass(frozen=True)
class Model:
    """A network in evaluation mode, fp32, (N, 3, S, S) normalised floats to (N, classes) logits, or
    to what its head gives.

    A network of weights that were trained to be rounded (`edgebench train --qat`) has rounded
    weights here too, and activations as they are; its ranges are in it.

    `trained` is whether the weights came from a file and all of them are in use: a network that
    lost a stage's attention computes something else than was trained. `accuracy` is what the
    file's manifest records, where it has one. `weights_sha256` is over the values, whatever file
    they came from.
    """

    spec: ModelSpec
    module: nn.Module
    trained: bool
    weights_sha256: str
    accuracy: Accuracy | None

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what the network gives, in order."""
        found: tuple[str, ...] = getattr(self.module, "outputs", ("logits",))
        return found

    @property
    def rounded(self) -> fx.GraphModule | None:
        """The network of which int8 files are made, where it was trained to be rounded."""
        return self.module if isinstance(self.module, fx.GraphModule) else None


def build(spec: ModelSpec, weights: Path | None = None, seed: int = 0) -> Model:
    """Build a model with the given weights, its shipped ones, or seeded untrained ones.

    Raises `InvalidFileError` for weights that cannot be read, do not fit, or differ from what
    their manifest says.
    """
    path = weights
    if path is None and spec.checkpoint is not None:
        path = manifest.shipped(spec.checkpoint)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        # Attention is taken out last, so that all that is left has the whole model's weights.
        module: nn.Module
        module = backbone = network(replace(spec, without=None))
        if path is None:
            _settle_statistics(module, spec.input_size)
    accuracy = None
    if path is not None:
        record = manifest.of(path)
        if record is not None:
            manifest.check(record, path)
            accuracy = record.accuracy
        if fake_quantise.is_quantised(names(path)):
            _refuse_ablated(spec, path)
            module = fake_quantise.prepared(module, spec.input_size)
            fake_quantise.set_rounding(module, False)
            load_into(module, path)
        else:
            load_into(module, path, backbone.weight_layouts)
    if spec.without is not None:
        ablation.remove(backbone, spec.without)
        return Model(spec, _frozen(module), False, _digest(module), None)
    return Model(spec, _frozen(module), path is not None, _digest(module), accuracy)


def _refuse_ablated(spec: ModelSpec, path: Path) -> None:
    if spec.without is not None:
        raise UsageError(
            f"{path} was trained to be quantised, and no part can be taken out of such a network",
            f"give weights of {spec.name.partition(ABLATED)[0]} that were trained without --qat",
        )


def _frozen(module: nn.Module) -> nn.Module:
    return module.eval().requires_grad_(False)


def _settle_statistics(module: nn.Module, size: int) -> None:
    """Set the running statistics of every batch norm from forward passes on image-like noise."""
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # a plain average over the passes
    module.train()
    with torch.no_grad():
        for _ in range(_SETTLING_BATCHES):
            module(_image_like(_SETTLING_IMAGES, size))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _image_like(count: int, size: int) -> Tensor:
    """(N, 3, S, S) sums of noise at several scales: like photographs, strongest where coarse."""
    image = torch.zeros(count, 3, size, size)
    for cells in (2, 4, 8, 16, 32):
        noise = torch.randn(count, 3, cells, cells)
        image += nn.functional.interpolate(noise, (size, size), mode="bilinear") * 2 / cells**0.5
    return image / image.std()


def _digest(module: nn.Module) -> str:
    """SHA-256 over the names and values of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()
