"""How long the first version of this system took to retrain: a Keras fit over everything.

    .venv/bin/python bench/seed_way.py FOLDER --weights MOBILENET.h5 [--stop-after 180]

MobileNetV2 with a new head: two epochs with the backbone frozen, two with all of it trained,
batches of 32, decoding in the input pipeline, as the student project did. Stops at the limit and
says how far it got: bench/loop.py is the other side of the comparison.
"""

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

_SIZE = 224
_BATCH = 32
_PHASES = ((False, 1e-3), (True, 1e-5))
_EPOCHS = 2


class Stop(keras.callbacks.Callback):
    """Ends the training at a moment, and counts what was learned from until then."""

    def __init__(self, end_s: float) -> None:
        super().__init__()
        self._end_s = end_s
        self.pictures = 0
        self.stopped = False

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Look at the clock."""
        del batch, logs
        self.pictures += _BATCH
        if time.perf_counter() > self._end_s:
            self.stopped = True
            self.model.stop_training = True


def label_of(path: Path) -> str:
    """Read the class from the folder, and in the Kermany layout from the name."""
    if path.parent.name != "PNEUMONIA":
        return path.parent.name
    return "viral" if "virus" in path.name else "bacterial"


def new_pictures(folder: Path) -> tuple[tf.data.Dataset, int, int]:
    """Give shuffled batches of pictures and labels, how many pictures, how many classes."""
    paths = sorted(folder.rglob("*.jp*g"))
    labels = [label_of(path) for path in paths]
    classes = sorted(set(labels))
    numbers = [classes.index(label) for label in labels]

    def decode(path: tf.Tensor, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        picture = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        resized = tf.image.resize(picture, (_SIZE, _SIZE)) / 127.5 - 1.0
        return resized, number

    pictures = tf.data.Dataset.from_tensor_slices(([str(path) for path in paths], numbers))
    shuffled = pictures.shuffle(len(paths), seed=0).map(decode, num_parallel_calls=2)
    return shuffled.batch(_BATCH).prefetch(2), len(paths), len(classes)


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--stop-after", type=float, default=3600.0, help="seconds")
    options = parser.parse_args()
    started_s = time.perf_counter()
    pictures, count, classes = new_pictures(options.folder)
    body = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(_SIZE, _SIZE, 3), pooling="avg"
    )
    body.load_weights(options.weights)
    model = keras.Sequential([body, keras.layers.Dense(classes, activation="softmax")])
    stop = Stop(started_s + options.stop_after)
    for is_trained, rate in _PHASES:
        body.trainable = is_trained
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        if not stop.stopped:
            model.fit(pictures, epochs=_EPOCHS, verbose=0, callbacks=[stop])
    took_s = time.perf_counter() - started_s
    wanted = count * _EPOCHS * len(_PHASES)
    how = "stopped" if stop.stopped else "done"
    print(f"{how} after {took_s:.0f} s: {stop.pictures} of {wanted} pictures learned from")


if __name__ == "__main__":
    main()
