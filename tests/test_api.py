"""edgebench from Python: what the README shows, and the errors of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import edgebench
from edgebench.api import Run
from edgebench.converters.artifact import Artifact
from edgebench.errors import EdgeBenchError, UnknownNameError, UsageError


class Net(nn.Module):
    """A small classifier; `wide` is what it costs."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, wide, 3, 2, 1)
        self.head = nn.Linear(wide, 4)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.conv(picture).relu().mean((2, 3)))
        return out


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Artifact, ...]]:
    out = tmp_path_factory.mktemp("api")
    torch.manual_seed(0)
    return {
        name: edgebench.export(
            Net(wide), to=["onnx"], name=name, input_shape=(1, 3, 24, 24), out=out
        )
        for name, wide in (("small", 8), ("large", 64))
    }


@pytest.fixture(scope="module")
def run(
    artifacts: dict[str, tuple[Artifact, ...]], tmp_path_factory: pytest.TempPathFactory
) -> Run:
    return edgebench.run(
        artifacts["large"],
        baseline=artifacts["small"],
        device="local",
        detect="50%",
        out=tmp_path_factory.mktemp("runs"),
    )


def test_a_module_is_exported_under_its_name(artifacts: dict[str, tuple[Artifact, ...]]) -> None:
    assert [one.path.name for one in artifacts["small"]] == ["small.fp32.onnx"]
    assert artifacts["small"][0].manifest.hops[0].step == "torch->onnx"


def test_a_run_has_the_command_lines_dataclasses(run: Run) -> None:
    (row,) = run.comparison.rows
    assert row.model == "large"
    assert row.overhead is not None
    assert row.overhead.interval.low <= row.overhead.value <= row.overhead.interval.high
    assert re.fullmatch(r"[+-]\S+ % \[\S+, \S+\]", str(row.overhead))  # As README prints it.
    assert len(repr(row.overhead)) < 400  # Without the blocks.
    assert (run.folder / "comparison.json").exists()


def test_a_run_shows_its_tables_in_a_notebook(run: Run) -> None:
    shown = run._repr_html_()
    assert "<table>" in shown and "<td>large</td>" in shown
    assert shown.count("<table>") == shown.count("</table>")


def test_a_run_is_read_back(run: Run) -> None:
    assert edgebench.load_run(run.folder).comparison == run.comparison


def test_two_runs_are_compared(run: Run) -> None:
    change = edgebench.compare(run, run, fail_above="5%")
    assert change.limit == pytest.approx(0.05)
    assert [shift.model for shift in change.shifts]


def test_the_devices_are_those_of_the_registry() -> None:
    assert {"local", "pixel7", "rpi5"} <= {entry.name for entry in edgebench.devices()}


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (lambda a: edgebench.run((), baseline="small"), UsageError),
        (lambda a: edgebench.run(a["large"], baseline=()), UsageError),
        (lambda a: edgebench.run(a["large"], "small", device="no-such"), UnknownNameError),
        (lambda a: edgebench.run(a["large"], "small", budget="soon"), UsageError),
        (lambda a: edgebench.run(a["large"], (*a["large"], *a["small"])), UsageError),
        (lambda a: edgebench.export("no_such_model"), UnknownNameError),
        (lambda a: edgebench.export(Net(4)), UsageError),
        (lambda a: edgebench.load_run("no-such-folder"), EdgeBenchError),
    ],
)
def test_what_is_wrong_is_an_error_with_a_message(
    what,  # type: ignore[no-untyped-def]
    error: type[EdgeBenchError],
    artifacts: dict[str, tuple[Artifact, ...]],
) -> None:
    with pytest.raises(error):
        what(artifacts)


def test_what_the_readme_shows_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = Path(__file__, "../../README.md").resolve().read_text()
    (shown,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    for name, small in (("224, 224", "24, 24"), ("60s", "2s"), ("tflite:int8", "onnx:int8")):
        assert name in shown
        shown = shown.replace(name, small)
    monkeypatch.chdir(tmp_path)
    for label in range(4):
        (tmp_path / "photos" / str(label)).mkdir(parents=True)
        for i in range(8):
            picture = Image.new("RGB", (24, 24), (60 * label, 30 * i, 99))
            picture.save(tmp_path / "photos" / str(label) / f"{i}.png")
    names = {"net": Net(64), "old": Net(8)}
    exec(shown, names)
    assert names["run"].comparison.rows[0].model == "fast"  # type: ignore[attr-defined]


def test_importing_edgebench_imports_no_framework() -> None:
    program = (
        "import sys, edgebench; edgebench.export; edgebench.devices();"
        "assert not {'torch', 'onnx', 'tensorflow', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_edgebench_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'exports'"):
        edgebench.exports  # noqa: B018


def test_a_models_file_is_named_by_a_path(tmp_path: Path) -> None:
    with pytest.raises(EdgeBenchError, match="not there"):
        edgebench.export(Path("missing.onnx"), out=tmp_path)
