"""Recurrent layers, step by step, with the gates in MIL's sequence."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from edgebench.converters.coreml.evaluator.operation import Call, CannotEvaluate, evaluates

Activation = Callable[[Tensor], Tensor]
State = tuple[Tensor, ...]  # what a step hands to the next; the hidden state comes first
Step = Callable[[Tensor, State], State]

# `scaled_tanh` is left out: no constants of it are documented for recurrent layers.
_ACTIVATIONS: dict[str, Activation] = {
    "hard_sigmoid": lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
    "sigmoid_hard": lambda x: torch.clamp(0.2 * x + 0.5, 0, 1),
    "linear": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


@evaluates("lstm")
def lstm(call: Call) -> State:
    """Gates are input, forget, output and cell."""
    direction = call.parameter("direction", "forward")
    h, c = call.tensor("initial_h"), call.tensor("initial_c")
    if direction != "bidirectional":
        return _over_time(call, _lstm_step(call, ""), (h, c), direction == "reverse")
    half = h.shape[-1] // 2
    there = _over_time(call, _lstm_step(call, ""), (h[:, :half], c[:, :half]), False)
    other = (h[:, half:], c[:, half:])
    back = _over_time(call, _lstm_step(call, "_back"), other, True, "weight_ih_back")
    return tuple(torch.cat(pair, -1) for pair in zip(there, back, strict=True))


@evaluates("gru")
def gru(call: Call) -> State:
    """Gates are reset, output and update; the reset gate is applied after the product.

    The one bias of the output gate stands outside the reset gate's product.
    """
    inner, outer = _activation(call, "recurrent_activation", "sigmoid"), _activation(call)
    weight = call.tensor("weight_hh")
    bias = _bias(call, "bias", len(weight))

    def step(projected: Tensor, state: State) -> State:
        r, o, z = (projected + bias).chunk(3, -1)
        hr, ho, hz = (state[0] @ weight.T).chunk(3, -1)
        update = inner(z + hz)
        new = outer(o + inner(r + hr) * ho)
        return ((1 - update) * new + update * state[0],)

    return _over_time(call, step, (call.tensor("initial_h"),), _reversed(call))


@evaluates("rnn")
def rnn(call: Call) -> State:
    function, weight = _activation(call), call.tensor("weight_hh")
    bias = _bias(call, "bias", len(weight))

    def step(projected: Tensor, state: State) -> State:
        return (function(projected + state[0] @ weight.T + bias),)

    return _over_time(call, step, (call.tensor("initial_h"),), _reversed(call))


def _lstm_step(call: Call, suffix: str) -> Step:
    gate, cell, out = (
        _activation(call, name, default)
        for name, default in (
            ("recurrent_activation", "sigmoid"),
            ("cell_activation", "tanh"),
            ("activation", "tanh"),
        )
    )
    weight = call.tensor(f"weight_hh{suffix}")
    bias = _bias(call, f"bias{suffix}", len(weight))
    peep_i, peep_f, peep_o = _bias(call, f"peephole{suffix}", len(weight) // 4 * 3).chunk(3)
    limit = call.parameter("clip")

    def step(projected: Tensor, state: State) -> State:
        h, c = state
        i, f, o, z = (projected + h @ weight.T + bias).chunk(4, -1)
        z = cell(z if limit is None else z.clamp(-limit, limit))
        after = gate(f + peep_f * c) * c + gate(i + peep_i * c) * z
        return gate(o + peep_o * after) * out(after), after

    return step


def _over_time(
    call: Call, step: Step, state: State, backwards: bool, weight: str = "weight_ih"
) -> State:
    """All hidden states or the last, then the last state."""
    x = call.tensor()
    projected = x @ call.tensor(weight).T
    hidden = []
    for one in projected.flip(0) if backwards else projected:
        state = step(one, state)
        hidden.append(state[0])
    if not call.parameter("output_sequence", False):
        return (state[0][None], *state)
    return (torch.stack(hidden[::-1] if backwards else hidden), *state)


def _activation(call: Call, name: str = "activation", default: str = "tanh") -> Activation:
    found = call.parameter(name, default)
    if found not in _ACTIVATIONS:
        raise CannotEvaluate(f"its {name} is {found}")
    return _ACTIVATIONS[found]


def _bias(call: Call, name: str, size: int) -> Tensor:
    found = call.optional(name)
    return torch.zeros(size) if found is None else found


def _reversed(call: Call) -> bool:
    return bool(call.parameter("direction", "forward") == "reverse")
