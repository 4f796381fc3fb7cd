"""What is learned on top of the pooled features."""

from dataclasses import dataclass

from trainer.core.arrays import Floats


@dataclass(frozen=True, slots=True)
class LinearHead:
    """logits = features @ kernel + bias; kernel float32 [D, C], bias float32 [C]."""

    kernel: Floats
    bias: Floats

    def logits(self, features: Floats) -> Floats:
        """Give float32 [N, C]."""
        return features @ self.kernel + self.bias
