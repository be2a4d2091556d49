"""coremltools, imported once and silently; outside a Mac it warns of libraries it cannot load.

It is for building and reading programs only: of the frameworks that it converts from, which would
take ten times as long to import, nothing is used.
"""

from __future__ import annotations

from typing import Any

from edgebench.converters.hidden import hidden
from edgebench.converters.quiet import quiet
from edgebench.errors import MissingExtraError


def _load() -> Any:
    try:
        with quiet(), hidden("sklearn", "tensorflow", "torch"):
            import coremltools
            import coremltools.optimize.coreml.experimental  # not imported by the package itself
    except ModuleNotFoundError as error:
        raise MissingExtraError("coremltools", "coreml") from error
    return coremltools


ct: Any = _load()
