from __future__ import annotations

import dataclasses
import errno
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from permissions import closed
from tiny_models import CLASSES, SIDE, Write, tiny_cnn
from zoo import copy

from edgebench.converters.artifact import Artifact, find_artifacts, open_artifact
from edgebench.converters.export import convert
from edgebench.converters.export.export import export, export_many
from edgebench.converters.export.request import ExportRequest
from edgebench.converters.onnxruntime import target as onnx_target
from edgebench.converters.targets import Target, parse
from edgebench.converters.tflite import target
from edgebench.errors import (
    DataError,
    EdgeBenchError,
    InvalidFileError,
    ParityError,
    UnknownNameError,
    UnwritableError,
    UsageError,
)

ONNX, FP32, INT8 = parse("onnx"), parse("tflite"), parse("tflite:int8")


def request(source: Path | str, out: Path, *targets: Target, **options: object) -> ExportRequest:
    return ExportRequest(str(source), targets or (ONNX,), out, **options)  # type: ignore[arg-type]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*")}


@pytest.fixture(scope="module")
def exported(
    tmp_path_factory: pytest.TempPathFactory, photos: Path
) -> tuple[ExportRequest, tuple[Artifact, ...]]:
    """The tiny model in three targets, with labels and normalisation."""
    folder = tmp_path_factory.mktemp("exported")
    onnx.save(tiny_cnn(("N", 3, "S", "S")), folder / "tiny.onnx")
    (folder / "labels.txt").write_text("\n".join(f"class {i}" for i in range(CLASSES)) + "\n")
    asked = request(
        folder / "tiny.onnx",
        folder / "out",
        ONNX,
        FP32,
        INT8,
        calibration=str(photos),
        input_shapes=(1, 3, SIDE, SIDE),
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        labels=folder / "labels.txt",
        command="edgebench export tiny.onnx",
    )
    return asked, export(asked).artifacts


def test_a_users_file_comes_out_in_every_target_with_its_manifest(
    exported: tuple[ExportRequest, tuple[Artifact, ...]],
) -> None:
    asked, artifacts = exported
    assert [a.key for a in artifacts] == ["tiny.fp32.onnx", "tiny.fp32.tflite", "tiny.int8.tflite"]
    for artifact in artifacts:
        found = open_artifact(artifact.path)
        assert found == artifact
        manifest = found.manifest
        assert manifest.weights == "unknown"
        assert manifest.labels is not None and len(manifest.labels) == CLASSES
        assert manifest.preprocessing is not None
        assert manifest.preprocessing.mean == (0.5, 0.5, 0.5)
        assert manifest.command == asked.command
        assert manifest.evaluation is None
        assert manifest.tools["onnx"] == onnx.__version__


def test_formats_in_processes_of_their_own_make_the_same_files(
    exported: tuple[ExportRequest, tuple[Artifact, ...]], tmp_path: Path
) -> None:
    asked, artifacts = exported
    steps: list[str] = []
    apart = dataclasses.replace(asked, out=tmp_path)
    (done,) = export_many([apart], 2, lambda step, *_: steps.append(step))
    assert [a.key for a in done.artifacts] == [a.key for a in artifacts]
    assert files(tmp_path) == files(asked.out)
    assert {"prove onnx:fp32", "prove tflite:int8", "write"} <= set(steps)


