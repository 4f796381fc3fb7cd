"""The command line against a real system, as a process of its own."""

import csv
import hashlib
import json
import signal
import time
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SAMPLES = Path(__file__).parents[2] / "samples"
NOBODY = "http://127.0.0.1:1"
FILES = 100


@pytest.fixture
def folder(tmp_path, new_variants):
    """Many images, two of which are the same."""
    images = tmp_path / "images"
    images.mkdir()
    for n, (label, image) in enumerate(new_variants(FILES - 1, 5000)):
        (images / f"{label}-{n:03}.jpeg").write_bytes(image)
    (images / "twin.jpeg").write_bytes(image)
    return images


def predictions(url):
    return httpx.get(f"{url}/status").json()["num_predictions"]


def rows_of(file):
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines()]
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return list(csv.DictReader(lines))


def lines_of(file):
    return file.read_bytes().count(b"\n") if file.exists() else 0


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_an_interrupted_bulk_goes_on_and_neither_repeats_nor_loses_an_image(
    name, folder, new_pneumo, pneumo, gateway_url
):
    out = folder.parent / name
    before = predictions(gateway_url)
    line = ("predict", folder, "--out", out, "--concurrency", 4)
    child = new_pneumo(*line)
    while lines_of(out) < 20:
        assert child.poll() is None, child.communicate()
        time.sleep(0.005)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 130, err
    assert "--resume" in err
    assert "Traceback" not in err
    done = len(rows_of(out))
    assert out.read_bytes().endswith(b"\n")
    assert 19 <= done < FILES  # a CSV has a head

    code, _, err = pneumo(*line, "--resume")
    assert code == 0, err
    assert f"{done} of them before" in err
    rows = rows_of(out)
    assert sorted(row["file"] for row in rows) == sorted(map(str, folder.iterdir()))
    assert all(
        row["sha256"] == hashlib.sha256(Path(row["file"]).read_bytes()).hexdigest() for row in rows
    )
    # Asked twice at most: what was under way when it was interrupted.
    assert predictions(gateway_url) - before <= FILES + 4

    asked = predictions(gateway_url)
    assert pneumo(*line, "--resume")[0] == 0
    assert predictions(gateway_url) == asked
    assert rows_of(out) == rows


def test_one_bad_file_among_good_ones_is_named_and_the_rest_answered(pneumo, tmp_path):
    bad = tmp_path / "bad.jpeg"
    bad.write_bytes(b"no image")
    code, out, err = pneumo("predict", SAMPLES, bad, "--format", "json")
    rows = json.loads(out)
    assert code == 1
    assert {row["status"] for row in rows} == {"succeeded", "failed"}
    assert [row["file"] for row in rows if row["status"] == "failed"] == [str(bad)]
    assert "no answer is a diagnosis" in err
    code, out, _ = pneumo("predict", f"{SAMPLES}/vir*", tmp_path)
    assert code == 1
    assert "viral" in out


def test_a_gateway_that_is_away_ends_a_bulk_in_one_sentence(pneumo, tmp_path):
    code, out, err = pneumo("predict", SAMPLES, "--out", tmp_path / "x.csv", "--url", NOBODY)
    assert (code, out) == (3, "")
    assert "cannot be reached" in err


def test_exit_codes_tell_scripts_what_happened(pneumo, tmp_path):
    assert pneumo("status")[0] == 0
    assert pneumo("status", url=NOBODY)[0] == 3
    assert pneumo("models", "show", "no-such-version")[0] == 4
    assert pneumo("predict", tmp_path / "nothing.jpeg")[0] == 2
    assert pneumo("predict", SAMPLES, "--out", tmp_path / "x.txt")[0] == 2
    assert pneumo("jobs", "show", "x", "--url", "nonsense")[0] == 2
    (tmp_path / "there.csv").touch()
    code, _, err = pneumo("predict", SAMPLES, "--out", tmp_path / "there.csv")
    assert code == 2
    assert "--resume" in err


def test_a_training_is_watched_to_its_verdict_and_every_answer_can_be_json(
    pneumo, tmp_path, new_variants
):
    for n, (label, image) in enumerate(new_variants(60, 9000)):
        (tmp_path / label).mkdir(exist_ok=True)
        (tmp_path / label / f"{n}.jpeg").write_bytes(image)
    code, out, _ = pneumo("upload", tmp_path, "--json")
    assert code == 0
    assert len(json.loads(out)["accepted"]) == 60
    while json.loads(pneumo("dataset", "--json")[1])["total"] < 60:
        time.sleep(0.1)

    code, out, err = pneumo("retrain", "--watch", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == {"succeeded": 0, "rejected": 5}[events[-1]["state"]], err
    assert events[-1]["gate"] is not None
    code, out, _ = pneumo("jobs", "watch", events[-1]["id"])
    assert "The gate" in out
    listed = json.loads(pneumo("jobs", "list", "--json")[1])
    assert listed[0]["id"] == events[-1]["id"]
    assert pneumo("jobs", "cancel", events[-1]["id"])[0] in {0, 4}
    assert json.loads(pneumo("models", "show", "--json")[1])["manifest"]
    measured = json.loads(pneumo("bench", SAMPLES, "--duration", 1, "--warm-up", 0, "--json")[1])
    assert measured["answers"] > 0
    assert not measured["failures"]
