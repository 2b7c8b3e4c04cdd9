"""The kinds of arrays that all rooms share."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]  # pixels, (channel, y, x)
Doubles: TypeAlias = npt.NDArray[np.float64]  # statistics and spectra
Bools: TypeAlias = npt.NDArray[np.bool_]  # masks
