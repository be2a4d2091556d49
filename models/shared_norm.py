"""Batch norm over the images of all processes, so that they train as one process would.

torch's `SyncBatchNorm` does so on GPUs only.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn import functional as shared


class SharedBatchNorm2d(nn.BatchNorm2d):
    """`BatchNorm2d` whose training statistics are those of all processes. Of equal batches."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        assert self.momentum is not None
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None
        real = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        mean = _mean_of_all(real.mean((0, 2, 3)))
        centred = real - mean[:, None, None]
        variance = _mean_of_all(centred.square().mean((0, 2, 3)))
        with torch.no_grad():
            count = real.numel() / real.shape[1] * dist.get_world_size()
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            # As torch does: unbiased where it is kept, and not where it normalises.
            self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def _mean_of_all(value: Tensor) -> Tensor:
    """The mean over the processes, through which gradients flow to all of them."""
    return shared.all_reduce(value) / dist.get_world_size()  # type: ignore[no-untyped-call, no-any-return]


def share(module: nn.Module, device: torch.device) -> nn.Module:
    """The network with shared batch norms; the names of its weights stay."""
    if device.type == "cuda":
        convert = nn.SyncBatchNorm.convert_sync_batchnorm
        converted: nn.Module = convert(module)  # type: ignore[no-untyped-call]
        return converted
    for part in module.modules():
        if type(part) is nn.BatchNorm2d:
            part.__class__ = SharedBatchNorm2d
    return module
