"""The package's metadata, as `pip install 'edgebench[...]'` reads it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from edgebench import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
FOR_DEVELOPERS = {"dev", "docs"}
UNDER_A_LICENCE_OF_THEIR_OWN = {"qnn"}
"""Nobody gets these without asking for them by name."""


def _requirements(extra: str) -> set[str]:
    """Return what an extra installs, with the extras that it names resolved."""
    found: set[str] = set()
    for requirement in (one.partition(";")[0] for one in EXTRAS[extra]):
        if named := re.fullmatch(r"edgebench\[(.+)\]", requirement):
            for name in named[1].split(","):
                found |= _requirements(name)
        else:
            found.add(requirement)
    return found


def test_all_installs_every_extra_that_users_need() -> None:
    lacking = {
        extra: missing
        for extra in EXTRAS.keys() - FOR_DEVELOPERS - UNDER_A_LICENCE_OF_THEIR_OWN
        if (missing := _requirements(extra) - _requirements("all"))
    }
    assert lacking == {}


def test_developers_have_every_extra() -> None:
    assert _requirements("dev") >= _requirements("all") | _requirements("docs")


def test_every_package_of_an_extra_has_a_pinned_version() -> None:
    lines = (ROOT / "constraints.txt").read_text().lower().splitlines()
    pinned = {line.split("==")[0].replace("_", "-") for line in lines if "==" in line}
    named = {re.split(r"[<>=]", one)[0].lower() for one in _requirements("dev")}
    assert named - pinned == set()


def test_every_place_names_the_same_version() -> None:
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited and cited[1] == PROJECT["version"] == __version__
