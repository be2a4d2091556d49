"""A user's own torch module: imported, built, given its weights, and run."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils import _pytree as pytree

from edgebench.converters.export.request import ExportRequest
from edgebench.converters.one_thread import one_thread
from edgebench.converters.onnx.reference import Array, Sample
from edgebench.errors import UnsupportedModelError, UsageError
from edgebench.models.weights import load_into


@dataclass(frozen=True)
class OpenedModule:
    """A module in evaluation mode, with the names and shapes of its arguments, in order."""

    module: nn.Module
    inputs: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]


def open_module(request: ExportRequest) -> OpenedModule:
    """Build what the request names and fill it with the weights it gives.

    Raises `UsageError`, `InvalidFileError`, and `UnsupportedModelError` where the user's code
    fails.
    """
    module = request.module if request.module is not None else _built(request.source)
    if request.weights is not None:
        load_into(module, request.weights)
    shapes = request.input_shapes or ()
    if isinstance(shapes, Mapping):
        inputs = tuple(shapes)
        return OpenedModule(module.eval(), inputs, tuple(tuple(shapes[one]) for one in inputs))
    return OpenedModule(module.eval(), (_first_argument(module),), (shapes,))


def talking_aside() -> AbstractContextManager[object]:
    """What the user's code prints goes to stderr: stdout is for results, which may be JSON."""
    return redirect_stdout(sys.stderr)


def _built(text: str) -> nn.Module:
    """What `package.module:factory` returns. Modules of the current folder come first."""
    place, _, name = text.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"there is no module {error.name} to import",
            "run edgebench where it lies, or install it beside edgebench",
        ) from error
    except Exception as error:  # The user's own code may raise anything.
        raise UnsupportedModelError(
            f"importing {place} failed: {type(error).__name__}: {error}",
            f"see python -c 'import {place}'",
        ) from error
    factory = getattr(found, name, None)
    if not callable(factory):
        callables = sorted(
            one for one, value in vars(found).items() if callable(value) and not one.startswith("_")
        )
        raise UsageError(
            f"{place} has nothing callable named '{name}'",
            f"it has: {', '.join(callables) or 'none'}",
        )
    try:
        built = factory()
    except Exception as error:
        raise UnsupportedModelError(
            f"{text}() failed: {type(error).__name__}: {error}",
            "give a callable that needs no arguments",
        ) from error
    if not isinstance(built, nn.Module):
        raise UsageError(
            f"{text}() returned {type(built).__name__}, and no torch.nn.Module",
            "give a callable that returns the module",
        )
    return built


def _first_argument(module: nn.Module) -> str:
    arguments = list(inspect.signature(module.forward).parameters)
    return arguments[0] if arguments else "input"


def runs(
    opened: OpenedModule, names: Sequence[str]
) -> Callable[[Sequence[Sample]], list[list[Array]]]:
    """What runs the module on samples by input name, one at a time, outputs flat and in order.

    `names` are those of the graph's inputs, in the order of the arguments.
    """

    def run(samples: Sequence[Sample]) -> list[list[Array]]:
        with torch.no_grad(), one_thread(), talking_aside():
            return [_outputs(opened.module, [sample[name] for name in names]) for sample in samples]

    return run


def _outputs(module: nn.Module, arguments: Sequence[Array]) -> list[Array]:
    made = module(*(torch.from_numpy(one) for one in arguments))
    return [one.numpy() for one in pytree.tree_leaves(made) if isinstance(one, torch.Tensor)]
