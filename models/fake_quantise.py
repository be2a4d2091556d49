"""Quantisation-aware training: a network that rounds as its int8 file will, and learns to live with
it.

    image -> [256 steps] -> conv (norm folded in, 255 steps a channel) -> relu -> [256 steps]

The rules are those that the targets have in common (LiteRT's specification of 8-bit quantisation):
batch norms with frozen statistics are folded into the weights before these are rounded, each output
channel by a scale of its own; activations have one range, which follows the extremes of the batches
(Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", CVPR 2018, section 3); a ReLU is fused into what it reads; a sigmoid's steps are 1/256;
what is concatenated has one range; and what only moves numbers rounds nothing. The gradient of the
rounding is 1 within the range (section 3).

The network is the program of `torch.export`, from which an export to ONNX starts too.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

PREFIX = "fake_quantise"
"""Of the names under which a state dict has the ranges."""

# Jacob et al. leave the smoothing open, but for "close to 1".
_FOLLOW = 0.01
_LEVELS = 255
_WEIGHT_LEVELS = 127
_LEAST_RANGE = 1e-6

_aten = torch.ops.aten
_WEIGHED = (_aten.conv2d.default, _aten.linear.default)
_NORM = _aten.batch_norm.default
_FUSED = (_aten.relu.default, _aten.relu6.default, _aten.hardtanh.default)
_UNIT = (_aten.sigmoid.default, _aten.softmax.int)
_JOINING = (_aten.cat.default,)
_MOVING = (
    *(_aten.transpose.int, _aten.permute.default, _aten.flatten.using_ints, _aten.view.default),
    *(_aten.unflatten.int, _aten.reshape.default, _aten.expand.default, _aten.slice.Tensor),
    *(_aten.split_with_sizes.default, _aten.split.Tensor, _aten.chunk.default, operator.getitem),
    *(_aten.amax.default, _aten.max_pool2d.default, _aten.dropout.default, _aten.unsqueeze.default),
    *(_aten.squeeze.dim, _aten.pixel_shuffle.default),
)


class FakeQuantise(nn.Module):
    """Rounds a tensor of any shape to 256 steps between `low` and `high`.

    The range holds zero, which has a step of its own. In training it follows what comes, unless it
    is `fixed`. Nothing is rounded where `rounding` is off.
    """

    low: Tensor
    high: Tensor

    def __init__(self, fixed: tuple[float, float] | None = None) -> None:
        super().__init__()
        low, high = fixed or (0.0, 0.0)
        self.fixed, self.rounding = fixed is not None, True
        self.register_buffer("low", torch.tensor(low))
        self.register_buffer("high", torch.tensor(high))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and not self.fixed:
            self._follow(x.detach())
        if not self.rounding:
            return x
        scale, zero = self._steps()
        zero = zero.to(torch.int32)
        return torch.fake_quantize_per_tensor_affine(x.float(), scale, zero, 0, _LEVELS)

    def numbers(self) -> tuple[float, int]:
        """The step and the number of steps that lie below zero."""
        scale, zero = self._steps()
        return float(scale), int(zero)

    def _steps(self) -> tuple[Tensor, Tensor]:
        scale = ((self.high - self.low) / _LEVELS).clamp(min=_LEAST_RANGE)
        return scale, torch.round(-self.low / scale).clamp(0, _LEVELS)

    @torch.no_grad()
    def _follow(self, x: Tensor) -> None:
        low, high = x.amin().float().clamp(max=0.0), x.amax().float().clamp(min=0.0)
        started = self.high > self.low
        self.low.copy_(torch.where(started, self.low.lerp(low, _FOLLOW), low))
        self.high.copy_(torch.where(started, self.high.lerp(high, _FOLLOW), high))


def prepared(module: nn.Module, input_size: int) -> fx.GraphModule:
    """A network that rounds as an int8 file does, made of one that takes (N, 3, S, S).

    Its state dict has the module's names, and the ranges beside them. Norms keep the statistics
    that they have.
    """
    example = torch.zeros(2, 3, input_size, input_size)
    sizes = ({0: torch.export.Dim("batch")},)
    device = next(module.parameters()).device
    with torch.no_grad():
        exported = torch.export.export(module.eval(), (example.to(device),), dynamic_shapes=sizes)
    program = exported.module(check_guards=False)
    _fold_norms(program.graph)
    for node in list(program.graph.nodes):
        if _is_rounded(node):
            name = f"{PREFIX}.{node.name}"
            fixed = (0.0, _LEVELS / (_LEVELS + 1)) if node.target in _UNIT else None
            program.add_submodule(name, FakeQuantise(fixed))
            with program.graph.inserting_after(node):
                made = program.graph.call_module(name, (node,))
            node.replace_all_uses_with(made, lambda user, made=made: user is not made)
    made_module = fx.GraphModule(program, program.graph).to(device)
    outputs: Any = getattr(module, "outputs", ("logits",))
    made_module.outputs = outputs
    for weights in made_module.parameters():
        weights.requires_grad_(True)
    return made_module


def is_quantised(state: Iterable[str]) -> bool:
    """Whether names of a state dict are those of a network that was trained to be rounded."""
    return any(name.startswith(f"{PREFIX}.") for name in state)


def without_ranges(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of the network alone, as it was before it was prepared."""
    return {name: value for name, value in state.items() if not name.startswith(f"{PREFIX}.")}


