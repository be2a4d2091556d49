"""Where edgebench keeps what is the user's, by the XDG base directory specification."""

from __future__ import annotations

import os
from pathlib import Path

DATA = "EDGEBENCH_DATA"
"""The environment variable that names another data folder."""

CONFIG = "EDGEBENCH_CONFIG"
"""The environment variable that names another configuration folder."""

CACHE = "EDGEBENCH_CACHE"
"""The environment variable that names another cache folder."""


def data_folder() -> Path:
    """What was measured and is kept for later: noise floors, locks."""
    return _folder(DATA, "XDG_DATA_HOME", ".local/share")


def config_folder() -> Path:
    """What the user wrote: devices of their own."""
    return _folder(CONFIG, "XDG_CONFIG_HOME", ".config")


def cache_folder() -> Path:
    """What can be made again: the emulated device's system."""
    return _folder(CACHE, "XDG_CACHE_HOME", ".cache")


def _folder(own: str, base: str, usual: str) -> Path:
    if named := os.environ.get(own):
        return Path(named)
    return Path(os.environ.get(base) or Path.home() / usual) / "edgebench"
