"""What is given on a command line becomes frozen options, and what is not given is not guessed."""

from __future__ import annotations

import argparse
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from edgebench.cli import COMMANDS, build_parser
from edgebench.commands.common.measure_options import MODELS, PRECISIONS, MeasureOptions
from edgebench.commands.common.selection import select


def parsed(*words: str) -> Any:
    """The options of a command line."""
    given = argparse.Namespace(command_line=" ".join(words))
    namespace = build_parser().parse_args(words, given)
    return COMMANDS[namespace.command].options(namespace)


def measuring(*words: str) -> MeasureOptions:
    options: MeasureOptions = parsed("run", *words).measure
    return options


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Two files of another tool, which nobody reads here."""
    for name in ("old.tflite", "new.tflite"):
        (tmp_path / name).write_bytes(b"some model")
    return tmp_path


MINIMAL = {
    "bundle": ("scenes_v2", "--android"),
    "export": ("scenes_v2",),
    "drift": ("scenes_v2",),
    "estimate": ("a.tflite",),
    "compare": ("a", "b"),
    "search": ("resnet18_w025_s48",),
    "train": ("scenes_v2",),
    "devices": ("check", "local"),
}


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "devices"])
def test_options_are_frozen(command: str) -> None:
    options = parsed(command, *MINIMAL.get(command, ()))
    assert is_dataclass(options) and options.__dataclass_params__.frozen
    for field in fields(options):
        with pytest.raises(AttributeError):
            setattr(options, field.name, None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), None),
        (("--precisions", ",".join(PRECISIONS)), PRECISIONS),
        (("--precisions", "int8"), ("int8",)),
        (("--precisions", "all"), None),
    ],
)
def test_files_of_other_tools_have_the_precisions_that_are_given_or_their_own(
    theirs: Path, given: tuple[str, ...], expected: tuple[str, ...] | None
) -> None:
    options = measuring("--artifacts", str(theirs), "--baseline", "old", *given)
    selection = select(options)
    assert selection.precisions == expected
    assert selection.models == ("new",) and selection.external == {"old", "new"}


def test_models_of_the_zoo_have_the_precisions_that_are_given_or_the_usual(tmp_path: Path) -> None:
    where = ("--artifacts", str(tmp_path))
    assert select(measuring(*where)).precisions == PRECISIONS
    assert select(measuring("--precisions", "fp16", *where)).precisions == ("fp16",)
    assert select(measuring("--precisions", "all", *where)).precisions is None


def test_models_that_are_named_are_meant_even_if_they_are_the_usual_ones(theirs: Path) -> None:
    where = ("--artifacts", str(theirs), "--baseline", "old")
    assert select(measuring(*where)).models == ("new",)
    assert select(measuring(*MODELS, *where)).models == MODELS


def test_a_baseline_without_a_name_is_not_one_that_was_not_given(tmp_path: Path) -> None:
    where = ("--artifacts", str(tmp_path))
    assert select(measuring("--baseline", "", *where)).baseline == ""
    assert select(measuring(*where)).baseline is None


def test_values_like_the_default_or_nothing_are_given_all_the_same() -> None:
    options = measuring("--seed", "0", "--threads", "1", "--cores", "0", "--device", "local")
    assert (options.seed, options.threads, options.cores) == (0, 1, (0,))
    assert options.devices == ("local",) and measuring().devices is None
    for name in ("models", "baseline", "precisions", "budget_s", "detect", "cores", "resume"):
        assert getattr(measuring(), name) is None, name
    assert parsed("export", "scenes_v2", "--mean", "0,0,0").mean == (0, 0, 0)


def test_the_latest_run_and_one_without_a_name_are_told_apart() -> None:
    for words, run in ((("--resume",), None), (("--resume", ""), ""), (("--resume", "x"), "x")):
        resume = measuring(*words).resume
        assert resume is not None and resume.run == run
    assert parsed("report").run is None and parsed("report", "").run == ""
