"""Names that every target accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable


def scopes(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """A distinct name for each ONNX name, of letters, digits and underscores only."""
    used, result = {name.lower() for name in taken}, {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "value"
        plain = plain if plain[0].isalpha() else f"v{plain}"
        free, count = plain, 1
        while free.lower() in used:
            count += 1
            free = f"{plain}_{count}"
        used.add(free.lower())
        result[name] = free
    return result
