"""Fix the dynamic dimensions of an ONNX model's inputs, by what the user says of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import onnx

from edgebench.errors import UsageError

Shape = tuple[int, ...]
# One shape for a model of one input, or shapes by input name.
InputShapes = Mapping[str, Shape] | Shape | None


def true_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The graph's inputs without the initializers that files of IR 3 list among them."""
    initializers = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in initializers]


def dimensions(value: onnx.ValueInfoProto) -> tuple[int | str, ...]:
    """The dimensions of a tensor: a size, or the name (or `?`) of a dynamic one."""
    dims = value.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.dim_value > 0 else d.dim_param or "?" for d in dims)


def fix_shapes(path: Path, model: onnx.ModelProto, wanted: InputShapes) -> None:
    """Write the wanted shapes into the model's inputs.

    Raises `UsageError` where they do not fit, and where a dimension stays dynamic.
    """
    inputs = {value.name: value for value in true_inputs(model)}
    shapes = _named(path, list(inputs), wanted)
    sizes: dict[str, int] = {}
    for name, shape in shapes.items():
        _check_shape(inputs[name], shape, sizes)
        fixed = inputs[name].type.tensor_type.shape
        fixed.ClearField("dim")
        for size in shape:
            fixed.dim.add().dim_value = size
    _apply(sizes, inputs.values())
    dynamic = [
        value
        for value in inputs.values()
        if not value.type.tensor_type.HasField("shape")
        or any(isinstance(d, str) for d in dimensions(value))
    ]
    if dynamic:
        # The name of a first axis is that of the batch, which may lie elsewhere in other inputs.
        batches = {dims[0] for dims in map(dimensions, dynamic) if dims and dims[0] != "?"}
        raise UsageError(
            f"{path} has inputs without a fixed shape: "
            + ", ".join(f"'{value.name}' {shown(dimensions(value))}" for value in dynamic),
            "fix them, for instance with "
            + " ".join(
                f"--input-shape {_example(value, len(inputs), batches)}" for value in dynamic
            ),
        )
    # What was inferred for dynamic inputs is inferred again for the fixed ones.
    del model.graph.value_info[:]
    _apply(sizes, model.graph.output)
    for output in model.graph.output:
        for dim in output.type.tensor_type.shape.dim:
            if dim.dim_value <= 0:
                dim.Clear()


def _example(value: onnx.ValueInfoProto, inputs: int, batches: Collection[int | str]) -> str:
    """What a user might want: a batch of one, and a usual size for what else is dynamic."""
    known = dimensions(value) or ("?", 3, "?", "?")
    sizes = [
        d if isinstance(d, int) else 1 if i == 0 or d in batches else 224
        for i, d in enumerate(known)
    ]
    return ("" if inputs == 1 else f"{value.name}=") + ",".join(map(str, sizes))


def _named(path: Path, names: list[str], wanted: InputShapes) -> dict[str, Shape]:
    if wanted is None:
        return {}
    if isinstance(wanted, Mapping):
        unknown = [name for name in wanted if name not in names]
        if unknown:
            raise UsageError(
                f"{path} has no input '{unknown[0]}'", f"its inputs are: {', '.join(names)}"
            )
        return dict(wanted)
    if len(names) > 1:
        raise UsageError(
            f"{path} has {len(names)} inputs: {', '.join(names)}",
            f"name the one that a shape is for: --input-shape {names[0]}=1,3,224,224",
        )
    return {names[0]: tuple(wanted)}


def _check_shape(value: onnx.ValueInfoProto, shape: Shape, sizes: dict[str, int]) -> None:
    """Check one wanted shape against what the file says; `sizes` gathers the named dimensions."""
    known = dimensions(value)
    has_shape = value.type.tensor_type.HasField("shape")
    fits = not has_shape or (
        len(known) == len(shape)
        and all(isinstance(k, str) or k == s for k, s in zip(known, shape, strict=True))
    )
    for name, size in zip(known, shape, strict=False):
        if isinstance(name, str) and name != "?":
            fits = fits and sizes.setdefault(name, size) == size
    if not fits or any(size < 1 for size in shape):
        raise UsageError(
            f"the shape {shown(shape)} does not fit input '{value.name}' {shown(known)}",
            "give --input-shape with as many positive numbers, equal where the file fixes one",
        )


def _apply(sizes: Mapping[str, int], values: Iterable[onnx.ValueInfoProto]) -> None:
    for value in values:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]


def shown(dims: tuple[int | str, ...]) -> str:
    """A shape as a user reads it: (N, 3, 224, 224)."""
    return "(" + ", ".join(map(str, dims)) + ")"
