"""The first version's way: one FastAPI process that asks Keras inside the request.

    python -m bench.peers.seed_server BUNDLE PORT --way predict|function

predict: `model.predict`, as the student project did. function: the SavedModel's `tf.function`
called directly, which is the best that this design can do. Model and decoding are this system's.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import uvicorn
from fastapi import FastAPI, UploadFile
from fastapi.params import File

from bench.peers.engine import Answer, answer_of, read_manifest
from shared.preprocessing import preprocess

Logits: TypeAlias = Callable[[Any], Any]


def load_predict(model: keras.Model) -> Logits:
    """Return a function float32 [N, S, S, 1] → [N, C] by `model.predict`."""
    return lambda pixels: model.predict(pixels, verbose=0)["logits"]


def load_function(model: keras.Model) -> Logits:
    """Return a function float32 [N, S, S, 1] → [N, C] by the SavedModel's own function."""
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, verbose=False)
        saved = tf.saved_model.load(folder)
    # The closure keeps `saved` alive: its variables go with it.
    return lambda pixels: saved.serve(tf.constant(pixels))["logits"].numpy()


def new_app(bundle: Path, way: str) -> FastAPI:
    """Make the server; the model is loaded and asked once."""
    manifest = read_manifest(bundle)
    model = keras.models.load_model(bundle / "model.keras", compile=False)
    logits = {"predict": load_predict, "function": load_function}[way](model)
    size = manifest.preprocessing.size_px
    logits(np.zeros((1, size, size, 1), np.float32))
    app = FastAPI()

    @app.post("/predict")
    async def predict(file: Annotated[UploadFile, File()]) -> Answer:
        # Inside the request and on the loop, as in the project that this stands for.
        pixels = preprocess(await file.read(), manifest.preprocessing)
        return answer_of(logits(pixels[None])[0], manifest)

    return app


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--way", choices=("predict", "function"), required=True)
    options = parser.parse_args()
    uvicorn.run(new_app(options.bundle, options.way), port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
