"""Small networks of many kinds, such as coremltools converts from torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES = ("ant", "bee", "cat", "dog", "eel")


class Lambda(nn.Module):
    """A function over modules of its own and the inputs."""

    def __init__(self, function, *modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(modules)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*self.parts, *inputs)


class SmallCnn(nn.Module):
    """Convolutions with a skip, a concat and a pool, then a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.middle = nn.Conv2d(8, 8, 3, 1, 1)
        self.join = nn.Conv2d(16, 32, 1)
        self.head = nn.Linear(32, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu6(self.stem(x))
        y = x + functional.relu(self.middle(x))
        z = functional.max_pool2d(self.join(torch.cat([x, y], 1)), 2)
        return self.head(z.mean((2, 3)))


class VisionTransformer(nn.Module):
    """Patches, a class token, attention with a mask, and an MLP."""

    def __init__(self, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, 17, width))
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 64), nn.GELU(), nn.Linear(64, width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token, x], 1) + self.places
        b, n, d = x.shape
        qkv = self.qkv(self.first(x)).reshape(b, n, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        y = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(y.transpose(1, 2).reshape(b, n, d))
        return (x + self.mlp(self.second(x)))[:, 0].softmax(-1)


class UNet(nn.Module):
    """Down and up again: norms, pools, a transposed convolution and a resize."""

    def __init__(self) -> None:
        super().__init__()
        self.top, self.middle, self.bottom = (
            self._block(3, 8),
            self._block(8, 16),
            self._block(16, 32),
        )
        self.up = nn.ConvTranspose2d(32, 16, 2, 2)
        self.right, self.out = self._block(32, 16), nn.Conv2d(24, 2, 1)

    @staticmethod
    def _block(before: int, after: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1),
            nn.InstanceNorm2d(after, affine=True),
            nn.LeakyReLU(0.1),
            nn.Conv2d(after, after, 3, padding=1, groups=2),
            nn.GroupNorm(2, after),
            nn.SiLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        top = self.top(x)
        middle = self.middle(functional.max_pool2d(top, 2, 2))
        bottom = self.bottom(functional.avg_pool2d(middle, 3, 2, 1))
        x = self.right(torch.cat([self.up(bottom), middle], 1))
        x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return torch.sigmoid(self.out(torch.cat([x, top], 1)))


def _indexed(embedding: nn.Module, x: Tensor, i: Tensor) -> Tensor:
    parts = (
        embedding(i),
        x[:, 1:5:2],
        x[..., -3:],
        x.index_select(1, torch.tensor([0, 2])),
        x.roll(1, 1),
        x.flip(1),
        x.repeat(2, 1, 1),
        torch.stack([x, x], 1),
        torch.split(x, [1, 3], 1)[1],
        x.masked_fill(x > 0, 1.0),
        torch.einsum("bij,bkj->bik", x, x),
        torch.tril(x[0, :4, :4]),
        x.topk(3, 1)[0],
        x.argmax(1).float(),
        x.cumsum(1),
        functional.pad(x, (1, 2), mode="reflect"),
        functional.one_hot(i, 5).float(),
    )
    return torch.cat([part.flatten() for part in parts])


def _elementwise(x: Tensor) -> Tensor:
    positive = x.abs() + 0.1
    parts = (
        *(positive.log(), positive.sqrt(), positive.rsqrt(), positive**1.3, x / positive),
        *(x.exp(), x.sin(), x.cos(), x.tanh(), torch.erf(x), x.floor(), x.ceil(), x.round()),
        *(x.clamp(-0.5, 0.7), torch.remainder(x, 0.3), torch.floor_divide(x, 0.3)),
        *(functional.softplus(x), functional.elu(x), functional.mish(x), functional.hardswish(x)),
        *(functional.hardsigmoid(x), functional.gelu(x, approximate="tanh"), functional.selu(x)),
        *(functional.normalize(x, dim=1), functional.log_softmax(x, 1), torch.logsumexp(x, 1)),
        *(x.std(2), x.var((1, 2)), x.norm(dim=1), x.amax(1), x.sum(-1), torch.atan(x)),
    )
    return torch.cat([part.flatten() for part in parts])


def _recurrent(lstm: nn.Module, gru: nn.Module, x: Tensor) -> Tensor:
    return gru(lstm(x)[0])[0]


@dataclass(frozen=True)
class Network:
    """A network and inputs for it."""

    module: nn.Module
    examples: tuple[Tensor, ...]


def small_cnn() -> nn.Module:
    torch.manual_seed(1)
    return SmallCnn().eval()


def _networks() -> dict[str, Network]:
    torch.manual_seed(0)
    image = torch.randn(1, 3, 32, 32)
    lstm, gru = nn.LSTM(6, 5, 2, bidirectional=True), nn.GRU(10, 4)
    return {
        "cnn": Network(small_cnn(), (torch.randn(1, 3, 16, 16),)),
        "transformer": Network(VisionTransformer().eval(), (image,)),
        "unet": Network(UNet().eval(), (image,)),
        "indexing": Network(
            Lambda(_indexed, nn.Embedding(8, 6)).eval(),
            (torch.randn(1, 4, 6), torch.tensor([0, 2, 3, 1])),
        ),
        "elementwise": Network(Lambda(_elementwise), (torch.randn(1, 3, 4, 5) * 2,)),
        "recurrent": Network(Lambda(_recurrent, lstm, gru).eval(), (torch.randn(7, 2, 6),)),
    }


NETWORKS = _networks()
