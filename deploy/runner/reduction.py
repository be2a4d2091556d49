"""What is kept of an output, as the plan says it: `edgebench.tasks.reduction` for Python 3.8.

That module has the definition. Both give the same for the cases of `reductions.json` beside the
JSON Schemas of the documents, and so has any other runner to.
"""

from __future__ import annotations

from typing import Any, Mapping  # noqa: UP035

from .messages import Json


def reduce(np: Any, reduction: Json, name: str, outputs: Mapping[str, Any]) -> Any:
    """Reduce the output `name` of a model that ran on n images: (n, *shape).

    `outputs` are all that the plan keeps, by name: real values in ONNX's order of axes.
    """
    values = outputs[name].reshape((-1, *reduction["source"]))
    axis = None if reduction.get("axis") is None else reduction["axis"] + 1
    if reduction["kind"] == "argmax":
        values = np.asarray(np.argmax(values, axis))
    elif reduction["kind"] == "threshold":
        values = values > reduction["threshold"]
    elif reduction["kind"] == "top_rows":
        rows = np.moveaxis(values, axis, 1)
        best = _best_rows(np, reduction["rank"], reduction["count"], outputs)
        best = best.reshape(best.shape + (1,) * (rows.ndim - 2))
        values = np.moveaxis(np.take_along_axis(rows, best, 1), 1, axis)
    dtype = dtype_of(np, reduction)
    if dtype.kind != "f" and values.dtype.kind == "f":
        values = np.rint(values)
    return np.ascontiguousarray(values, dtype)


def dtype_of(np: Any, reduction: Json) -> Any:
    """The type of what is kept, little-endian."""
    return np.dtype(reduction["dtype"]).newbyteorder("<")


def _best_rows(np: Any, rank: Json, count: int, outputs: Mapping[str, Any]) -> Any:
    """The indices of the best rows, (images, count)."""
    rows = outputs[rank["output"]].reshape((-1, *rank["source"]))
    if rank["axis"] == 1:
        rows = rows.swapaxes(1, 2)
    score = rows[:, :, rank["first"] : rank["end"]].max(-1)
    if rank.get("times") is not None:
        score = score * rows[:, :, rank["times"]]
    return np.argsort(-score, axis=1, kind="stable")[:, :count]
