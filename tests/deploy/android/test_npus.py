"""NPUs by `benchmark_model`: `--delegate qnn` and `npu`, with the user's libraries.

The stand-in of the program loads the libraries by this machine's own loader, so they are real ones
with nothing in them.
"""

from __future__ import annotations

from pathlib import Path

import litert_tool
import pytest
from phone import PhoneShell
from test_android_readings import battery, thermal
from toy_models import IMAGES, MakeRun

from edgebench.deploy.benchmark_model import compiled_model, libraries, qualcomm
from edgebench.deploy.benchmark_model.runner import BenchmarkModelRunner
from edgebench.deploy.documents.result import RunResult
from edgebench.deploy.npu import empty_library
from edgebench.deploy.remote.remote_device import RemoteDevice
from edgebench.deploy.remote.store import Store
from edgebench.documents import sha256
from edgebench.errors import DeviceError
from edgebench.progress import silent


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhoneShell:
    monkeypatch.setenv("EDGEBENCH_DATA", str(tmp_path / "data"))
    shell = PhoneShell(tmp_path / "phone")
    (shell.state / "dumpsys.thermalservice").write_text(thermal())
    (shell.state / "dumpsys.battery").write_text(battery(77))
    (shell.state / "prop.ro.soc.model").write_text("SM8650\n")
    return shell


NAMES = (qualcomm.DELEGATE, *qualcomm.RUNTIME, *qualcomm.of_generation(75))


def give_libraries(phone: PhoneShell, *, without: str = "") -> Path:
    """Put the libraries where the user would, in the folders of Qualcomm's SDK."""
    for wanted in (qualcomm.wanted(phone), compiled_model.wanted(phone)):
        for name in wanted.names:
            part = "hexagon-v75/unsigned" if name.endswith("Skel.so") else "aarch64-android"
            path = wanted.place / "lib" / part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name != without:
                empty_library.write(path)
    return qualcomm.wanted(phone).place / "lib"


def device(phone: PhoneShell, tmp_path: Path, **mode: object) -> RemoteDevice:
    litert_tool.write(tmp_path / "data" / "android" / "benchmark_model", **mode)
    store = Store(phone, str(tmp_path / "phone" / "home"))
    return RemoteDevice(
        "phone", "a stand-in", store, BenchmarkModelRunner(), keep=True, reconnect_s=5.0
    )


def measure(phone: PhoneShell, tmp_path: Path, make_run: MakeRun, qnn: str) -> RunResult:
    folder = make_run("plain", "attention", blocks=1, processes=1, evaluate=True, delegate="qnn")
    return device(phone, tmp_path, qnn=qnn).run(folder, silent)


@pytest.mark.parametrize(
    ("qnn", "partitions", "left"), [("whole", 1, 0), ("partial", 2, 2), ("unused", 0, None)]
)
def test_what_the_npu_took_is_recorded_with_the_libraries_that_made_it(
    phone: PhoneShell,
    tmp_path: Path,
    make_run: MakeRun,
    qnn: str,
    partitions: int,
    left: int | None,
) -> None:
    there = give_libraries(phone)
    result = measure(phone, tmp_path, make_run, qnn)
    assert result.context.delegate == "qnn"
    assert result.context.libraries == {name: sha256(next(there.rglob(name))) for name in NAMES}
    for one in result.evaluations.values():
        assert one.error is None and one.outputs is not None and one.images == IMAGES
        assert one.partitions == partitions and one.leftover_ops is not None
        assert left is None or len(one.leftover_ops) == left


