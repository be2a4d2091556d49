"""erf, for which TFLite has no op, as a rational function good to float32's last digits.

The coefficients are the minimax fit that Eigen and XLA use for float32; the fit holds on
[-BOUND, BOUND], beyond which erf is 1 to the last digit. A test compares it with scipy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgebench.converters.tflite.tensorflow import tf

BOUND = 3.7439211627767994
NUMERATOR = (
    0.00022905065861350646,
    0.0034082910107109506,
    0.050955695062380861,
    0.18520832239976145,
    1.128379143519084,
)
DENOMINATOR = (
    -1.1791602954361697e-7,
    0.000023547966471313185,
    0.0010179625278914885,
    0.014070470171167667,
    0.11098505178285362,
    0.49746925110067538,
    1.0,
)


def _polynomial(coefficients: Sequence[float], x: Any) -> Any:
    total = x * np.float32(coefficients[0]) + np.float32(coefficients[1])
    for coefficient in coefficients[2:]:
        total = total * x + np.float32(coefficient)
    return total


def erf(x: Any) -> Any:
    """The error function of a float32 tensor."""
    x = tf.minimum(tf.maximum(x, np.float32(-BOUND)), np.float32(BOUND))
    square = x * x
    return x * _polynomial(NUMERATOR, square) / _polynomial(DENOMINATOR, square)
