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

Halves: TypeAlias = NDArray[np.float16]
"""float16 [N, s, s, 64]: maps of the frozen blocks, as they are cached."""

Kernels: TypeAlias = dict[str, list[NDArray[np.float32]]]
"""Kernel and bias of every convolution, by layer name; of a trained model also the head's."""
