"""Arithmetic, comparisons and functions of single elements."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edgebench.converters.coreml.evaluator.operation import Call, evaluates

BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "floor_div": lambda x, y: torch.div(x, y, rounding_mode="floor"),
    "mod": torch.remainder,
    "pow": torch.pow,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "equal": torch.eq,
    "not_equal": torch.ne,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "less": torch.lt,
    "less_equal": torch.le,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
}

UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "abs": torch.abs,
    "acos": torch.acos,
    "asin": torch.asin,
    "atan": torch.atan,
    "atanh": torch.atanh,
    "ceil": torch.ceil,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "erf": torch.erf,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "floor": torch.floor,
    "logical_not": torch.logical_not,
    "round": torch.round,  # halves to even, as NumPy's, which coremltools folds constants with
    "sign": torch.sign,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tan": torch.tan,
}


@evaluates(*BINARY)
def binary(call: Call) -> Tensor:
    x, y = call.tensor("x"), call.tensor("y")
    if x.dtype != y.dtype:
        x, y = (
            x.to(torch.promote_types(x.dtype, y.dtype)),
            y.to(torch.promote_types(x.dtype, y.dtype)),
        )
    return BINARY[call.operation.op_type](x, y)


@evaluates("real_div")
def real_div(call: Call) -> Tensor:
    """Division; of integers it drops the fraction, as in C."""
    x, y = call.tensor("x"), call.tensor("y")
    if x.is_floating_point() or y.is_floating_point():
        return x / y
    return torch.div(x, y, rounding_mode="trunc")


@evaluates(*UNARY)
def unary(call: Call) -> Tensor:
    return UNARY[call.operation.op_type](call.tensor())


@evaluates("inverse")
def inverse(call: Call) -> Tensor:
    return torch.reciprocal(call.tensor() + call.parameter("epsilon", 1e-4))


@evaluates("rsqrt")
def rsqrt(call: Call) -> Tensor:
    return torch.rsqrt(call.tensor() + call.parameter("epsilon", 1e-12))


@evaluates("log")
def log(call: Call) -> Tensor:
    return torch.log(call.tensor() + call.parameter("epsilon", 1e-45))


@evaluates("clip")
def clip(call: Call) -> Tensor:
    return torch.clamp(call.tensor(), call.parameter("alpha"), call.parameter("beta"))


@evaluates("threshold")
def threshold(call: Call) -> Tensor:
    return torch.clamp(call.tensor(), min=call.parameter("alpha"))


@evaluates("cast")
def cast(call: Call) -> Tensor:
    """To the declared type: floats lose their fraction where it is an integer's."""
    x = call.tensor()
    return x.trunc() if x.is_floating_point() and "int" in call.declared.dtype else x


@evaluates("select", exact=True)
def select(call: Call) -> Tensor:
    return torch.where(call.tensor("cond").bool(), call.tensor("a"), call.tensor("b"))


@evaluates("identity", exact=True)
def identity(call: Call) -> object:
    return call.value("x")


@evaluates("cumsum")
def cumsum(call: Call) -> Tensor:
    x, axis = call.tensor(), call.parameter("axis", 0)
    exclusive, reverse = call.parameter("exclusive", False), call.parameter("reverse", False)
    x = x.flip(axis) if reverse else x
    total = torch.cumsum(x, axis)
    total = total - x if exclusive else total
    return total.flip(axis) if reverse else total