def test_a_format_whose_process_ends_leaves_the_others_written(
    exported: tuple[ExportRequest, tuple[Artifact, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process of TFLite's ends while it imports TensorFlow."""
    (tmp_path / "tensorflow.py").write_text("import os\nos._exit(9)\n")
    monkeypatch.syspath_prepend(tmp_path)
    asked = dataclasses.replace(exported[0], out=tmp_path / "out")
    with pytest.raises(EdgeBenchError, match=r"2 of 3 .*exit status 9.*the others are written"):
        export_many([asked], 2)
    assert set(files(asked.out)) == {"tiny.fp32.onnx", "tiny.fp32.onnx.json"}


def test_manifests_describe_the_tensors_as_the_file_has_them(
    exported: tuple[ExportRequest, tuple[Artifact, ...]],
) -> None:
    as_onnx, fp32, int8 = (artifact.manifest for artifact in exported[1])
    assert (as_onnx.inputs[0].shape, as_onnx.inputs[0].axes) == ((1, 3, SIDE, SIDE), (0, 1, 2, 3))
    assert (fp32.inputs[0].shape, fp32.inputs[0].axes) == ((1, SIDE, SIDE, 3), (0, 2, 3, 1))
    assert fp32.inputs[0].quantization is None
    assert int8.inputs[0].dtype == int8.outputs[0].dtype == "int8"
    assert int8.inputs[0].quantization is not None


def test_only_calibrated_artifacts_name_calibration_data(
    exported: tuple[ExportRequest, tuple[Artifact, ...]],
) -> None:
    as_onnx, fp32, int8 = (artifact.manifest for artifact in exported[1])
    assert as_onnx.calibration is None
    assert fp32.calibration is None
    assert int8.calibration is not None and int8.calibration.samples == 12


def test_a_second_export_imports_no_framework_and_touches_nothing(
    exported: tuple[ExportRequest, tuple[Artifact, ...]],
) -> None:
    asked, artifacts = exported
    before = {a.path: a.path.stat().st_mtime_ns for a in artifacts}
    program = (
        "import pickle, sys\n"
        "from edgebench.converters.export.export import export\n"
        "done = export(pickle.load(sys.stdin.buffer))\n"
        "assert len(done.artifacts) == 3 and not done.made, done.made\n"
        "assert not {'torch', 'tensorflow', 'onnxruntime'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], input=pickle.dumps(asked), check=True)
    assert {a.path: a.path.stat().st_mtime_ns for a in artifacts} == before


@pytest.mark.parametrize("change", ["labels", "mean", "source", "calibration"])
def test_whatever_an_artifact_is_made_from_makes_it_stale(
    exported: tuple[ExportRequest, tuple[Artifact, ...]], tmp_path: Path, photos: Path, change: str
) -> None:
    from edgebench.converters.export.request import fingerprint

    asked, artifacts = exported
    other = tmp_path / "other"
    if change == "labels":
        other.write_text("a\nb\nc\nd\ne\n")
        changed = dataclasses.replace(asked, labels=other)
    elif change == "mean":
        changed = dataclasses.replace(asked, mean=(0.4, 0.5, 0.5))
    elif change == "calibration":
        other.mkdir()
        (other / "a.png").write_bytes(b"")
        changed = dataclasses.replace(asked, calibration=str(other))
    else:
        path = tmp_path / "tiny.onnx"
        model = onnx.load(asked.source)
        model.producer_name = "another"
        onnx.save(model, path)
        changed = dataclasses.replace(asked, source=str(path))
    assert fingerprint(asked, INT8) == artifacts[2].manifest.fingerprint
    assert fingerprint(changed, INT8) != artifacts[2].manifest.fingerprint


def test_a_damaged_artifact_is_made_again(write: Write, tmp_path: Path) -> None:
    asked = request(write(), tmp_path / "out")
    (artifact,) = export(asked).artifacts
    artifact.path.write_bytes(b"damaged")
    done = export(asked)
    assert done.made == ("tiny.fp32.onnx",)
    assert open_artifact(artifact.path) == done.artifacts[0]


def test_force_makes_again_what_is_up_to_date(write: Write, tmp_path: Path) -> None:
    asked = request(write(), tmp_path / "out")
    export(asked)
    assert not export(asked).made
    assert export(dataclasses.replace(asked, force=True)).made


def corrupted(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with one weight of its convolution changed."""
    changed = onnx.ModelProto.FromString(model.SerializeToString())
    conv = next(node for node in changed.graph.node if node.op_type == "Conv")
    for tensor in changed.graph.initializer:
        if tensor.name == conv.input[1]:
            weights = numpy_helper.to_array(tensor).copy()
            weights[2, 1, 1, 1] += 2.0
            tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    return changed


def test_a_planted_fault_stops_its_target_alone_and_names_the_layer(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = target.convert_all
    monkeypatch.setattr(target, "convert_all", lambda model, *rest: real(corrupted(model), *rest))
    with pytest.raises(ParityError, match=r"onnx->tflite:fp32 .*(the_conv|the_relu)"):
        export(request(write(), tmp_path / "out", FP32))
    assert not (tmp_path / "out").exists()
    with pytest.raises(EdgeBenchError, match=r"1 of 2 .*the_(conv|relu).*; the others are written"):
        export(request(write(), tmp_path / "out", ONNX, FP32))
    assert not list((tmp_path / "out").glob("*.tflite*"))
    assert [one.manifest.format for one in find_artifacts(tmp_path / "out")] == ["onnx"]


def test_what_is_wrong_in_float32_is_refused_in_every_precision_of_the_format(
    write: Write, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight bits alone would let it through: one weight of many is wrong."""
    real = target.convert_all
    monkeypatch.setattr(target, "convert_all", lambda model, *rest: real(corrupted(model), *rest))
    asked = request(write(), tmp_path / "out", INT8, calibration=str(photos))
    with pytest.raises(ParityError, match=r"onnx->tflite:fp32 .*the_(conv|relu)") as caught:
        export(asked)
    assert "report it" in caught.value.remedy and "calibrat" not in caught.value.remedy
    asked = dataclasses.replace(asked, targets=(ONNX, FP32, INT8))
    with pytest.raises(EdgeBenchError, match=r"2 of 3 targets .*: tflite:fp32, tflite:int8: onnx"):
        export(asked)
    assert [one.manifest.format for one in find_artifacts(tmp_path / "out")] == ["onnx"]


def test_what_is_wrong_in_eight_bits_alone_is_refused_alone(
    write: Write, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = onnx_target.to_int8

    def one_wrong(*arguments: Any, **options: Any) -> onnx.ModelProto:
        made: onnx.ModelProto = real(*arguments, **options)
        for tensor in made.graph.initializer:
            weights = numpy_helper.to_array(tensor).copy()
            if weights.ndim == 4:
                weights[2] = -weights[2]
                tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
                return made
        raise AssertionError("no weights of a convolution")

    monkeypatch.setattr(onnx_target, "to_int8", one_wrong)
    asked = request(
        write(), tmp_path / "out", ONNX, parse("onnx:int8"), INT8, calibration=str(photos)
    )
    with pytest.raises(
        EdgeBenchError, match=r"1 of 3 .*onnx->onnx:int8 .*the_(conv|relu).*rounding explains"
    ):
        export(asked)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("tiny.fp32.onnx", "tiny.fp32.onnx.json"),
        *("tiny.int8.tflite", "tiny.int8.tflite.json"),
    ]


def test_values_that_half_precision_cannot_hold_are_named(write: Write, tmp_path: Path) -> None:
    helper = onnx.helper
    nodes = [
        helper.make_node("Mul", ["x", "large"], ["a"], name="first"),
        helper.make_node("Mul", ["a", "large"], ["b"], name="too_large"),
        helper.make_node("Div", ["b", "large"], ["c"], name="back"),
        helper.make_node("Sqrt", ["c"], ["y"], name="last"),
    ]
    ports = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 8]) for name in ("x", "y")
    ]
    large = [numpy_helper.from_array(np.full((1, 8), 5e3, np.float32), "large")]
    made = helper.make_graph(nodes, "large", ports[:1], ports[1:], large)
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(made, opset_imports=[opset], ir_version=8)
    with pytest.raises(ParityError, match=r"values of \w+ \(Mul\) do not fit") as caught:
        export(request(write(model), tmp_path / "out", parse("onnx:fp16")))
    assert "onnx:fp32" in caught.value.remedy


def fill_the_disk_after(monkeypatch: pytest.MonkeyPatch, writes: int) -> None:
    real = Path.write_bytes
    left = [writes]

    def write_bytes(path: Path, data: bytes) -> int:
        if left[0] == 0:
            real(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)


def test_a_full_disk_leaves_the_old_artifacts_whole(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = write(), tmp_path / "out"
    export(request(source, out))
    before = files(out)
    real = onnx.load(source)
    real.producer_name = "changed"
    source.write_bytes(real.SerializeToString())
    real_make = convert.make

    def made_as_the_disk_fills(*arguments: Any) -> convert.Made:
        made = real_make(*arguments)
        fill_the_disk_after(monkeypatch, 0)
        return made

    monkeypatch.setattr(convert, "make", made_as_the_disk_fills)
    with pytest.raises(UnwritableError, match="No space left"):
        export(request(source, out))
    assert files(out) == before


def test_an_out_folder_that_cannot_be_made_is_an_error_of_its_own(
    write: Write, tmp_path: Path
) -> None:
    (tmp_path / "occupied").write_text("a file")
    with pytest.raises(UnwritableError, match="occupied"):
        export(request(write(), tmp_path / "occupied" / "out"))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        pytest.param({"mean": (0.5,)}, UsageError, id="mean without std"),
        pytest.param({"mean": (0.5,), "std": (0.0,)}, UsageError, id="std of zero"),
        pytest.param({"mean": (0.5,), "std": (0.1, 0.1)}, UsageError, id="of other lengths"),
        pytest.param({"weights": Path("w.pth")}, UsageError, id="weights for a file"),
        pytest.param({"labels": Path("absent.txt")}, DataError, id="no labels file"),
        pytest.param({"calibration": "absent"}, DataError, id="no calibration folder"),
        pytest.param({"calibration": "random"}, DataError, id="noise for a user's file"),
    ],
)
def test_requests_that_do_not_fit_are_refused(
    write: Write, tmp_path: Path, options: dict[str, object], error: type[EdgeBenchError]
) -> None:
    with pytest.raises(error):
        export(request(write(), tmp_path / "out", **options))
    assert not (tmp_path / "out").exists()


def test_int8_of_a_users_file_asks_for_calibration(write: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        export(request(write(), tmp_path / "out", INT8))
    assert "--calibration" in caught.value.remedy


def test_labels_that_do_not_count_as_the_classes_are_refused(write: Write, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\n")
    with pytest.raises(UsageError, match=f"2 labels, and the model has {CLASSES}"):
        export(request(write(), tmp_path / "out", labels=labels))


def test_unknown_sources_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="mobilenet_v9"):
        export(request("mobilenet_v9", tmp_path))
    with pytest.raises(InvalidFileError, match=r"absent\.onnx"):
        export(request(tmp_path / "absent.onnx", tmp_path))


def test_one_failure_among_several_leaves_the_others_exported(write: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    good = [write(name=f"good_{i}.onnx") for i in range(2)]
    bad = write(tiny_cnn(("N", 3, SIDE, SIDE)), name="bad.onnx")
    with pytest.raises(EdgeBenchError, match=r"1 of 3 models .* bad: .*\(N, 3, 16, 16\)"):
        export_many([request(path, out) for path in (good[0], bad, good[1])], jobs=2)
    assert {p.name for p in out.glob("*.onnx")} == {"good_0.fp32.onnx", "good_1.fp32.onnx"}


def test_two_files_of_one_name_are_refused_before_any_work(tmp_path: Path) -> None:
    requests = []
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        onnx.save(tiny_cnn(), tmp_path / run / "best.onnx")
        requests.append(request(tmp_path / run / "best.onnx", tmp_path / "out"))
    with pytest.raises(UsageError, match=r"a/best\.onnx and .*b/best\.onnx .*best\.fp32\.onnx"):
        export_many(requests, jobs=1)
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_written_is_noticed_before_the_work(
    write: Write, tmp_path: Path
) -> None:
    source, heard = write(), list[str]()
    out = tmp_path / "out"
    out.mkdir()
    with closed(out, 0o555), pytest.raises(UnwritableError, match="may not be written to"):
        export(request(source, out / "deeper"), lambda step, done, total: heard.append(step))
    with pytest.raises(UnwritableError, match="is not a folder"):
        export_many([request(source, source / "out")], 1, lambda *step: heard.append(str(step)))
    assert heard == [] and list(out.iterdir()) == []


@pytest.mark.slow
def test_a_trained_model_keeps_its_answers_in_every_precision(zoo: Path) -> None:
    manifests = {
        kind: open_artifact(zoo / f"scenes_v2.{kind}.tflite").manifest
        for kind in ("fp32", "fp16", "int8")
    }
    snr = {kind: manifest.hops[-1].snr_db or 0.0 for kind, manifest in manifests.items()}
    assert snr["fp32"] > snr["fp16"] > snr["int8"]
    for manifest in manifests.values():
        assert manifest.weights == "trained"
        assert manifest.hops[0].step == "torch->onnx"
        agreement = manifest.hops[-1].agreement
        assert agreement is not None and agreement.value > 0.9
    evaluation = manifests["int8"].evaluation
    assert evaluation is not None
    with np.load(zoo / evaluation.inputs) as inputs:
        images, labels = inputs["images"], inputs["labels"]
    with np.load(zoo / evaluation.reference) as reference:
        logits = reference["logits"]
    assert images.shape == (evaluation.samples, 48, 48, 3)
    assert (logits.argmax(1) == labels).mean() > 0.7


@pytest.mark.slow
def test_evaluation_inputs_that_are_gone_are_made_again(zoo: Path, tmp_path: Path) -> None:
    copy(zoo, tmp_path, "scenes_v2.fp32.onnx*", "scenes_v2.*.reference.npz", "*.evaluation.npz")
    assert not export(request("scenes_v2", tmp_path, ONNX)).made
    (inputs,) = tmp_path.glob("*.evaluation.npz")
    inputs.unlink()
    assert export(request("scenes_v2", tmp_path, ONNX)).made
    assert inputs.exists()


def test_other_images_leave_earlier_files_as_they_are(photos: Path, tmp_path: Path) -> None:
    onnx.save(tiny_cnn(), tmp_path / "tiny.onnx")
    for count, wanted in ((2, FP32), (1, ONNX)):
        for number in range(CLASSES):
            folder = tmp_path / f"data{count}" / str(number)
            folder.mkdir(parents=True)
            for picture in sorted(photos.iterdir())[number : number + count]:
                shutil.copy(picture, folder)
        data = f"imagefolder:{tmp_path / f'data{count}'}"
        asked = request(tmp_path / "tiny.onnx", tmp_path / "out", wanted, data=data)
        export(asked)
        if wanted == FP32:
            first, before = asked, files(tmp_path / "out")
    assert before.items() <= files(tmp_path / "out").items()
    assert not export(first).made


def test_a_scalar_input_goes_through(tmp_path: Path) -> None:
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Mul", ["x", "y"], ["z"])],
        "scalar",
        [
            onnx.helper.make_tensor_value_info("x", kind, [2, 3]),
            onnx.helper.make_tensor_value_info("y", kind, []),
        ],
        [onnx.helper.make_tensor_value_info("z", kind, [2, 3])],
    )
    opset = onnx.helper.make_opsetid("", 17)
    path = tmp_path / "scalar.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=9), path)
    done = export(ExportRequest(str(path), (parse("tflite:fp32"),), tmp_path / "out"))
    assert done.artifacts[0].manifest.inputs[1].shape == ()
