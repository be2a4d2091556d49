"""What README and the documentation show exists: commands, devices, formats, make targets."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from edgebench import cli
from edgebench.converters.targets import FORMATS
from edgebench.deploy.registry import registry

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text()


def _commands(page: Path) -> list[str]:
    """The commands that a page shows in indented and in shell blocks."""
    text = page.read_text().replace("\\\n", " ")
    blocks = [
        *re.findall(r"```sh\n(.*?)```", text, re.DOTALL),
        *re.findall(r"^    .*$", text, re.M),
    ]
    lines = (line.strip() for block in blocks for line in block.splitlines())
    # What follows two spaces explains the command.
    return [line.split("  ")[0] for line in lines if line.startswith("edgebench ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_is_accepted_by_the_command_line(page: Path) -> None:
    for line in _commands(page):
        for command in line.split("&&"):
            words = shlex.split(command, comments=True)[1:]
            if "..." not in words:
                try:
                    cli.build_parser().parse_args(cli._with_command(words))
                except SystemExit as stop:
                    assert stop.code == 0, f"{page.name} shows what is refused: {command}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_shown_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    shown = set(re.findall(r"(?:^ *|`)make ([a-z-]+)", page.read_text(), re.MULTILINE))
    assert shown <= targets


def test_the_readme_counts_the_devices() -> None:
    assert f"the {len(registry.shipped_entries())} devices known by name" in README


def test_the_readme_shows_the_table_as_reports_print_it() -> None:
    accepted = (ROOT / "tests" / "golden" / "terminal.txt").read_text()
    header = re.search(r"^ model .* verdict", README, re.MULTILINE)
    assert header and header[0].split() == accepted.splitlines()[2].split()


def test_the_export_page_names_every_precision() -> None:
    page = (ROOT / "docs" / "export.md").read_text()
    titles = {
        "coreml": "Core ML",
        "onnx": "ONNX Runtime",
        "openvino": "OpenVINO",
        "tflite": "TFLite",
    }
    for name, format in FORMATS.items():
        line = re.search(rf"-> {titles[name]} +(.*)$", page, re.MULTILINE)
        assert line, f"{name} is missing"
        shown = tuple(one.split()[0] for one in line[1].split(","))
        assert shown == format.precisions
