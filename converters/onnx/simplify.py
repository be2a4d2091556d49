"""Simplify an ONNX graph, and be sure that nothing changed.

    Shape -> Gather -> Concat -> Reshape      =>      Reshape by a constant
    Conv -> BatchNormalization                =>      Conv
    Dropout, Identity                         =>      nothing

onnxsim is C++ and can take its process down with it on a foreign model; there it works in a child
(`python -m edgebench.converters.onnx.simplify IN OUT`), and its output stays there. The child takes
two seconds to start, which a graph of our own zoo need not pay. Where it fails, or
where what it made does not compute the same, onnxscript's optimiser folds constants instead, and
the returned notes say why. Opset and IR version are kept.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import shape_inference

from edgebench.converters.quiet import quiet
from edgebench.errors import UnsupportedModelError

_TIMEOUT_S = 600
# float32 sums in another order differ by this much of the output's largest value, no more.
_TOLERANCE = 1e-4


def simplify(
    model: onnx.ModelProto, foreign: bool = True
) -> tuple[onnx.ModelProto, tuple[str, ...]]:
    """Simplify a model of static input shapes; the notes say where it took the second way.

    A `foreign` model is not trusted to leave the process alive.

    Raises `UnsupportedModelError` for a model that ONNX Runtime cannot run, for then nothing
    could be compared with it.
    """
    from edgebench.converters.onnx.reference import noise, session

    try:
        feed = noise(model, seed=0)
        before = session(model).run(None, feed)
    except Exception as error:  # ONNX Runtime's errors share no narrower base.
        raise UnsupportedModelError(
            f"ONNX Runtime cannot run the model: {_first_line(error)}",
            "export the model with standard ONNX ops",
        ) from error
    reason = ""
    for way in (_isolated if foreign else _onnxsim, _onnxscript):
        try:
            simplified = _finished(way(model), model)
            after = session(simplified).run(None, feed)
        except Exception as error:
            reason = reason or f"onnxsim failed ({_first_line(error)})"
            continue
        if all(_same(a, b) for a, b in zip(before, after, strict=True)):
            note = f"{reason}; constants were folded by onnxscript instead"
            return simplified, (note,) if reason else ()
        reason = reason or "what onnxsim made of the model does not compute the same"
    plain = _finished(model, model)
    return plain, (f"{reason}; the graph was left as it is",)


def _same(a: object, b: object) -> bool:
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape:
        return False
    if x.dtype.kind != "f":
        return bool(np.array_equal(x, y))
    bound = _TOLERANCE * max(1.0, float(np.abs(x).max(initial=0.0)))
    return bool(np.allclose(x, y, rtol=0.0, atol=bound, equal_nan=True))


def _onnxsim(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxsim

    with quiet():
        simplified: onnx.ModelProto = onnxsim.simplify(model)[0]
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
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S)
        if done.returncode or not made.exists():
            lines = done.stderr.strip().splitlines()
            raise RuntimeError(lines[-1] if lines else f"exit status {done.returncode}")
        simplified: onnx.ModelProto = onnx.ModelProto.FromString(made.read_bytes())
        return simplified


def _onnxscript(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnxscript.optimizer

    optimised: onnx.ModelProto = onnxscript.optimizer.optimize(model)
    return optimised


def _finished(model: onnx.ModelProto, source: onnx.ModelProto) -> onnx.ModelProto:
    """With its shapes inferred, and with the versions and ports of its source."""
    finished = shape_inference.infer_shapes(model, data_prop=True)
    finished.ir_version = source.ir_version
    for port, wanted in zip(finished.graph.output, source.graph.output, strict=True):
        if port.name != wanted.name:
            raise RuntimeError(f"the output '{wanted.name}' was renamed")
    if {o.domain: o.version for o in finished.opset_import}.get("") != {
        o.domain: o.version for o in source.opset_import
    }.get(""):
        raise RuntimeError("the opset was changed")
    onnx.checker.check_model(finished)
    return finished


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _child(given: str, made: str) -> None:
    Path(made).write_bytes(_onnxsim(onnx.load(given)).SerializeToString())


if __name__ == "__main__":
    _child(*sys.argv[1:])
