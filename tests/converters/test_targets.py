from __future__ import annotations

import importlib.util

import pytest

from edgebench.converters import targets
from edgebench.converters.targets import FORMATS, Target, parse, require
from edgebench.errors import MissingExtraError, UnknownNameError


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_alone_means_its_first_precision(name: str) -> None:
    assert parse(name) == Target(name, "fp32")


def test_every_target_reads_back_what_it_prints() -> None:
    for name, form in FORMATS.items():
        for precision in form.precisions:
            assert parse(str(Target(name, precision))) == Target(name, precision)


@pytest.mark.parametrize(
    ("text", "near"), [("tflight:int8", "tflite"), ("tflite:int", "int8"), ("onnx:int8", "fp32")]
)
def test_unknown_names_list_the_known_ones(text: str, near: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        parse(text)
    assert near in caught.value.remedy


def test_only_precisions_with_set_ranges_need_calibration() -> None:
    needing = {p for p in FORMATS["tflite"].precisions if Target("tflite", p).needs_calibration}
    assert needing == {"int8", "int8f", "int16x8"}


def test_our_table_and_the_tflite_converter_agree_on_precisions() -> None:
    from edgebench.converters.tflite.convert import PRECISIONS

    assert set(PRECISIONS) == set(FORMATS["tflite"].precisions)
    for name, precision in PRECISIONS.items():
        assert precision.needs_calibration == Target("tflite", name).needs_calibration


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        targets.importlib.util, "find_spec", lambda n: None if n == "tensorflow" else real(n)
    )
    require(parse("onnx"))
    with pytest.raises(MissingExtraError) as caught:
        require(parse("tflite"))
    assert "edgebench[tflite]" in caught.value.remedy
