"""Import a package without others that it takes along where they are installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hidden(*packages: str) -> Iterator[None]:
    """Within it an import of these packages fails, as where they are not installed."""
    known = {name: sys.modules[name] for name in packages if name in sys.modules}
    sys.modules |= dict.fromkeys(packages)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in packages:
            sys.modules.pop(name, None)
        sys.modules |= known
