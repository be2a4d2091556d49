"""The core's own tests, with the vectors that Python and Kotlin are tested with."""

from __future__ import annotations

import re

import pytest
import swift

pytestmark = pytest.mark.rig

CORE = "ios_app/EdgebenchCore"


def test_the_tests_of_the_core_pass() -> None:
    done = swift.package("test", CORE)
    assert done.returncode == 0, swift.said(done)
    sources = [one.read_text() for one in (swift.REPOSITORY / CORE / "Tests").rglob("*.swift")]
    (with_xctest,) = re.findall(
        r"Test Suite 'All tests' passed.*\n.*Executed (\d+) tests", done.stdout
    )
    (with_testing,) = re.findall(r"Test run with (\d+) tests passed", done.stdout)
    assert int(with_xctest) == sum(one.count("    func test") for one in sources) > 0
    assert int(with_testing) == sum(one.count("@Test") for one in sources) > 0
