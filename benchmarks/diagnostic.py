"""What there is to report about a run, as data: an id and its values, but no words.

`edgebench.benchmarks.report.wording` has the sentence and the remedy of every id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Value = bool | int | float | str | tuple[int | str, ...] | None
Values = Mapping[str, Value]


@dataclass(frozen=True)
class Diagnostic:
    """Why a verdict is withheld, or what to know about it.

    `id` says what was found; for a check it is the name of its function. `values` are what was
    found, with units in their names; a share is a fraction, of 1.
    """

    id: str
    values: Values


@dataclass(frozen=True)
class SettingDifference:
    """One thing that two runs, or a run and a noise floor, do not have in common.

    `name` says what it is and `of` what it belongs to, such as a format; '' for the whole run.
    """

    name: str
    before: Value
    after: Value
    of: str = ""
