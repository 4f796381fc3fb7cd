"""MLServer's side: a model whose input is encoded images, batched by MLServer itself.

Started by `mlserver start FOLDER`; the folder's model-settings.json names bundle, threads and
streams under parameters.extra (bench/compare/systems.py writes it).
"""

from pathlib import Path

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.peers.engine import PeerEngine


class MlserverModel(MLModel):  # type: ignore[misc]
    """BYTES [N] of base64 in; `label` BYTES [N, 1] and `confidence` FP64 [N, 1] out."""

    async def load(self) -> bool:
        """Compile the graph."""
        extra = self.settings.parameters.extra
        self._engine = PeerEngine(
            Path(extra["bundle"]), threads=extra["threads"], streams=extra["streams"]
        )
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a batch that MLServer has put together."""
        answers = self._engine.answer(Base64Codec.decode_input(payload.inputs[0]))
        confidence = NumpyCodec.encode_output(
            "confidence", np.array([[answer["confidence"]] for answer in answers])
        )
        labels = StringCodec.encode_output("label", [answer["label"] for answer in answers])
        return InferenceResponse(model_name=self.name, outputs=[labels, confidence])