def test_the_file_about_the_graph_counts_what_qualcomms_delegate_took(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    give_libraries(phone)
    folder = make_run("plain", "attention", blocks=1, processes=1, evaluate=True, delegate="qnn")
    result = device(phone, tmp_path, qnn="partial", info=True).run(folder, silent)
    for one in result.evaluations.values():
        assert one.partitions == 2 and one.leftover_ops is not None and one.operators is not None
        assert set(one.leftover_ops) <= {"MEAN", "SOFTMAX"} and one.leftover_ops
        assert one.operators["TfLiteQnnDelegate"] > 0
        assert one.operators["cpu"] == len(one.leftover_ops)


def test_libraries_of_another_version_go_to_a_folder_of_their_own(
    phone: PhoneShell, tmp_path: Path
) -> None:
    store = Store(phone, str(tmp_path / "phone" / "home"))
    there = give_libraries(phone)
    first = qualcomm.place(store, "", silent)
    for path in there.rglob("*.so"):
        path.write_bytes(path.read_bytes() + b"newer")
    second = qualcomm.place(store, "", silent)
    assert first.folder != second.folder
    assert Path(first.folder, qualcomm.DELEGATE).exists()
    assert Path(second.folder, qualcomm.DELEGATE).read_bytes().endswith(b"newer")


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_library_is_named_with_where_it_comes_from(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun, name: str
) -> None:
    give_libraries(phone, without=name)
    with pytest.raises(DeviceError, match=rf"^{name} not found") as caught:
        measure(phone, tmp_path, make_run, "whole")
    assert "Qualcomm AI Runtime SDK" in caught.value.remedy


def test_libraries_of_two_versions_are_refused(phone: PhoneShell) -> None:
    there = give_libraries(phone)
    versions = iter((b"AISW_VERSION: 2.51.0", b"v2.39.0.250926120000"))
    for name in ("libQnnHtp.so", "libQnnHtpPrepare.so"):
        (path,) = there.rglob(name)
        path.write_bytes(path.read_bytes() + next(versions))
    with pytest.raises(DeviceError, match=r"several versions: 2\.39\.0, 2\.51\.0"):
        libraries.find(qualcomm.wanted(phone))


def test_a_phone_of_another_vendor_is_told_apart(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    give_libraries(phone)
    (phone.state / "prop.ro.soc.model").write_text("GS201\n")
    with pytest.raises(DeviceError, match="no compiler for NPUs is known for the SoC 'GS201'"):
        measure(phone, tmp_path, make_run, "whole")


def test_a_program_without_external_delegates_says_what_it_has(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    give_libraries(phone)
    with pytest.raises(DeviceError, match="has no qnn delegate; it has: xnnpack, none"):
        measure(phone, tmp_path, make_run, "none")


def test_check_says_what_is_missing_for_the_npu(phone: PhoneShell, tmp_path: Path) -> None:
    def step() -> tuple[str, str]:
        steps = device(phone, tmp_path, qnn="whole").check()
        return next((one.state, one.found) for one in steps if one.name == "Qualcomm's NPU")

    state, found = step()
    assert state == "note" and "libQnnHtpV75Skel.so" in found
    give_libraries(phone)
    assert step()[0] == "ok"


def measure_compiled(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun, delegate: str = "npu", **mode: object
) -> RunResult:
    folder = make_run("plain", "attention", blocks=1, processes=1, evaluate=True, delegate=delegate)
    return device(phone, tmp_path, form="compiled", **mode).run(folder, silent)


def test_the_compiled_models_tool_runs_the_npu_and_compiles_once(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    give_libraries(phone)
    result = measure_compiled(phone, tmp_path, make_run)
    assert result.complete and result.context.libraries is not None
    assert "libLiteRtDispatch_Qualcomm.so" in result.context.libraries
    assert "libQnnHtpV75Skel.so" in result.context.libraries
    for one in result.evaluations.values():
        assert one.partitions == 1 and one.leftover_ops == () and one.outputs is None
        assert one.operators is not None and one.operators["DispatchDelegate"] > 1
        assert one.operators["cpu"] == 0
        assert one.compile_s is not None and one.load_s is not None
        assert one.compile_s > 0.3 > one.load_s  # The stand-in takes 0.3 s to compile.
        assert one.first_inference_s is not None and one.peak_memory_bytes is not None


def test_a_model_that_the_cpu_ran_in_the_place_of_the_npu_is_seen(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    give_libraries(phone)
    result = measure_compiled(phone, tmp_path, make_run, npu="silent")
    for one in result.evaluations.values():
        assert one.partitions == 0  # Which is "ran without the npu delegate": no verdict.
        assert one.leftover_ops == ("TfLiteXNNPackDelegate",)


def test_the_file_about_the_graph_names_what_the_cpu_runs_in_the_place_of_the_npu(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    give_libraries(phone)
    result = measure_compiled(phone, tmp_path, make_run, npu="silent", info=True)
    for one in result.evaluations.values():
        assert one.partitions == 0 and one.operators is not None
        assert one.leftover_ops is not None and "CONV_2D" in one.leftover_ops
        assert one.operators["TfLiteXNNPackDelegate"] == len(one.leftover_ops)


def test_a_tool_that_says_nothing_of_the_npu_leaves_it_unknown(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    """Unknown is no verdict, and not the same as not used: nothing fails while it is measured."""
    give_libraries(phone)
    result = measure_compiled(phone, tmp_path, make_run, npu="quiet")
    assert result.complete and not any(block.error for block in result.blocks)
    for one in result.evaluations.values():
        assert (one.partitions, one.leftover_ops, one.operators) == (None, None, None)


def test_a_model_that_the_npu_does_not_take_whole_fails_with_litert_s_reason(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun
) -> None:
    give_libraries(phone)
    with pytest.raises(DeviceError, match="Some ops are not accelerated"):
        measure_compiled(phone, tmp_path, make_run, npu="refused")


@pytest.mark.parametrize("delegate", ["xnnpack", "gpu"])
def test_the_compiled_models_tool_measures_the_cpu_and_the_gpu_too(
    phone: PhoneShell, tmp_path: Path, make_run: MakeRun, delegate: str
) -> None:
    result = measure_compiled(phone, tmp_path, make_run, delegate)
    assert result.context.libraries is None
    assert {one.partitions for one in result.evaluations.values()} == {1}
    assert {one.leftover_ops for one in result.evaluations.values()} == {()}


@pytest.mark.parametrize(
    ("said", "library"),
    [
        ("MT6989", "libLiteRtDispatch_MediaTek.so"),
        ("Tensor G4", "libLiteRtCompilerPlugin_google_tensor.so"),
        ("s5e9955", "libLiteRtDispatch_Samsung.so"),
    ],
)
def test_other_vendors_need_their_dispatch_and_plugin(
    phone: PhoneShell, said: str, library: str
) -> None:
    (phone.state / "prop.ro.soc.model").write_text(said + "\n")
    assert library in compiled_model.wanted(phone).names
    with pytest.raises(DeviceError, match="not found in") as caught:
        libraries.find(compiled_model.wanted(phone))
    assert library in caught.value.message
