"""LiteRT's compiler with Qualcomm's plugin and libraries, on real files."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import planted_operators
import pytest

from edgebench.deploy.npu import compiled_file, compiler, empty_library
from edgebench.deploy.npu.socs import QUALCOMM, SOCS, Soc, soc
from edgebench.errors import (
    DeviceError,
    InvalidFileError,
    MissingExtraError,
    UnknownNameError,
    UnsupportedModelError,
)

linux = pytest.mark.skipif(
    sys.platform != "linux" or sys.maxsize < 2**32, reason="Qualcomm's libraries are for Linux"
)


@linux
def test_the_systems_loader_takes_the_empty_library(tmp_path: Path) -> None:
    empty_library.write(tmp_path / "libNothing.so")
    library = ctypes.CDLL(str(tmp_path / "libNothing.so"))
    with pytest.raises(AttributeError):
        library.anything  # noqa: B018


@linux
@pytest.mark.parametrize("model", ["SM8350", "SM8550", "SM8650", "SM8750"])
def test_a_network_of_common_operators_is_taken_whole(
    toys: Path, tmp_path: Path, model: str
) -> None:
    made = compiler.compile_for(toys / "int8.tflite", soc(model), tmp_path / "made.tflite")
    placed = made.placement
    assert placed.whole and placed.taken == placed.operators > 0 and not placed.left
    known = SOCS[model]
    assert made.number == known.number and made.hexagon == known.hexagon
    (part,) = compiled_file.read(made.path).partitions
    assert part.size > 0 and part.offset + part.size <= made.path.stat().st_size


@linux
def test_every_soc_of_the_table_has_the_number_that_the_compiler_gives_it(
    toys: Path, tmp_path: Path
) -> None:
    for known in (one for one in SOCS.values() if one.vendor is QUALCOMM):
        plain = Soc(known.model, QUALCOMM)  # Without what the table says.
        made = compiler.compile_for(toys / "int8.tflite", plain, tmp_path / "made.tflite")
        assert made.number == known.number
        # The compiler says the version only where it is not the one that LiteRT asks for.
        assert made.hexagon in (known.hexagon, None)


@linux
@pytest.mark.slow
def test_attention_stays_on_the_npu_and_dynamic_quantisation_does_not(zoo: Path) -> None:
    for model in ("scenes_v2", "scenes_v2_se", "scenes_v2_cbam", "scenes_v2_ca"):
        for precision in ("int8", "fp32", "fp16"):
            path = zoo / f"{model}.{precision}.tflite"
            assert compiler.placement(path, soc("SM8650")).whole, path.name
    placed = compiler.placement(zoo / "scenes_v2.dynamic.tflite", soc("SM8650"))
    assert placed.taken < placed.operators
    assert len(placed.left) == placed.operators - placed.taken
    assert {"CONV_2D", "DEPTHWISE_CONV_2D"} & {one.type for one in placed.left}
    assert any(one.refused for one in placed.left)


@linux
def test_a_soc_that_the_compiler_does_not_know_is_named(toys: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="does not know SM8560") as caught:
        compiler.compile_for(toys / "int8.tflite", soc("SM8560"), tmp_path / "made.tflite")
    assert "did you mean" in caught.value.remedy
    assert not (tmp_path / "made.tflite").exists()


@linux
@pytest.mark.parametrize(
    ("model", "lacking"),
    [
        ("MT6989", "libneuron_adapter.so"),
        ("Tensor_G4", "liblitert_plugin_compiler.so"),
        ("E9965", "does not load"),
    ],
)
def test_what_another_vendors_compiler_lacks_is_named(
    toys: Path, tmp_path: Path, model: str, lacking: str
) -> None:
    with pytest.raises(DeviceError, match=lacking):
        compiler.compile_for(toys / "int8.tflite", soc(model), tmp_path / "made.tflite")


@linux
def test_a_file_that_is_no_model_is_refused(toys: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match=r"not a \.tflite"):
        compiler.placement(toys / "images.npz", soc("SM8650"))
    (tmp_path / "broken.tflite").write_bytes(b"nothing like it")
    with pytest.raises(InvalidFileError, match=r"broken\.tflite is not a \.tflite file"):
        compiler.placement(tmp_path / "broken.tflite", soc("SM8650"))


@linux
def test_an_input_of_no_fixed_size_is_refused_where_the_compiler_takes_it_as_1(
    toys: Path, tmp_path: Path
) -> None:
    path = tmp_path / "theirs.tflite"
    planted_operators.with_open_input(toys / "plain.tflite", (1, -1, -1, 3), path)
    with pytest.raises(UnsupportedModelError, match=r"no fixed size \(1 x \? x \? x 3\)"):
        compiler.placement(path, soc("SM8650"))
    # Only how many images are run at once is open: edgebench runs one.
    planted_operators.with_open_input(toys / "plain.tflite", (-1, 16, 16, 3), path)
    assert compiler.placement(path, soc("SM8650")).whole


def test_without_qualcomms_libraries_their_package_is_named(
    toys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        compiler.qualcomm_libraries()
    assert caught.value.remedy == "install it with: pip install 'edgebench[qnn]'"


def test_an_unknown_soc_lists_those_that_are_known() -> None:
    with pytest.raises(UnknownNameError, match="SM8650") as caught:
        soc("SM8650X")
    assert "did you mean 'SM8650'?" in caught.value.remedy
    assert soc("sm8650") is SOCS["SM8650"]
