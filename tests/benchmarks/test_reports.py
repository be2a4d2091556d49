"""The reports, from one replayed run with everything in it."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from accepted import golden
from replay import TOYS, Replay, ReplayedDevice, Toy, make_artifacts
from rich.console import Console

from edgebench.benchmarks.diagnostic import Diagnostic
from edgebench.benchmarks.planning.request import RunRequest
from edgebench.benchmarks.report import html, markdown, terminal
from edgebench.benchmarks.report.headline import headline
from edgebench.benchmarks.report.verdicts import verdict
from edgebench.benchmarks.results import run_folder
from edgebench.benchmarks.results.compare import compare
from edgebench.benchmarks.results.comparison import (
    Comparison,
    HostComparison,
    ModelRow,
    OutputDrift,
)
from edgebench.benchmarks.runs import run as running
from edgebench.deploy.documents.result import Runtime
from edgebench.intervals import Estimate

ZOO = (
    *TOYS,
    Toy("big", "big", 300_800_000, 3_504_872, "untrained"),
    Toy("big_ca", "big", 306_700_000, 3_950_648, "untrained"),
)
OVERHEADS = {"scenes_v2": 0.0, "scenes_v2_se": 0.012, "scenes_v2_ca": 0.17, "big_ca": 0.19}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run with trained and untrained models, in two precisions."""
    make_artifacts(tmp_path / "artifacts", ZOO)
    level = {toy.model: 0.012 if toy.baseline == "big" else 0.002 for toy in ZOO}
    latency = {
        f"{model}.{precision}.tflite": seconds * share * (1 + OVERHEADS.get(model, 0.0))
        for model, seconds in level.items()
        for precision, share in (("fp32", 1.0), ("int8", 0.5))
    }
    accuracy = {
        f"{toy.model}.{precision}.tflite": toy.accuracy - loss
        for toy in TOYS
        for precision, loss in (("fp32", 0.0), ("int8", 0.02))
    }
    device = ReplayedDevice(
        latency,
        outputs_accuracy=accuracy,
        partitions={"scenes_v2_ca.int8.tflite": 3},
        errors={"big_ca.int8.tflite": "the runtime crashed (SIGSEGV)"},
    )
    request = RunRequest(
        str(tmp_path / "artifacts"), against_itself=True, out=str(tmp_path / "runs")
    )
    running.run(request, device, command="edgebench --device replayed --baseline 'a <b>'")
    return run_folder.latest(tmp_path / "runs", "replayed")


@pytest.fixture
def comparison(folder: Path) -> Comparison:
    result = run_folder.read_result(folder)
    run = run_folder.read_run(folder, result, "a device that replays", "edgebench --models 'a <b>'")
    return compare(run)


def on_terminal(comparison: Comparison, **options: object) -> str:
    stream = io.StringIO()
    terminal.render(comparison, Console(file=stream, width=80, **options))
    return stream.getvalue()


def test_the_terminal_report_is_the_accepted_one(comparison: Comparison) -> None:
    golden("terminal.txt", on_terminal(comparison))


def test_the_markdown_report_is_the_accepted_one(comparison: Comparison) -> None:
    text = markdown.render(comparison)
    golden("report.md", re.sub(r"- run: \S+", "- run: RUN", text))


def test_the_terminal_report_fits_in_80_columns_without_colour(comparison: Comparison) -> None:
    text = on_terminal(comparison)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text


def test_the_terminal_report_has_colour_where_the_terminal_has(comparison: Comparison) -> None:
    assert "\x1b[31m" in on_terminal(comparison, force_terminal=True, color_system="standard")


def test_every_report_says_untrained_where_weights_are(
    comparison: Comparison, folder: Path
) -> None:
    for text in (
        on_terminal(comparison),
        markdown.render(comparison),
        html.render(comparison, run_folder.read_result(folder)),
    ):
        assert "ntrained, measured for latency only: " in " ".join(text.split())


def reasons(row: ModelRow) -> tuple[Diagnostic, ...]:
    """Those of the row, or that the machine was busy."""
    assert row.verdict is not None
    return row.verdict.reasons or (Diagnostic("stolen_time", {"share": 0.5}),)


def test_why_a_file_did_not_run_is_said_where_the_whole_run_has_no_verdict(
    comparison: Comparison,
) -> None:
    groups = tuple(
        replace(
            group,
            rows=tuple(
                replace(
                    row, verdict=replace(row.verdict, outcome="no verdict", reasons=reasons(row))
                )
                if row.verdict
                else row
                for row in group.rows
            ),
        )
        for group in comparison.groups
    )
    said = " ".join(on_terminal(replace(comparison, groups=groups)).split())
    assert "No verdict" in said and said.count("the runtime crashed (SIGSEGV)") == 1


