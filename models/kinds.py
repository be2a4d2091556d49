"""The kinds of attention by name, as far as they are known without a framework.

`edgebench.models.attention` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass

PLACEMENTS = ("expanded", "output", "late")


@dataclass(frozen=True)
class Kind:
    """The reduction and the placement that a kind has where a name gives none.

    `reduction` divides the channels for a bottleneck; EMA splits the channels into this many
    groups; None for a kind without either. `note` is what a reader must know before citing a figure
    of it.
    """

    reduction: int | None = None
    placement: str = "expanded"
    note: str = ""


KINDS: dict[str, Kind] = {
    "se": Kind(24),
    "se_hard": Kind(24),
    "eca": Kind(),
    "cbam": Kind(24),
    "triplet": Kind(placement="output"),
    "ca": Kind(32),
    "ca_hard": Kind(32),
    "sca": Kind(note="our documented interpretation of Liu et al. 2022"),
    "simam": Kind(),
    "ela": Kind(),
    "ema": Kind(32),
}
