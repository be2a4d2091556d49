"""ONNX Runtime as the reference: what an ONNX graph computes, and inputs to try it on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from edgebench.converters.onnx.newer_ops import with_newer_ops
from edgebench.errors import UnsupportedModelError

Array = NDArray[Any]
Sample = Mapping[str, Array]

# Cells along each side of the noise's grids, coarse to fine: as in a photograph, the power falls
# with frequency (Field, J. Opt. Soc. Am. A 4, 1987).
_CELLS = (2, 4, 8, 16, 32)
# float32 sums in another order differ by this much of the output's largest value, no more.
_TOLERANCE = 1e-4
_HELD_BYTES = 256_000_000


def session(model: onnx.ModelProto, optimised: bool = False) -> onnxruntime.InferenceSession:
    """A quiet CPU session on one thread.

    By default it has only optimisations that keep every layer as the file has it, so that its
    numbers are the same on every processor; `optimised` is how a device runs it.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    disabled = None
    if not optimised:
        # They would round a value before a transpose that the file rounds it after.
        disabled = ["QDQPropagationTransformer", "TransposeOptimizer"]
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(
        with_newer_ops(model).SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=disabled,
    )


def same_values(one: object, other: object) -> bool:
    """Whether two arrays are equal, floats up to sums in another order."""
    x, y = np.asarray(one), np.asarray(other)
    if x.shape != y.shape:
        return False
    if x.dtype.kind != "f":
        return bool(np.array_equal(x, y))
    bound = _TOLERANCE * max(1.0, float(np.abs(x).max(initial=0.0)))
    return bool(np.allclose(x, y, rtol=0.0, atol=bound, equal_nan=True))


def outputs(
    model: onnx.ModelProto, samples: Sequence[Sample], held: int = _HELD_BYTES
) -> Iterable[Sequence[Array]]:
    """What `stream` gives, as often as it is iterated over.

    Of up to `held` bytes the outputs are kept in memory, of more they are computed anew each time.
    Raises `UnsupportedModelError` as `run` does.
    """
    first = list(stream(model, samples[:1]))
    each = sum(array.nbytes for one in first for array in one)
    if each * len(samples) <= held:
        return first + run(model, samples[1:])
    return _Anew(model, samples)


@dataclass(frozen=True)
class _Anew:
    model: onnx.ModelProto
    samples: Sequence[Sample]

    def __iter__(self) -> Iterator[list[Array]]:
        return stream(self.model, self.samples)


def run(model: onnx.ModelProto, samples: Iterable[Sample]) -> list[list[Array]]:
    """The outputs for each sample, in the graph's order, with ONNX's axes.

    Raises `UnsupportedModelError` where ONNX Runtime cannot compute them.
    """
    return list(stream(model, samples))


def stream(model: onnx.ModelProto, samples: Iterable[Sample]) -> Iterator[list[Array]]:
    """The same as `run`, one sample after the other."""
    opened = session(model)
    try:
        for sample in samples:
            yield list(opened.run(None, dict(sample)))
    except Exception as error:  # ONNX Runtime's errors share no narrower base.
        raise UnsupportedModelError(
            f"ONNX Runtime cannot run the model on the examples: {str(error).splitlines()[0]}",
            "give examples that fit its inputs with --calibration",
        ) from error


def noise(model: onnx.ModelProto, seed: int) -> dict[str, Array]:
    """One image-like input for every input of a graph of static shapes.

    Floats of rank 3 and more are `image_noise` of unit variance, other floats are normal; integers
    and booleans are 0 or 1, which every index and mask takes.
    """
    rng = np.random.default_rng(seed)
    initializers = {tensor.name for tensor in model.graph.initializer}
    feed: dict[str, Array] = {}
    for value in model.graph.input:
        if value.name in initializers:
            continue
        tensor = value.type.tensor_type
        shape = tuple(dim.dim_value for dim in tensor.shape.dim)
        dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        if dtype.kind != "f":
            feed[value.name] = rng.integers(0, 2, shape).astype(dtype)
        elif len(shape) < 3:
            feed[value.name] = rng.standard_normal(shape).astype(dtype)
        else:
            feed[value.name] = image_noise(rng, shape).astype(dtype)
    return feed


def image_noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Smooth random patches of every scale along the last two axes, zero mean, unit variance.

    The same as `edgebench.models.build` settles untrained batch norms with, so that untrained
    networks work in the range they were settled for.
    """
    *lead, height, width = shape
    total = np.zeros(shape, np.float32)
    for cells in _CELLS:
        grid = rng.standard_normal((*lead, cells, cells)).astype(np.float32)
        rows, columns = _interpolation(cells, height), _interpolation(cells, width)
        total += rows @ grid @ columns.T / np.float32(np.sqrt(cells))
    spread = float(total.std())
    return (total - total.mean()) / spread if spread > 0 else total


def _interpolation(cells: int, size: int) -> NDArray[np.float32]:
    """(size, cells) weights of linear interpolation between the centres of the cells."""
    position = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
    distance = np.abs(position[:, None] - np.arange(cells))
    weights: NDArray[np.float32] = np.maximum(0, 1 - distance).astype(np.float32)
    return weights