def set_rounding(module: nn.Module, rounding: bool) -> None:
    """Round activations, or leave them as they are; weights are rounded anyway."""
    for part in module.modules():
        if isinstance(part, FakeQuantise):
            part.rounding = rounding


@torch.no_grad()
def for_export(module: fx.GraphModule) -> fx.GraphModule:
    """The network with its folded and rounded weights as they are, and its steps as numbers."""
    made = copy.deepcopy(module).eval()
    graph = made.graph
    for node in list(graph.nodes):
        with graph.inserting_before(node):
            replaced = _with_numbers(made, node)
        if replaced is not None:
            node.replace_all_uses_with(replaced)
            graph.erase_node(node)
    graph.eliminate_dead_code()
    made.recompile()
    return made


def _with_numbers(made: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """What a node is for an exporter; None where that is what it is already."""
    graph = made.graph
    if node.op == "call_module":
        part = made.get_submodule(str(node.target))
        assert isinstance(part, FakeQuantise)
        scale, zero = part.numbers()
        rounded = _aten.fake_quantize_per_tensor_affine.default
        return graph.call_function(rounded, (node.args[0], scale, zero, 0, _LEVELS))
    if node.target not in (convolved, multiplied):
        return None
    arguments: tuple[Any, ...] = node.args
    x, weights, bias, norm, *settings = arguments
    held = tuple(_held(made, one) for one in norm)
    folded, shift = weighed(_held(made, weights), _held(made, bias), held)
    kept: list[fx.Node | None] = []
    for kind, tensor in (("weight", folded), ("bias", shift)):
        if tensor is None:
            kept.append(None)
            continue
        made.register_buffer(f"{node.name}_{kind}", tensor.detach().clone())
        kept.append(graph.get_attr(f"{node.name}_{kind}"))
    plain = _WEIGHED[0 if node.target is convolved else 1]
    return graph.call_function(plain, (x, *kept, *settings))


def _held(made: fx.GraphModule, argument: Any) -> Any:
    """The tensor that a node gives; what is none as it is."""
    if not isinstance(argument, fx.Node):
        return argument
    found: Any = made
    for part in str(argument.target).split("."):
        found = getattr(found, part)
    return found


def _fold_norms(graph: fx.Graph) -> None:
    """Let one function convolve, with the norm behind it folded into its rounded weights."""
    for node in list(graph.nodes):
        if node.target not in _WEIGHED:
            continue
        (reader, *others) = node.users or (None,)
        norm: tuple[Any, ...] = ()
        last = node
        if reader is not None and not others and reader.target == _NORM:
            _, gamma, beta, mean, variance, _, _, epsilon, _ = reader.args
            norm, last = (gamma, beta, mean, variance, epsilon), reader
        x, weights, bias, *settings = (*node.args, None)[: max(3, len(node.args))]
        weigh = convolved if node.target == _WEIGHED[0] else multiplied
        with graph.inserting_after(last):
            made = graph.call_function(weigh, (x, weights, bias, norm, *settings))
        made.meta = dict(last.meta)
        last.replace_all_uses_with(made)
        graph.erase_node(last)
        if last is not node:
            graph.erase_node(node)


def _is_rounded(node: fx.Node) -> bool:
    """Whether a file holds what a node makes in steps of its own."""
    value = node.meta.get("val")
    if node.op not in ("placeholder", "call_function") or not isinstance(value, Tensor):
        return False
    if not value.is_floating_point() or node.target in _MOVING:
        return False
    readers = list(node.users)
    if len(readers) != 1:
        return True
    return readers[0].target not in _FUSED and not _only_joined(node)


def _only_joined(node: fx.Node) -> bool:
    """Whether all that comes of a node is moved and concatenated: there it gets its steps."""
    readers = list(node.users)
    return bool(readers) and all(
        one.target in _JOINING or (one.target in _MOVING and _only_joined(one)) for one in readers
    )


def convolved(
    x: Tensor, weights: Tensor, bias: Tensor | None, norm: tuple[Any, ...], *settings: Any
) -> Tensor:
    """(N, I, H, W) convolved by (O, I/groups, K, K) weights that are folded and rounded."""
    folded, shift = weighed(weights, bias, norm)
    return functional.conv2d(x, folded, shift, *settings)


def multiplied(x: Tensor, weights: Tensor, bias: Tensor | None, norm: tuple[Any, ...]) -> Tensor:
    """(N, I) times (O, I) weights that are rounded."""
    folded, shift = weighed(weights, bias, norm)
    return functional.linear(x, folded, shift)


def weighed(
    weights: Tensor, bias: Tensor | None, norm: tuple[Any, ...]
) -> tuple[Tensor, Tensor | None]:
    """Weights (O, ...) with a norm folded into them, in 255 steps a channel, and the bias (O)."""
    if norm:
        gamma, beta, mean, variance, epsilon = norm
        factor = gamma * torch.rsqrt(variance + epsilon)
        weights = weights * factor.reshape(-1, *[1] * (weights.ndim - 1))
        bias = beta + ((0.0 if bias is None else bias) - mean) * factor
    weights = weights.float()
    largest = weights.detach().abs().flatten(1).amax(1)
    scales = (largest / _WEIGHT_LEVELS).clamp(min=torch.finfo(torch.float32).tiny)
    zeros = torch.zeros_like(scales, dtype=torch.int32)
    levels = -_WEIGHT_LEVELS, _WEIGHT_LEVELS
    return torch.fake_quantize_per_channel_affine(weights, scales, zeros, 0, *levels), bias
