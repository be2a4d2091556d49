"""TFLite, in whichever of its runtimes is there."""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import Any

from ..messages import Json, RunnerError, first_line
from .feeding import Feeding, real

# In order of preference: the maintained package, its predecessor that boards still carry, and
# the framework that has it inside. (Module, distribution.)
RUNTIMES = (
    ("ai_edge_litert.interpreter", "ai-edge-litert"),
    ("tflite_runtime.interpreter", "tflite-runtime"),
    ("tensorflow.lite.python.interpreter", "tensorflow"),
)


RESOLVERS = {"xnnpack": "AUTO", "none": "BUILTIN_WITHOUT_DEFAULT_DELEGATES"}
"""The name of LiteRT's resolver for each delegate that it has in Python."""

DELEGATED = "DELEGATE"
"""The runtime's name of a delegate's node."""


class TFLiteEngine(Feeding):
    """A .tflite file in whichever TFLite runtime is there."""

    def __init__(self, path: str, plan: Json) -> None:
        import numpy

        self.np = numpy
        self.delegate = str(plan["delegate"])
        module, distribution = find_runtime()
        if plan["delegate"] not in RESOLVERS:
            raise RunnerError(
                f"{distribution} has no {plan['delegate']} delegate in Python; "
                "on a phone, LiteRT's benchmark_model has one"
            )
        resolver = getattr(module.OpResolverType, RESOLVERS[plan["delegate"]])
        self.interpreter = module.Interpreter(
            model_path=path,
            num_threads=plan["threads"],
            experimental_op_resolver_type=resolver,
        )
        self.interpreter.allocate_tensors()
        self.invoke = self.interpreter.invoke
        self.inputs = self.interpreter.get_input_details()
        self.outputs = self.interpreter.get_output_details()

    @staticmethod
    def runtime() -> tuple[str, str]:
        _, distribution = find_runtime()
        return distribution, version(distribution)

    def feed(self, detail: Json, values: Any) -> None:
        """Set one input from real values, quantised as the file asks for."""
        self.interpreter.set_tensor(detail["index"], self.encoded(detail, values))

    def encoded(self, detail: Json, values: Any) -> Any:
        """Real values as a tensor of the file holds them."""
        np, dtype = self.np, self.np.dtype(detail["dtype"])
        scale, zero_point = detail["quantization"]
        if dtype.kind in "iu" and scale:
            limits = np.iinfo(dtype)
            values = np.clip(np.round(values / scale + zero_point), limits.min, limits.max)
        return values.astype(dtype)

    def output_names(self) -> list[str]:
        return [str(detail["name"]) for detail in self.outputs]

    def output(self, place: int) -> Any:
        detail = self.outputs[place]
        return self.decoded(detail, self.interpreter.get_tensor(detail["index"]))

    def decoded(self, detail: Json, values: Any) -> Any:
        """What a tensor of the file holds, as real values."""
        scale, zero_point = detail["quantization"]
        if values.dtype.kind in "iu" and scale:
            values = (values.astype("float64") - zero_point) * scale
        return real(values)

    def delegation(self) -> Json:
        """How many nodes the delegate made of the graph, and which operations it left over.

        The runtime lists the original operations and then the delegate's nodes.
        """
        nothing = {"partitions": None, "leftover_ops": None, "layer_types": None}
        try:
            ops = self.interpreter._get_ops_details()
        except AttributeError:
            return nothing
        every = self._executed([op for op in ops if op["op_name"] != DELEGATED])
        names = self._executed(ops)
        left = [name for name in names if name != DELEGATED]
        counts = {self.delegate: len(every) - len(left), "cpu": len(left)}
        return {
            **nothing,
            "partitions": len(names) - len(left),
            "leftover_ops": left,
            "operators": counts if self.delegate != "none" else {"cpu": len(left)},
        }

    def _executed(self, ops: list[Json]) -> list[str]:
        """The names of the nodes that make the outputs, in the order of the list.

        Walking back from the outputs meets just those. The delegate's nodes come last in the list
        and so take the place of what they replaced.
        """
        maker = {int(tensor): op for op in ops for tensor in op["outputs"]}
        executed: dict[int, Json] = {}
        wanted = [int(detail["index"]) for detail in self.outputs]
        while wanted:
            op = maker.get(wanted.pop())
            if op is not None and op["index"] not in executed:
                executed[op["index"]] = op
                wanted.extend(int(tensor) for tensor in op["inputs"])
        return [str(executed[index]["op_name"]) for index in sorted(executed)]


def find_runtime() -> tuple[Any, str]:
    """The first runtime that can be imported, and the distribution it came from."""
    reasons = []
    for module, distribution in RUNTIMES:
        try:
            return importlib.import_module(module), distribution
        except Exception as error:  # A wheel for another NumPy fails in ways of its own.
            reasons.append(f"{distribution}: {first_line(error)}")
    raise RunnerError(
        "no TFLite runtime can be imported; pip install ai-edge-litert (" + "; ".join(reasons) + ")"
    )
