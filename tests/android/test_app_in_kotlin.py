"""The tests of the app's transport, with the app's own core in place of the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import stand_in_app
import test_android_app
import toolbox
from test_android_app import *  # noqa: F403  (Its tests run here again.)
from test_android_app import PhoneShell

from edgebench.deploy.transports.adb.app import PACKAGE

pytestmark = pytest.mark.rig

# Of these the app of the tests alone is capable: the core does not break the contract.
del test_an_app_of_another_contract_is_stopped  # noqa: F821
del test_check_tells_of_another_contract  # noqa: F821


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Path]:
    """The folder of the phone's programs; a file with a failure's name in it asks for one."""
    programs = tmp_path / "phone"
    stand_in_app.install(
        programs, tmp_path, PACKAGE, str(test_android_app.__file__), toolbox.app_on_jvm()
    )
    yield programs
    PhoneShell(programs).run(f"am force-stop {PACKAGE}")
