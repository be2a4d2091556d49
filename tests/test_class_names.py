"""No two public classes of the package have one name."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("models", "converters", "deploy", "benchmarks", "src/edgebench")

SHARED = {
    # The same part of a backend in each format's folder.
    *("Converted", "Lowering", "Port", "Precision", "Value"),
    # To be renamed.
    *("Block", "Operation"),
}


def test_no_two_public_classes_have_one_name() -> None:
    files = defaultdict(set)
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    files[node.name].add(path.relative_to(ROOT).as_posix())
    assert {name for name, found in files.items() if len(found) > 1} == SHARED
