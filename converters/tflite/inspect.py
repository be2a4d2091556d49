"""What a .tflite file holds, and how much of it XNNPACK takes on this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgebench.converters.artifact import Quantization
from edgebench.converters.tflite.content import read
from edgebench.converters.tflite.tensorflow import hushed
from edgebench.errors import InvalidFileError, MissingExtraError, UnsupportedModelError


@dataclass(frozen=True)
class Tensor:
    """An input or output. `key` is its name in the signature, `name` the tensor's own."""

    key: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None


@dataclass(frozen=True)
class Summary:
    """The ops of a file and how LiteRT's CPU delegate, XNNPACK, divides them.

    `partitions` counts the delegate's pieces: 1 is best, for at each border tensors are handed
    over and layouts repacked. `outside` counts, by op, what is left to the built-in kernels.
    """

    ops: Mapping[str, int]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    partitions: int
    outside: Mapping[str, int]
    size_bytes: int

    @property
    def transposes(self) -> int:
        return self.ops.get("TRANSPOSE", 0)


def interpreter(content: bytes, **options: Any) -> Any:
    """A LiteRT interpreter with its tensors allocated.

    Raises `InvalidFileError` for a file that is damaged and `MissingExtraError`.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ModuleNotFoundError as error:
        raise MissingExtraError("ai-edge-litert", "tflite") from error
    try:
        with hushed():
            made = Interpreter(model_content=content, **options)
            made.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise InvalidFileError(
            f"LiteRT cannot load the TFLite file: {error}", "export it again"
        ) from error
    return made


def invoke(made: Any) -> None:
    """Run what the inputs hold. Raises `UnsupportedModelError` for an op without a kernel."""
    try:
        made.invoke()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0].partition("Node number")[0].rstrip(" .")
        raise UnsupportedModelError(
            f"LiteRT loads the TFLite file but cannot run it: {reason}",
            "export it in another precision, or replace what it names",
        ) from error


def summary(source: Path | bytes) -> Summary:
    """Read a TFLite file and let LiteRT prepare it. Raises `InvalidFileError`."""
    content = read(source)
    plain = interpreter(content, **without_delegates())
    ops = Counter(node["op_name"] for node in nodes(plain))
    delegated = interpreter(content)
    partitions, outside = _partitions(nodes(delegated))
    keys = _signature_keys(delegated)
    return Summary(
        ops=dict(ops),
        inputs=tuple(_tensor(d, keys) for d in delegated.get_input_details()),
        outputs=tuple(_tensor(d, keys) for d in delegated.get_output_details()),
        partitions=partitions,
        outside=dict(outside),
        size_bytes=len(content),
    )


def without_delegates() -> dict[str, Any]:
    """The options of an interpreter that runs every op by its built-in kernel."""
    from ai_edge_litert.interpreter import OpResolverType

    return {"experimental_op_resolver_type": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}


def nodes(made: Any) -> list[dict[str, Any]]:
    """The ops of a loaded file, delegate nodes among them, with their tensor numbers."""
    # The one place where Python is told of the nodes; TensorFlow's own tools read it too.
    nodes: list[dict[str, Any]] = made._get_ops_details()
    return nodes


def _partitions(nodes: Sequence[Mapping[str, Any]]) -> tuple[int, Counter[str]]:
    """Count delegate nodes, and the ops that no delegate node stands for.

    A delegate node is listed beside the ops it replaced: they are found by walking back from its
    outputs to its inputs.
    """
    delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
    ordinary = [node for node in nodes if node["op_name"] != "DELEGATE"]
    maker = {int(out): i for i, node in enumerate(ordinary) for out in node["outputs"]}
    replaced: set[int] = set()
    for delegate in delegates:
        border = {int(tensor) for tensor in delegate["inputs"]}
        waiting = [int(tensor) for tensor in delegate["outputs"]]
        while waiting:
            tensor = waiting.pop()
            i = maker.get(tensor)
            if tensor in border or i is None or i in replaced:
                continue
            replaced.add(i)
            waiting.extend(int(source) for source in ordinary[i]["inputs"])
    left = Counter(node["op_name"] for i, node in enumerate(ordinary) if i not in replaced)
    return len(delegates), left


def _signature_keys(made: Any) -> dict[int, str]:
    keys: dict[int, str] = {}
    for signature in made.get_signature_list():
        runner = made.get_signature_runner(signature)
        for details in (runner.get_input_details(), runner.get_output_details()):
            keys.update({detail["index"]: key for key, detail in details.items()})
    return keys


def _tensor(detail: Mapping[str, Any], keys: Mapping[int, str]) -> Tensor:
    scale, zero_point = detail["quantization"]
    return Tensor(
        key=keys.get(detail["index"], detail["name"]),
        name=detail["name"],
        shape=tuple(int(n) for n in detail["shape"]),
        dtype=np.dtype(detail["dtype"]).name,
        quantization=Quantization(float(scale), int(zero_point)) if scale else None,
    )
