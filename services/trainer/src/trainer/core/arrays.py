"""The arrays that travel between the stages, by name."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Grey: TypeAlias = NDArray[np.uint8]
"""uint8 [S, S] or [N, S, S]: decoded pixels."""

Floats: TypeAlias = NDArray[np.float32]
"""float32: network inputs [N, S, S, 1], features [N, D], logits or probabilities [N, C]."""

Labels: TypeAlias = NDArray[np.int64]
"""int64 [N]: index into the classes."""

Mask: TypeAlias = NDArray[np.bool_]
