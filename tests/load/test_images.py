"""What users send: pictures by class, or one clear sentence."""

import io
import random
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from load.images import MissingImagesError, image_folder, read_images, vary_image

ROOT = Path(__file__).parents[2]


def test_the_samples_are_there_unless_another_folder_is_named(tmp_path):
    assert read_images(image_folder({}))
    assert image_folder({"IMAGES": str(tmp_path)}) == tmp_path


def test_a_label_is_the_folder_or_the_first_part_of_a_name(tmp_path):
    (tmp_path / "bacterial").mkdir()
    (tmp_path / "bacterial" / "1.jpeg").write_bytes(b"1")
    (tmp_path / "NORMAL-1.png").write_bytes(b"2")
    assert {each.label for each in read_images(tmp_path)} == {"bacterial", "NORMAL"}


def test_a_large_folder_is_read_evenly(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for n in range(10):
            (tmp_path / label / f"{n}.jpg").write_bytes(b"x")
    labels = [each.label for each in read_images(tmp_path, maximum=4)]
    assert labels == ["a", "a", "b", "b"]


@pytest.mark.parametrize("folder", ["empty", "absent"])
def test_nothing_to_send_is_one_sentence_before_anything_starts(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingImagesError, match="IMAGES="):
        read_images(tmp_path / folder)


def test_locust_ends_with_that_sentence_and_sends_nothing(tmp_path):
    command = [sys.executable, "-m", "locust", "--headless", "-H", "http://127.0.0.1:9"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={"IMAGES": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert f"{tmp_path} holds no JPEG or PNG file; name another: IMAGES=" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_fresh_picture_is_another_one_each_time():
    (picture, *_) = read_images(image_folder({}))
    rng = random.Random(0)
    bodies = {vary_image(picture, rng) for _ in range(8)}
    assert len(bodies) == 8
    for body in bodies:
        with Image.open(io.BytesIO(body)) as opened:
            assert (opened.format, opened.mode) == ("JPEG", "L")
