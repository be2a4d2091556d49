"""Figures as people read them, the same in every report."""

from __future__ import annotations

import math

from edgebench.benchmarks.diagnostic import SettingDifference, Value
from edgebench.intervals import Estimate, Interval

MISSING = "-"


def signed(share: float) -> str:
    """A share with its sign, in per cent: +54 %, +2.0 %, -0.3 %."""
    value = share * 100
    return f"{_fixed(value, 1 if abs(value) < 9.95 else 0, '+')} %"


def unsigned(share: float) -> str:
    """The size of a share, in per cent: 54 %, 2.0 %, 0.3 %."""
    return signed(abs(share)).removeprefix("+")


def threshold(share: float) -> str:
    """A share as somebody asked for it, without needless digits: 5 %, 2.5 %."""
    return f"{share * 100:.3g} %"


def signed_in(share: float, interval: Interval | Estimate) -> str:
    """A share with its sign and interval, as precise as that: +54 % [51, 57]."""
    digits = _digits(interval)
    return f"{_fixed(share * 100, digits, '+')} % {bounds(interval)}"


def bounds(interval: Interval | Estimate) -> str:
    """An interval of shares in per cent, as precise as it is narrow: [51, 57], [10.1, 10.4]."""
    digits = _digits(interval)
    return f"[{_fixed(interval.low * 100, digits)}, {_fixed(interval.high * 100, digits)}]"


def _digits(interval: Interval | Estimate) -> int:
    return 0 if interval.high - interval.low >= 0.03 else 1


def _fixed(value: float, digits: int, sign: str = "") -> str:
    """With that many decimals; adding 0.0 makes an ordinary zero of -0.0."""
    return f"{round(value, digits) + 0.0:{sign}.{digits}f}"


def whole(share: float) -> str:
    """A rough share: 52 %."""
    return f"{share * 100:.0f} %"


def share_in(value: Estimate) -> str:
    """A share with its interval, in per cent but without the sign for it: 72.3 [70, 75]."""
    return f"{value.value * 100:.1f} {bounds(value)}"


def points(difference: Estimate) -> str:
    """A difference of shares in percentage points: -1.2 [-2.0, -0.4].

    Always with a decimal, because readers look for whether the interval contains zero.
    """
    value, low, high = (100 * end for end in (difference.value, difference.low, difference.high))
    return f"{_fixed(value, 1, '+')} [{_fixed(low, 1)}, {_fixed(high, 1)}]"


def milliseconds(seconds: float | None) -> str:
    """A time in ms with three significant digits at least: 0.0218, 1.47, 12.3, 104."""
    return MISSING if seconds is None else _significant(seconds * 1e3)


def instructions(count: int | None) -> str:
    """A count of instructions in millions, as precise as a time: 0.0028, 1.81, 113."""
    return MISSING if count is None else _significant(count / 1e6)


def _significant(value: float) -> str:
    digits = next(
        (digits for limit, digits in ((0.1, 4), (1, 3), (10, 2), (100, 1)) if value < limit), 0
    )
    return f"{value:.{digits}f}"


def milliseconds_in(value: Estimate, sign: str = "") -> str:
    """A time in ms with its interval, as precise as that: 0.72 [0.70, 0.75], 0.006 [0.005, 0.008].

    Differences of times may be negative, and the same precision shows where they are zero.
    """
    width = max((value.high - value.low) * 1e3, 1e-6)
    digits = min(max(math.ceil(-math.log10(width)), 1), 5)
    low, high = (_fixed(end * 1e3, digits) for end in (value.low, value.high))
    return f"{_fixed(value.value * 1e3, digits, sign)} [{low}, {high}]"


def listed(value: Value) -> str:
    """One value or several: 0, 1; none."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)


def count(number: int, noun: str) -> str:
    """1 block, 2 blocks, 3 processes."""
    plural = noun + ("es" if noun.endswith(("s", "ch")) else "s")
    return f"{number} {noun if number == 1 else plural}"


def difference(one: SettingDifference) -> str:
    """What two runs do not have in common: threads 1 and 4; tflite runtime x 1.0 and x 1.1."""
    name = f"{one.of} {one.name}".lstrip()
    before, after = ("not set" if end is None else listed(end) for end in (one.before, one.after))
    return f"{name} {before} and {after}"


def megabytes(size_bytes: int | None) -> str:
    """A size in MB of 10^6 bytes: 0.06, 3.51, 14.0."""
    return MISSING if size_bytes is None else _number(size_bytes / 1e6)


def millions(count: int | None) -> str:
    """A count in millions: 3.50, 300.8."""
    return MISSING if count is None else _number(count / 1e6)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 9.995 else f"{value:.1f}"
