"""W8A8 without a Mac: Core ML's quantisation of activations with ranges from the evaluator.

coremltools takes the ranges by predicting, which it can only on a Mac; and coremltools 9.0 keeps
those of the last sample alone. So its collection is replaced by ours, over all samples, and the
rest is coremltools' own: where quantize and dequantize go, and with which scales.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgebench.converters.coreml.evaluator.operation import Operation
from edgebench.converters.coreml.evaluator.program import Array, Program, load
from edgebench.converters.coreml.evaluator.ranges import Range, collect, shared_by_concats
from edgebench.converters.coreml.evaluator.tools import ct
from edgebench.converters.coreml.evaluator.values import plain, uncast
from edgebench.converters.precision import DEFAULT, OWN, RangeMethod
from edgebench.converters.quiet import quiet
from edgebench.errors import UnsupportedModelError
from edgebench.progress import Progress, silent

_QUANTISED = {"conv", "linear", "add", "avg_pool", "max_pool"}


def _none(_: str) -> None:
    """The range of any value of a model that has none of its own."""


def quantise_activations(
    mlmodel: Any,
    samples: Sequence[Mapping[str, Array]],
    progress: Progress = silent,
    mode: str = "linear_symmetric",
    keep: Callable[[str], bool] | None = None,
    method: RangeMethod = DEFAULT,
    own: Callable[[str], tuple[float, float] | None] = _none,
) -> Any:
    """An `MLModel` whose convolutions, products, sums and pools take and give int8.

    Samples are what `Program.run` takes. `mode` is "linear_symmetric", whose zero point is 0 as
    the Neural Engine wants it, or "linear". `keep` says of an op or its value, by name, that it
    stays in floating point, and `method` chooses the ranges; where it is "own", `own` gives that of
    a value by its plain name, or None. Weights are left as they are: compress them afterwards with
    `coremltools.optimize`. The result is of iOS 17 or later. Raises `DataError`, and
    `UnsupportedModelError` where a range is not finite or all is computed in float32.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.mlpackage"
        mlmodel.save(str(path))
        program = load(path)
        left = _left_in_float(program, keep)
        found = collect(program, samples, progress, method)
        if method == OWN:
            cast = uncast(program)
            spans = {name: own(plain(cast.get(name, name))) for name in found}
            found |= {name: Range(*span) for name, span in spans.items() if span}
        ranges = shared_by_concats(found, program)
    bad = [name for name, found in ranges.items() if not found.finite]
    if bad:
        raise UnsupportedModelError(
            f"'{bad[0]}' overflows float16 on the calibration data, so that it has no range",
            "keep it in float32",
        )
    optimize = ct.optimize.coreml
    config = optimize.OptimizationConfig(
        global_config=optimize.OpLinearQuantizerConfig(mode=mode),
        op_name_configs=dict.fromkeys(left),
    )
    with quiet(), _calibrated(ranges):
        return optimize.linear_quantize_activations(mlmodel, config, [{}])


def _left_in_float(program: Program, keep: Callable[[str], bool] | None) -> set[str]:
    """The ops that stay as they are: those asked for, sums of integers, and all in float32.

    coremltools looks at the kind of op alone, and gives its scales in float16.
    """
    candidates = [one for one in program.operations if one.op_type in _QUANTISED]
    if candidates and not any(one.outputs[0].dtype == "float16" for one in candidates):
        raise UnsupportedModelError(
            "the program computes in float32, and coremltools quantises activations of float16",
            "convert the model with float16 as its compute precision",
        )
    left = [
        one
        for one in candidates
        if one.outputs[0].dtype != "float16" or (keep and any(map(keep, _names(one))))
    ]
    return set().union(*map(_names, left))


def _names(operation: Operation) -> set[str]:
    """The op's own name and its value's: coremltools may go by the one, users by the other."""
    return {operation.name, operation.outputs[0].name}


@contextmanager
def _calibrated(ranges: Mapping[str, Range]) -> Iterator[None]:
    """Give coremltools these ranges where it would predict."""
    module = ct.optimize.coreml._post_training_quantization
    stats = {name: {"rmin": found.low, "rmax": found.high} for name, found in ranges.items()}
    original = module._get_activation_calibration_stats
    module._get_activation_calibration_stats = lambda *arguments: stats
    try:
        yield
    finally:
        module._get_activation_calibration_stats = original
