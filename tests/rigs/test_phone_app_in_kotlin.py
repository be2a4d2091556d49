"""The app's own core on a phone, through the whole command line: a real adbd starts it by `am`."""

from __future__ import annotations

from pathlib import Path

import pytest
import test_phone_app
import toolbox
from phones import Bench, Phone
from test_phone_app import *  # noqa: F403  (Its tests run here again.)

pytestmark = pytest.mark.rig


@pytest.fixture
def app(bench: Bench, phone: Phone) -> Path:
    """The folder of the phone's programs, with the core on the JVM as the app."""
    return test_phone_app.install(bench, phone, toolbox.app_on_jvm())
