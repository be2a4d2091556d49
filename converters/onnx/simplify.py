"""Simplify an ONNX graph, and be sure that nothing changed.

    Shape -> Gather -> Concat -> Reshape      =>      Reshape by a constant
    Conv -> BatchNormalization                =>      Conv
    Dropout, Identity                         =>      nothing

onnxsim is C++ and can crash on a model of another tool; such a model is simplified in a child
(`python -m edgebench.converters.onnx.simplify IN OUT`), and its output stays there. The child takes
two seconds to start, which a graph of our own zoo need not pay. Where it fails, or
where what it made does not compute the same, onnxscript's optimiser folds constants instead, and
the returned notes say why. Opset and IR version are kept, and no operator comes in that the targets
do not carry: a user could do nothing about it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import onnx
from onnx import shape_inference

from edgebench.converters.hidden import hidden
from edgebench.converters.quiet import quiet
from edgebench.errors import UnsupportedModelError

_TIMEOUT_S = 600

# onnxsim's fusions into operators that few runtimes have.
_FUSIONS = (
    *("fuse_attention", "fuse_gqa", "fuse_qkv", "fuse_rope"),
    *("fuse_lp_normalization", "fuse_rms_norm"),
)
MAY_INTRODUCE = frozenset(
    {
        *("Add", "Cast", "Clip", "Concat", "Constant", "Conv", "Div", "Expand", "Flatten"),
        *("Gather", "Gelu", "Gemm", "Identity", "LayerNormalization", "MatMul", "Mul", "Pad"),
        *("ReduceMean", "ReduceSum", "Relu", "Reshape", "Slice", "Split", "Squeeze", "Sub"),
        *("Transpose", "Unsqueeze"),
    }
)
"""Operators that a simplified graph may have beyond those of the model: all targets carry them."""


def simplify(
    model: onnx.ModelProto, external: bool = True
) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """Simplify a model of static input shapes; the notes say where it took the second way.

    An `external` model is not trusted to leave the process alive.

    Raises `UnsupportedModelError` for a model that ONNX Runtime cannot run, for then nothing
    could be compared with it.
    """
    from edgebench.converters.onnx.reference import noise, same_values, session

    model = _inferred(model)
    try:
        feed = noise(model, seed=0)
        before = session(model).run(None, feed)
    except Exception as error:  # ONNX Runtime's errors share no narrower base.
        raise UnsupportedModelError(
            f"ONNX Runtime cannot run the model: {_first_line(error)}",
            "export the model with standard ONNX ops",
        ) from error
    reason = ""
    for way in (_isolated if external else _onnxsim, _onnxscript):
        try:
            simplified = _checked(way(model), model)
            after = session(simplified).run(None, feed)
        except Exception as error:
            reason = reason or f"onnxsim failed ({_first_line(error)})"
            continue
        if all(same_values(a, b) for a, b in zip(before, after, strict=True)):
            note = f"{reason}; constants were folded by onnxscript instead"
            return simplified, (note,) if reason else ()
        reason = reason or "what onnxsim made of the model does not compute the same"
    return _inferred(model), (f"{reason}; the graph was left as it is",)


def _onnxsim(model: onnx.ModelProto) -> onnx.ModelProto:
    with hidden("torch"):  # Only its tools for quantisation take it along.
        import onnxsim

    with quiet():
        simplified: onnx.ModelProto = onnxsim.simplify(model, skipped_optimizers=[*_FUSIONS])[0]
    return simplified


def _isolated(model: onnx.ModelProto) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory(prefix="edgebench-") as folder:
        given, made = Path(folder, "given.onnx"), Path(folder, "made.onnx")
        given.write_bytes(model.SerializeToString())
        command = [
            sys.executable,
            "-m",
            "edgebench.converters.onnx.simplify",
            str(given),
            str(made),
        ]
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S)
        if done.returncode or not made.exists():
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            raise RuntimeError(lines[-1] if lines else f"exit status {done.returncode}")
        simplified: onnx.ModelProto = onnx.ModelProto.FromString(made.read_bytes())
        return simplified


def _onnxscript(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxscript.optimizer

    optimised: onnx.ModelProto = onnxscript.optimizer.optimize(model)
    return optimised


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    inferred: onnx.ModelProto = shape_inference.infer_shapes(model, data_prop=True)
    return inferred


def _checked(model: onnx.ModelProto, source: onnx.ModelProto) -> onnx.ModelProto:
    """With its shapes inferred, and with the versions, the ports and the kind of its source."""
    finished = _inferred(_with_initializers(model))
    finished.ir_version = source.ir_version
    for port, wanted in zip(finished.graph.output, source.graph.output, strict=True):
        if port.name != wanted.name:
            raise RuntimeError(f"the output '{wanted.name}' was renamed")
    if {o.domain: o.version for o in finished.opset_import}.get("") != {
        o.domain: o.version for o in source.opset_import
    }.get(""):
        raise RuntimeError("the opset was changed")
    strange = _operators(finished.graph) - _operators(source.graph) - MAY_INTRODUCE
    if strange:
        raise RuntimeError(f"it introduced {', '.join(sorted(strange))}")
    onnx.checker.check_model(finished)
    return finished


def _with_initializers(model: onnx.ModelProto) -> onnx.ModelProto:
    """With constants as initialisers: quantisers and proofs take no others for weights."""
    graph = model.graph
    outputs = {port.name for port in graph.output}
    for node in list(graph.node):
        known = [one.t for one in node.attribute if one.name == "value"]
        if node.op_type == "Constant" and known and node.output[0] not in outputs:
            graph.node.remove(node)
            graph.initializer.add().CopyFrom(known[0])
            graph.initializer[-1].name = node.output[0]
    return model


def _operators(graph: onnx.GraphProto) -> set[str]:
    """The types of all nodes, those of inner graphs included."""
    found = {node.op_type for node in graph.node}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                found |= _operators(attribute.g)
    return found


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _child(given: str, made: str) -> None:
    Path(made).write_bytes(_onnxsim(onnx.load(given)).SerializeToString())


if __name__ == "__main__":
    _child(*sys.argv[1:])
