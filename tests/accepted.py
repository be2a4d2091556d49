"""Texts that somebody has looked at and accepted, such as reports; see tests/golden."""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> None:
    """Compare with the accepted text, or accept this one."""
    path = GOLDEN / name
    if os.environ.get("EDGEBENCH_ACCEPT"):
        path.write_text(text)
    assert path.exists() and text == path.read_text(), (
        f"{path} differs; look at it, and if the new text is right accept it with:\n{accept()}"
    )


def accept() -> str:
    """The command that accepts what the running test has found."""
    file = os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]
    return f"EDGEBENCH_ACCEPT=1 .venv/bin/python -m pytest {file}"
