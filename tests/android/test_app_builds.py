"""The Android app is compiled, packed and signed, as far as tools without Google's Maven go."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import apk
import pytest
import toolbox

from edgebench.deploy.transports.adb.app import ACTIVITY, PACKAGE

pytestmark = pytest.mark.rig

ANDROID = "{http://schemas.android.com/apk/res/android}"


def test_the_app_is_compiled_packed_and_signed(tmp_path: Path) -> None:
    made = apk.resources(tmp_path)
    code = apk.app(made, tmp_path)
    own = apk.dex(code, tmp_path / "classes.dex")
    signed = apk.signed(made, [own, apk.library()], tmp_path)
    words = [*apk.apksigner(), "verify", "--verbose", "--min-sdk-version", "26", str(signed)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in done.stdout
    aligned = subprocess.run([*apk.zipalign(), "-c", "4", str(signed)], capture_output=True)
    assert aligned.returncode == 0
    with zipfile.ZipFile(signed) as archive:
        dex = archive.read("classes.dex")
    assert dex[:4] == b"dex\n"
    for name in re.findall(r'android:name="(org[.\w]+)"', manifest_text()):
        assert f"L{name.replace('.', '/')};".encode() in dex, name


def manifest_text() -> str:
    return (apk.SOURCES / "AndroidManifest.xml").read_text()


def test_the_manifest_is_that_of_the_contract() -> None:
    root = ElementTree.fromstring(manifest_text())
    permissions = [one.get(f"{ANDROID}name") for one in root.iter("uses-permission")]
    assert permissions == ["android.permission.CAMERA"]
    (benchmark,) = (one for one in root.iter("activity") if one.get(f"{ANDROID}name") == ACTIVITY)
    assert benchmark.get(f"{ANDROID}exported") == "true"
    (service,) = root.iter("service")
    assert service.get(f"{ANDROID}process", "").startswith(":")
    gradle = (toolbox.APP / "app/build.gradle.kts").read_text()
    assert f'applicationId = "{PACKAGE}"' in gradle and "minSdk = 26" in gradle


def test_the_core_knows_no_android_and_the_app_depends_on_litert_alone() -> None:
    for path in (toolbox.APP / "core/src/main").rglob("*.kt"):
        assert not re.search(
            r"^import (android|androidx|com|org\.tensorflow)\.", path.read_text(), re.M
        )
    gradle = (toolbox.APP / "app/build.gradle.kts").read_text()
    needed = re.findall(r"implementation\((.*)\)$", gradle, re.M)
    assert needed == ['project(":core")', "libs.litert", "libs.litert.gpu"]


def test_no_screen_has_its_words_in_code() -> None:
    for path in (apk.SOURCES / "res/layout").glob("*.xml"):
        for name in ("text", "contentDescription", "hint"):
            for value in re.findall(rf'android:{name}="([^"]*)"', path.read_text()):
                assert value.startswith("@string/"), (path.name, value)


def test_the_versions_are_those_that_the_tests_run_with() -> None:
    catalog = (toolbox.APP / "gradle/libs.versions.toml").read_text()
    assert f'kotlin = "{toolbox.LANGUAGE}.' in catalog
    constraints = (toolbox.APP.parent / "constraints.txt").read_text()
    (litert,) = re.findall(r'^litert = "(.*)"$', catalog, re.M)
    assert f"ai-edge-litert=={litert}\n" in constraints
