"""Practice uploads: a ZIP of the samples, each slightly rotated, moved and lit.

    .venv/bin/python -m load.practice practice.zip --each 6

One folder per class, as `POST /v1/uploads` takes it; the same options give the same bytes. They are
for trying the path from an upload to a served model: varied composites teach a model nothing.
"""

import argparse
import io
import random
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageOps

from load.images import SAMPLES, read_images, vary_image

_DAY_ONE = (1980, 1, 1, 0, 0, 0)


def practice_images(each: int, seed: int, new_class: str | None) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of `each` variations of every sample.

    new_class: also their negatives, under this label: a class that no model knows.
    """
    rng = random.Random(seed)  # noqa: S311  images, no secrets
    for number, image in enumerate(read_images(SAMPLES), 1):
        for n in range(1, each + 1):
            varied = vary_image(image, rng)
            yield f"{image.label}/practice-{number}-{n}.jpeg", varied
            if new_class is not None:
                yield f"{new_class}/practice-{number}-{n}.jpeg", _negative(varied)


def write_zip(out: Path, images: Iterator[tuple[str, bytes]]) -> int:
    """Write the archive; return the number of images."""
    count = 0
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in images:
            archive.writestr(zipfile.ZipInfo(name, _DAY_ONE), body)
            count += 1
    return count


def _negative(image: bytes) -> bytes:
    body = io.BytesIO()
    with Image.open(io.BytesIO(image)) as opened:
        ImageOps.invert(opened).save(body, "JPEG", quality=90)
    return body.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the ZIP that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m load.practice", description=__doc__)
    parser.add_argument("out", type=Path, help="where the ZIP is written")
    parser.add_argument("--each", type=int, default=6, help="variations of each of the six samples")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other images")
    parser.add_argument("--new-class", help="their negatives as well, under this label")
    given = parser.parse_args(arguments)
    count = write_zip(given.out, practice_images(given.each, given.seed, given.new_class))
    sys.stdout.write(f"{given.out}: {count} images\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
