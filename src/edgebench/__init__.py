"""edgebench: what attention in mobile networks really costs, measured on the device.

`export`, `run`, `load_run`, `compare` and `devices` are the command line's work from Python; see
`edgebench.api`. They are imported when used, so that `import edgebench` needs no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebench.version import __version__

if TYPE_CHECKING:
    from edgebench.api import Run, compare, devices, export, load_run, run

__all__ = ["Run", "__version__", "compare", "devices", "export", "load_run", "run"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'edgebench' has no attribute '{name}'")
    from edgebench import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return list(__all__)
