"""What a precision costs: told when it is large, refused only where the user asked for it."""

from __future__ import annotations

from collections.abc import Iterator

from edgebench.converters.artifact import Hop
from edgebench.converters.targets import Target
from edgebench.errors import AgreementError, UsageError
from edgebench.intervals import Estimate

LARGE = 0.95
"""An agreement whose interval lies below is worth a warning."""

LARGE_DB = 10.0
"""An SNR below is, where there are no classes."""

FINER = {
    "int8": {"tflite": "int16x8", "onnx": "fp16", "openvino": "fp16"},
    "int8f": {"tflite": "int16x8"},
    "int8r": {"onnx": "int8", "openvino": "int8"},
    "int16x8": {"tflite": "fp16"},
    "dynamic": {"tflite": "fp16"},
    "w8a8": {"coreml": "int8w"},
    "int8w": {"coreml": "fp16"},
    "palettized4": {"coreml": "palettized6"},
    "palettized6": {"coreml": "fp16"},
}
"""The next precision that keeps more, by precision and format; float32 for all others."""


def check_known(required: float | None, known: bool) -> None:
    """Raise `UsageError` where an agreement is required that cannot be measured."""
    if required is not None and not known:
        raise UsageError(
            "--require-agreement needs a trained model, a task, and data to compare on",
            "give images with --data or --calibration, and name the task with --task",
        )


def check(required: float | None, target: Target, hop: Hop, unit: str) -> None:
    """Raise `AgreementError` where the whole interval of the agreement is below what is required.

    An interval that holds the required share says that there are too few samples to decide. `unit`
    is what agrees, such as images.
    """
    if required is not None and not fulfils(required, hop):
        raise AgreementError(
            f"{target} agrees with the ONNX graph in {_share(hop, unit)}; required is "
            f"{100 * required:.4g} %",
            f"the file was not written; {_remedy(target)}",
        )


def fulfils(required: float, hop: Hop) -> bool:
    """Whether an agreement may be what is required: its interval does not lie below."""
    return hop.agreement is not None and hop.agreement.high >= required


def warnings(
    name: str, target: Target, hop: Hop, unit: str, meaningful: bool, required: float | None
) -> Iterator[str]:
    """Sentences on what the precision costs where that is large or cannot be decided."""
    agreement = hop.agreement
    if required is not None and agreement is not None and agreement.low < required:
        yield (
            f"{name} in {target}: too few samples to decide whether the agreement in "
            f"{_share(hop, unit)} is {100 * required:.4g} %; give more with --data"
        )
    if not meaningful:
        return
    if agreement is not None and agreement.high < LARGE:
        share = _share(hop, unit)
        yield f"{name} in {target} agrees with the ONNX graph in {share}; {_remedy(target)}"
    if agreement is None and hop.snr_db is not None and hop.snr_db < LARGE_DB:
        yield f"{name} in {target} keeps its outputs at {hop.snr_db:.1f} dB; {_remedy(target)}"
    part = hop.part
    if part is not None and 0 < part.lost < part.count:
        yield (
            f"{name} in {target} loses {part.lost} of the {part.count} indices along axis "
            f"{part.axis} of the output '{part.output}' (index {part.index} has "
            f"{part.snr_db:.1f} dB): they are small beside the others and share their scale; give "
            f"them an output of their own, or export {target.format}:{_finer(target)}"
        )


def _remedy(target: Target) -> str:
    remedy = f"for more accuracy, export {target.format}:{_finer(target)}"
    if target.needs_calibration:
        remedy += ", or calibrate with more inputs like those that the model will see"
    return remedy


def _finer(target: Target) -> str:
    return FINER.get(target.base, {}).get(target.format, "fp32")


def _share(hop: Hop, unit: str) -> str:
    assert hop.agreement is not None
    return f"{interval(hop.agreement)} % of the {unit} ({hop.samples} samples)"


def interval(share: Estimate) -> str:
    """A share and its 95 % interval in per cent: 98.0 [95.5, 99.2]."""
    return f"{100 * share.value:.1f} [{100 * share.low:.1f}, {100 * share.high:.1f}]"
