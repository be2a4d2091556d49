"""Figures as people read them. Every report and every verdict words them the same way."""

from __future__ import annotations

from edgebench.benchmarks.statistics import Estimate, Interval

MISSING = "-"


def signed(share: float) -> str:
    """A share with its sign, in per cent: +54 %, +2.0 %, -0.3 %."""
    return f"{_signed_number(share * 100)} %"


def bounds(interval: Interval | Estimate) -> str:
    """An interval of shares in per cent, as precise as it is narrow: [51, 57], [10.1, 10.4]."""
    low, high = interval.low * 100, interval.high * 100
    digits = 0 if high - low >= 3 and min(abs(low), abs(high)) >= 1 else 1
    # Adding 0.0 makes an ordinary zero of -0.0.
    return "[" + ", ".join(f"{round(end, digits) + 0.0:.{digits}f}" for end in (low, high)) + "]"


def whole(share: float) -> str:
    """A rough share: 52 %."""
    return f"{share * 100:.0f} %"


def share_in(value: Estimate) -> str:
    """A share with its interval, in per cent but without the sign for it: 72.3 [70, 75]."""
    return f"{value.value * 100:.1f} {bounds(value)}"


def points(difference: Estimate) -> str:
    """A difference of shares in percentage points: -1.2 [-2.0, -0.4]."""
    return f"{_signed_number(difference.value * 100)} {bounds(difference)}"


def milliseconds(seconds: float | None) -> str:
    """A time in ms with three significant digits at least: 0.0218, 1.47, 12.3, 104."""
    if seconds is None:
        return MISSING
    value = seconds * 1e3
    digits = next(
        (digits for limit, digits in ((0.1, 4), (1, 3), (10, 2), (100, 1)) if value < limit), 0
    )
    return f"{value:.{digits}f}"


def megabytes(size_bytes: int | None) -> str:
    """A size in MB of 10^6 bytes: 0.06, 3.51, 14.0."""
    return MISSING if size_bytes is None else _number(size_bytes / 1e6)


def millions(count: int | None) -> str:
    """A count in millions: 3.50, 300.8."""
    return MISSING if count is None else _number(count / 1e6)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 9.995 else f"{value:.1f}"


def _signed_number(value: float) -> str:
    digits = 1 if abs(value) < 9.95 else 0
    return f"{round(value, digits) + 0.0:+.{digits}f}"
