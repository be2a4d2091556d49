"""`edgebench drift` from the command line to its reports."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import made_tasks
import onnx
import pytest

from edgebench import console
from edgebench.cli import main
from edgebench.converters.drift.document import DriftReport
from edgebench.documents import load
from edgebench.errors import UnwritableError


def drift(source: Path, *words: str) -> int:
    return main(["drift", str(source), "--jobs", "1", *words])


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("drift")
    onnx.save(made_tasks.classifier(), folder / "colours.onnx")
    return folder / "colours.onnx", made_tasks.write_folders(folder / "data", 20)


def test_the_chain_of_a_users_model_with_a_device(
    classifier: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, data = classifier
    page, document = tmp_path / "drift.html", tmp_path / "drift.json"
    words = ["--to", "tflite:int8", "--data", data, "--device", "local", "--images", "30"]
    words += ["--out", str(tmp_path), "--html", str(page), "--json", str(document)]
    assert drift(source, *words) == 0
    said = capsys.readouterr()
    assert all(len(line) <= 80 for line in said.out.splitlines())
    report = load(document, DriftReport)
    (target,) = report.targets
    assert [hop.stage for hop in target.hops] == ["float", "file", "kernels", "device"]
    here, there = target.hops[2:]
    # The device is this machine, so that it computes what the kernels here do, bit for bit.
    assert there.before is not None and there.before.reference == here.name
    assert all(one.snr_db is None for one in there.before.outputs)
    assert there.images == 30
    assert there.source is not None and here.source is not None
    assert there.source.figures == here.source.figures
    for hop in target.hops:
        assert f" {hop.name} " in said.out
    assert report.calibration is not None and report.calibration.sha256[:16] in page.read_text()


@pytest.mark.parametrize(
    ("make", "write", "unit"),
    [
        (made_tasks.detector, made_tasks.write_coco, "boxes"),
        (made_tasks.segmenter, made_tasks.write_voc, "pixels"),
    ],
)
def test_every_task_has_its_own_agreement(
    tmp_path: Path, make: object, write: object, unit: str
) -> None:
    onnx.save(make(), tmp_path / "model.onnx")  # type: ignore[operator]
    data = write(tmp_path / "data", 40)  # type: ignore[operator]
    document = tmp_path / "drift.json"
    words = ["--to", "onnx:int8", "--data", data, "--json", str(document)]
    assert drift(tmp_path / "model.onnx", *words) == 0
    report = load(document, DriftReport)
    assert report.unit == unit
    file = next(hop for hop in report.targets[0].hops if hop.stage == "file")
    assert file.source is not None and file.source.agreement is not None
    assert 0.5 < file.source.agreement.value <= 1
    assert file.source.figures and file.source.figures[0].difference is not None


def test_stdout_is_the_document_alone_when_asked_for(
    classifier: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, data = classifier
    assert drift(source, "--to", "onnx:fp32", "--data", data, "--json") == 0
    assert json.loads(capsys.readouterr().out)["schema"] == DriftReport.SCHEMA


def test_a_target_that_cannot_be_made_leaves_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """TFLite has no tokens of strings; ONNX Runtime runs what TFLite refuses."""
    onnx.save(made_tasks.reader(), tmp_path / "reader.onnx")
    data = made_tasks.write_arrays(tmp_path / "data.npz", 60)
    words = ["--to", "onnx:fp32,openvino:fp32", "--data", data]
    assert drift(tmp_path / "reader.onnx", *words) == 0
    assert "onnx:fp32" in capsys.readouterr().out
    assert drift(tmp_path / "nothing.onnx", "--to", "onnx:fp32") == 1
    assert "not there" in capsys.readouterr().err


def test_a_device_file_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    console.save(pipe, "a report")
    reader.join()
    assert heard == ["a report"] and pipe.is_fifo()
    with pytest.raises(UnwritableError, match="No space left"):
        console.save(Path("/dev/full"), "a report")
    assert Path("/dev/full").is_char_device()


def test_a_device_that_runs_no_target_is_refused_at_once(
    classifier: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    source, data = classifier
    assert drift(source, "--to", "coreml:fp16", "--data", data, "--device", "local") == 2
    assert "local runs none of the targets" in capsys.readouterr().err
