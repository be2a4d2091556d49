from __future__ import annotations

import importlib.util

import pytest

from edgebench.converters import targets
from edgebench.converters.targets import FORMATS, Target, expand, parse, require
from edgebench.errors import MissingExtraError, UnknownNameError


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_alone_means_its_first_precision(name: str) -> None:
    assert parse(name) == Target(name, "fp32")


def test_every_target_reads_back_what_it_prints() -> None:
    for name, form in FORMATS.items():
        for precision in form.precisions:
            assert parse(str(Target(name, precision))) == Target(name, precision)


@pytest.mark.parametrize(
    ("text", "near"), [("tflight:int8", "tflite"), ("tflite:int", "int8"), ("onnx:int16x8", "fp32")]
)
def test_unknown_names_list_the_known_ones(text: str, near: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        parse(text)
    assert near in caught.value.remedy


def test_only_precisions_with_set_ranges_need_calibration() -> None:
    needing = {p for p in FORMATS["tflite"].precisions if Target("tflite", p).needs_calibration}
    assert needing == {"int8", "int8f", "int16x8"}


def test_our_table_and_the_tflite_converter_agree_on_precisions() -> None:
    from edgebench.converters.tflite.precisions import PRECISIONS

    assert set(PRECISIONS) == set(FORMATS["tflite"].precisions)
    for name, precision in PRECISIONS.items():
        assert precision.needs_calibration == Target("tflite", name).needs_calibration


@pytest.mark.parametrize(
    ("package", "name"), [("tensorflow", "tflite"), ("openvino", "openvino"), ("nncf", "openvino")]
)
def test_a_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, name: str
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        targets.importlib.util, "find_spec", lambda n: None if n == package else real(n)
    )
    require(parse("onnx"))
    with pytest.raises(MissingExtraError) as caught:
        require(parse(name))
    assert package in caught.value.message
    assert f"edgebench[{name}]" in caught.value.remedy


def test_all_means_every_target_and_a_format_s_all_every_one_of_it() -> None:
    everything = {Target(name, p) for name, form in FORMATS.items() for p in form.precisions}
    found, notes = expand(["all"])
    assert set(found) == everything and not notes
    assert set(expand(["tflite:all"])[0]) == {t for t in everything if t.format == "tflite"}
    assert set(expand(["all:fp32"])[0]) == {t for t in everything if t.precision == "fp32"}
    assert expand(["tflite:int8", "tflite:int8", "onnx"])[0] == (
        Target("tflite", "int8"),
        Target("onnx", "fp32"),
    )


def test_all_leaves_out_what_is_not_installed_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        targets.importlib.util, "find_spec", lambda n: None if n == "tensorflow" else real(n)
    )
    found, notes = expand(["all"])
    assert found and not any(target.format == "tflite" for target in found)
    assert len(notes) == 1 and "edgebench[tflite]" in notes[0]
    assert Target("tflite", "fp32") in expand(["tflite:all"])[0]  # Asked for by name.


@pytest.mark.parametrize("text", ["tflight:all", "all:int9"])
def test_all_of_something_unknown_lists_the_known_ones(text: str) -> None:
    with pytest.raises(UnknownNameError, match=text.replace("tflight:all", "tflight")):
        expand([text])
