"""The core's own tests, by JUnit, with the vectors that Python is tested with."""

from __future__ import annotations

import re

import pytest
import toolbox

from edgebench.deploy.documents import schemas

pytestmark = pytest.mark.rig


def test_the_tests_of_the_core_pass() -> None:
    junit = [toolbox.jar("junit4"), toolbox.jar("hamcrest")]
    core = toolbox.core()
    sources = toolbox.APP / "core/src/test"
    tests = toolbox.compile_kotlin(
        "core-test", [sources], [core, *junit], *toolbox.OLD, f"-Xfriend-paths={core}"
    )
    classes = [f"org.edgebench.core.{path.stem}" for path in sorted(sources.rglob("*Test.kt"))]
    done = toolbox.run_java(
        [tests, core, *junit, toolbox.kotlin() / "kotlin-stdlib.jar"],
        f"-Dvectors={schemas.FOLDER}",
        "org.junit.runner.JUnitCore",
        *classes,
    )
    assert done.returncode == 0, done.stdout[-5000:]
    count = re.search(r"OK \((\d+) tests\)", done.stdout)
    written = sum(path.read_text().count("@Test") for path in sources.rglob("*Test.kt"))
    assert count and int(count.group(1)) == written, done.stdout
