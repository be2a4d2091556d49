"""A browser as a device: what it is refused, what it tells, and where its page is served."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_models import LOGITS

from edgebench.benchmarks.planning.pace import CLOCK_STEPS, GroupPace
from edgebench.cli import main
from edgebench.commands import serve
from edgebench.deploy.registry import devices
from edgebench.deploy.transports.browser import about, assets, listening
from edgebench.deploy.transports.browser.tensors import Tensors
from edgebench.errors import DeviceError, UnknownNameError, UsageError

PAGE: dict[str, Any] = {
    "agent": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/150.0.0.0 Mobile",
    "brands": [
        {"brand": "Not)A;Brand", "version": "8.0.0.0"},
        {"brand": "Chromium", "version": "150.0.7871.100"},
        {"brand": "Google Chrome", "version": "150.0.7871.101"},
    ],
    "platform": "Android",
    "platform_version": "15.0.0",
    "model": "Pixel 7",
    "architecture": "arm",
    "bitness": "64",
    "cores": 8,
    "isolated": True,
    "secure": True,
    "relaxed_simd": True,
    "webgpu": True,
}
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
PLAN: dict[str, Any] = {"threads": 1, "delegate": "xnnpack", "cores": None}


def test_a_context_says_what_the_browser_tells_and_nothing_else() -> None:
    found = about.context(PAGE, PLAN, 5e-6)
    assert found["system"] == "Google Chrome 150.0.7871.101"
    assert found["kernel"] == "on Android 15.0.0"
    assert found["machine"] == "arm-64" and found["cpu_model"] == "that of a Pixel 7"
    assert found["runtimes"]["tflite"]["within"] == "browser, WASM"
    silent = {"agent": IPHONE + "Version/18.1 Mobile/15E148 Safari/604.1"}
    bare = about.context(silent, PLAN, 1e-3)
    assert (bare["system"], bare["kernel"]) == ("Safari 18.1", "on iOS 18.1")
    assert bare["cpu_model"] is None and bare["machine"] == "unknown" and bare["core_count"] == 1
    readings = about.readings({"unix_s": 1.0, "probe_ns": [5]}, silent)
    known = {name for name, value in readings.items() if value is not None}
    assert known == {"unix_s", "probe_ns"}


@pytest.mark.parametrize(
    ("page", "plan", "words"),
    [
        ({}, {"cores": [0]}, "cannot pin its threads"),
        ({}, {"delegate": "nnapi"}, "has no delegate nnapi"),
        ({}, {"delegate": "none"}, "has no delegate none"),
        ({}, {"delegate": "ane"}, "has no delegate ane"),
        ({"webgpu": False}, {"delegate": "gpu"}, "no WebGPU at this address"),
        ({"isolated": False}, {"threads": 2}, "https .* or a cable"),
        ({"relaxed_simd": False}, {"threads": 2}, "relaxed SIMD"),
    ],
)
def test_what_a_browser_cannot_do_is_refused_with_a_sentence(
    page: dict[str, Any], plan: dict[str, Any], words: str
) -> None:
    assert about.refusal(PAGE, PLAN) is None
    refused = about.refusal({**PAGE, **page}, {**PLAN, **plan})
    assert refused is not None
    with pytest.raises(UsageError, match=words):
        raise UsageError(refused)


def test_the_build_follows_the_plan_and_the_browser() -> None:
    assert about.build(PAGE, PLAN) == "litert_wasm_internal"
    assert about.build({**PAGE, "relaxed_simd": False}, PLAN) == "litert_wasm_compat_internal"
    assert about.build(PAGE, {**PLAN, "threads": 4}) == "litert_wasm_threaded_internal"
    assert about.build(PAGE, {**PLAN, "delegate": "gpu"}) == "litert_wasm_jspi_internal"
    for page, plan in ((PAGE, PLAN), (PAGE, {**PLAN, "threads": 2}), ({}, PLAN)):
        assert f"{about.build(page, plan)}.wasm" in assets.FILES


def test_tensors_are_encoded_and_decoded_as_on_devices_with_python(toys: Path) -> None:
    tensors = Tensors(toys / "int8.tflite")
    image = np.random.default_rng(0).normal(0, 1, (1, 16, 16, 3)).astype("float32")
    content = tensors.content({0: image})
    (given,) = tensors.inputs
    assert given["bytes"] == len(content) == image.size and given["index"] == 0
    assert content == tensors.content({0: image}) != tensors.content({})
    found = tensors.values(bytes(range(5)), [LOGITS.index])[0]
    assert found.shape == (1, 5) and found.dtype == np.float32
    assert np.allclose(np.diff(found), np.diff(found)[0, 0])  # One step of the scale each.
    with pytest.raises(Exception, match="which do not fit"):
        tensors.values(b"1234", [0])


@pytest.mark.parametrize("clock_s", [0.0, 5e-6, 1e-4, 1e-3])
def test_a_coarse_clock_makes_samples_of_many_inferences(clock_s: float) -> None:
    pace = GroupPace({"a": 0.0003, "b": 0.0004}, 0.02, clock_s=clock_s)
    assert pace.turn.batch * 0.0003 >= CLOCK_STEPS * clock_s
    assert pace.turn.samples - pace.turn.dropped >= 1
    if not clock_s:
        assert pace.turn == GroupPace({"a": 0.0003, "b": 0.0004}, 0.02).turn


def test_any_number_of_browsers_has_names() -> None:
    assert devices.get("browser").name == "browser"
    assert devices.get("browser:anna").name == "browser:anna"
    assert devices.get("browser:anna").identity != devices.get("browser:ben").identity
    for name in ("browser:", "browser:a/b", "browser:a b", "local:anna"):
        with pytest.raises(UnknownNameError):
            devices.get(name)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1", "127.0.0.1", 0),
        ("0.0.0.0:8000", "0.0.0.0", 8000),
        ("::1", "::1", 0),
        ("[::]:8000", "::", 8000),
        ("lan.example:443", "lan.example", 443),
    ],
)
def test_where_to_listen(text: str, host: str, port: int) -> None:
    assert listening.host_and_port(text) == (host, port)


@pytest.mark.parametrize("text", ["", ":8000", "0.0.0.0:port", "0.0.0.0:70000"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no address to listen on"):
        listening.host_and_port(text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--device", "local"), "local is not a browser"),
        (("--browsers", "2", "--device", "browser"), "leave one out"),
        (("--key", "key.pem"), "--certificate"),
        (("--listen", "x:y"), "no address to listen on"),
        (("--certificate", "nothing.pem"), "nothing.pem is not a certificate"),
    ],
)
def test_serve_refuses_what_does_not_fit(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(assets, "prepared", lambda: True)
    monkeypatch.chdir(tmp_path)
    assert main(["serve", *words]) == 2
    assert said in capsys.readouterr().err
    listening.listen(listening.Listening())


def test_without_the_runtime_a_run_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path))
    assert main(["run", "--device", "browser", "scenes_v2_ca"]) == 1
    assert "edgebench devices prepare browser" in capsys.readouterr().err
    assert main(["devices", "check", "browser"]) == 1
    assert "missing" in capsys.readouterr().out
    with pytest.raises(DeviceError):
        raise assets.lacking()


def test_the_package_comes_by_the_users_own_npm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """npm is asked by name and version only, so that its configuration decides the registry."""
    npm = tmp_path / "npm"
    npm.write_text(
        f'#!/bin/sh\necho "$@" >{tmp_path}/asked\necho "npm error network" >&2\nexit 1\n'
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("EDGEBENCH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DeviceError, match="npm error network"):
        assets.prepare(lambda step, done, total: None)
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("pack @litertjs/core@2.5.3 ") and "http" not in asked


def test_serve_measures_in_one_browser_or_in_several() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    for words, names in (
        ([], ("browser",)),
        (["--browsers", "2"], ("browser:1", "browser:2")),
        (["--device", "browser:anna"], ("browser:anna",)),
    ):
        given = argparse.Namespace(command_line="edgebench serve")
        assert serve.options(parser.parse_args(words, given)).measure.devices == names
