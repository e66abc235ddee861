"""Names for the array types of the core, and what numpy does too slowly for small ones.

Shapes and units stand in the docstrings that use the names.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float64: TypeAlias = NDArray[np.float64]
Int64: TypeAlias = NDArray[np.int64]
Int32: TypeAlias = NDArray[np.int32]
Int8: TypeAlias = NDArray[np.int8]
Bool: TypeAlias = NDArray[np.bool_]


def set_in(mask: Bool) -> Int64:
    """Return where a mask is set, ascending: `np.flatnonzero` without the layers that make it five times as slow."""
    found: Int64 = mask.nonzero()[0]
    return found