def test_counted_instructions_are_in_every_report_and_no_time_is(
    comparison: Comparison, folder: Path
) -> None:
    error = OutputDrift("logits", 41.0, 0.0)
    host = HostComparison(
        "x86_64", Runtime("host-litert", "2.3.0"), 200, Estimate(0.995, 0.97, 1), (error,)
    )
    counted = {
        **{"verdict": None, "overhead": None, "latency": None, "on_host": host},
        **{"instructions": 1_990_000, "instruction_overhead": 0.098},
    }
    groups = tuple(
        replace(group, rows=tuple(replace(row, **counted) for row in group.rows))
        for group in comparison.groups
    )
    comparison = replace(comparison, groups=groups, measures="instructions")
    for text in (
        on_terminal(comparison),
        markdown.render(comparison),
        html.render(comparison, run_folder.read_result(folder)),
    ):
        assert "1.99" in text and "+9.8 %" in text and "host-litert" in text
        assert "median ms" not in text and "first ms" not in text
    assert max(len(line) for line in on_terminal(comparison).splitlines()) <= 80


class Page(HTMLParser):
    """Collects what a page refers to, and checks that its tags are closed."""

    VOID = frozenset({"meta", "br", "line", "rect", "circle", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.labels: list[str | None] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.references += [str(v) for name, v in attributes if name in ("src", "href")]
        if tag == "svg":
            self.labels.append(dict(attributes).get("aria-label"))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_html_report_is_one_whole_page_of_its_own(comparison: Comparison, folder: Path) -> None:
    text = html.render(comparison, run_folder.read_result(folder))
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    assert page.references == []
    assert "<script" not in text and "@import" not in text and "url(" not in text
    assert len(page.labels) >= 2 + len(comparison.groups)
    assert all(page.labels)
    assert headline(comparison).answer in page.text
    for row in (row for group in comparison.groups for row in group.rows):
        assert verdict(row, comparison.threshold) in page.text


def test_the_html_report_escapes_what_users_name(comparison: Comparison, folder: Path) -> None:
    text = html.render(comparison, run_folder.read_result(folder))
    assert "'a <b>'" not in text
    assert "a &lt;b&gt;" in text


def test_a_run_without_a_single_sample_still_reports(replay: Replay, tmp_path: Path) -> None:
    slots = [f"{toy.model}.{p}.tflite" for toy in TOYS for p in ("fp32", "int8")]
    comparison = replay(ReplayedDevice(dict.fromkeys(slots, 0.002), blocks=0))
    result = run_folder.read_result(run_folder.latest(tmp_path / "runs", "replayed"))
    for text in (
        on_terminal(comparison),
        markdown.render(comparison),
        html.render(comparison, result),
    ):
        assert "No verdict" in text
        assert "--resume" in text


@pytest.mark.parametrize(("overhead", "start"), [(0.0, "Yes:"), (0.5, "No:"), (0.05, "Undecided:")])
def test_the_headline_answers_the_question(overhead: float, start: str, replay: Replay) -> None:
    latency = {"scenes_v2.fp32.tflite": 0.002, "scenes_v2_ca.fp32.tflite": 0.002 * (1 + overhead)}
    comparison = replay(
        ReplayedDevice(latency, noise=0.05), models=("scenes_v2_ca",), precisions=("fp32",)
    )
    assert headline(comparison).answer.startswith(start)


def test_the_cost_of_the_post_processing_is_not_called_attentions(replay: Replay) -> None:
    latency = {"scenes_v2.fp32.tflite": 0.002, "scenes_v2_ca.fp32.tflite": 0.004}
    comparison = replay(
        ReplayedDevice(latency, noise=0.05), models=("scenes_v2_ca",), precisions=("fp32",)
    )
    assert "attention costs" in headline(comparison).answer
    names = ("ssd+raw", "ssd")
    groups = [
        replace(
            group,
            rows=tuple(
                replace(row, model=name) for row, name in zip(group.rows, names, strict=False)
            ),
        )
        for group in comparison.groups
    ]
    answer = headline(replace(comparison, groups=tuple(groups))).answer
    assert "attention" not in answer and "over ssd+raw" in answer


def test_the_headline_of_a_run_against_itself_is_how_long_it_takes(replay: Replay) -> None:
    slots = {"scenes_v2.fp32.tflite": 0.002, "scenes_v2.int8.tflite": 0.001}
    comparison = replay(
        ReplayedDevice(slots), models=(), precisions=("fp32", "int8"), against_itself=True
    )
    found = headline(comparison)
    assert re.fullmatch(
        r"scenes_v2 takes 1\.\d+ ms \(tflite int8\) and 2\.\d+ ms \(tflite fp32\)\.", found.answer
    )
    assert found.detail == "2 of 2 show no difference against themselves."
    one = headline(replace(comparison, groups=comparison.groups[:1]))
    assert one.answer.startswith("scenes_v2 takes") and one.detail.startswith("No difference:")
