"""The standard normal distribution over arrays. No more of it than calibration needs."""

from __future__ import annotations

from math import erfc, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_erfc = np.frompyfunc(erfc, 1, 1)
_FAR = 30.0
"""Beyond it erfc is 0 in floating point, and the hazard is its asymptote to eleven digits."""


def cdf(z: Floats) -> Floats:
    """The share below each `z`, in its shape."""
    return np.asarray(_erfc(-z / sqrt(2)), dtype=np.float64) / 2


def hazard(z: Floats) -> Floats:
    """Density over the share above, in the shape of `z` (the inverse Mills ratio)."""
    near = np.minimum(z, _FAR)
    density = np.exp(-near * near / 2) / sqrt(2 * pi)
    return np.where(z < _FAR, density / cdf(-near), z + 1 / np.maximum(z, 1))
