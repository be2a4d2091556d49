"""What LiteRT's compiler for NPUs prints, read as data: logs of real runs, whole and cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.deploy.npu import compiler_log

SAMPLES = Path(__file__).parent / "samples" / "npu"


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.log").read_text(errors="replace")


def test_what_was_taken_and_what_was_refused_is_read() -> None:
    found = compiler_log.read(sample("qualcomm_detector"))
    assert (found.selected, found.operators, found.partitions) == (260, 273, 4)
    assert (found.number, found.hexagon) == (57, 75)
    assert found.sdk == "2.51.0.260929181845"
    assert found.refused["labels_all/ArgMax"] == ("SFIXED_POINT_8", "INT_64")
    assert found.refused["idx2/Reshape"] == ("INT_64", "INT_64")


def test_traffic_is_the_sum_over_the_partitions() -> None:
    found = compiler_log.read(sample("qualcomm_detector"))
    written, read = 51200 + 4096 + 2048 + 2048, 3528704 + 38912 + 2048 + 2048
    assert found.traffic_bytes == written + read


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("sm8250", "SoC model: SM8250"),
        ("mt6989", "NeuronAdapter shared library"),
        ("e9965", "undefined symbol: _ZN11flatbuffers13ClassicLocale9instance_E"),
        ("tensor_g4", "liblitert_plugin_compiler.so"),
        # QNN took all operators, and then could not make one of them on the oldest NPU.
        (
            "qualcomm_landmarks",
            '"add_8/ElementWiseBinary_174_LiteRt_OpId_42" generated: could not create op',
        ),
    ],
)
def test_why_nothing_was_made_is_the_compilers_own_reason(log: str, reason: str) -> None:
    assert compiler_log.reason(sample(log)) == reason
    assert compiler_log.read(sample(log)).operators is None


def test_a_log_of_several_subgraphs_is_added_up() -> None:
    text = "".join(
        f"Partitioned subgraph<{number}>, selected {taken} ops, from a total of {every} ops. "
        f"resulted in {parts} partitions.\n"
        for number, taken, every, parts in ((0, 5, 7, 2), (1, 1, 1, 1))
    )
    found = compiler_log.read(text)
    assert (found.selected, found.operators, found.partitions) == (6, 8, 3)


@given(st.data())
def test_missing_lines_make_it_neither_fail_nor_invent(data: st.DataObject) -> None:
    whole = sample("qualcomm_detector").splitlines()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    cut = "\n".join(whole[:start] + whole[end:])
    found = compiler_log.read(cut)
    assert found.operators in (None, 273)
    compiler_log.reason(cut)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert compiler_log.read(text).operators is None
    assert compiler_log.reason(text)
