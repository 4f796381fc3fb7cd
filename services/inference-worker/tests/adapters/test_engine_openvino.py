"""The real bundle on the real engine; and bundles that must not be served."""

import hashlib
import json
import os
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from inference_worker.adapters.engine_openvino import OpenVinoLoader
from inference_worker.adapters.priority import step_back
from inference_worker.ports import ModelRefusedError

BUNDLE = Path(__file__).parents[4] / "models" / "baseline"


@pytest.fixture(scope="module")
def loader():
    return OpenVinoLoader(threads=1, threads_alone=2, max_batch=2)


@pytest.fixture
def bundle(tmp_path):
    return Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))


def rehash(bundle: Path, name: str) -> None:
    """Make the manifest agree with a changed file, as a careless exporter would."""
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    body = (bundle / name).read_bytes()
    manifest["files"][name] = {"sha256": hashlib.sha256(body).hexdigest(), "size_bytes": len(body)}
    path.write_text(json.dumps(manifest))


def change_goldens(bundle: Path, **changes) -> None:
    with np.load(bundle / "goldens.npz") as goldens:
        arrays = {name: goldens[name] for name in goldens.files}
    for name, change in changes.items():
        arrays[name] = change(arrays[name])
    np.savez(bundle / "goldens.npz", **arrays)
    rehash(bundle, "goldens.npz")


def test_the_baseline_loads_and_answers_alike_alone_and_in_a_batch(loader):
    engine = loader.load(BUNDLE)
    with np.load(BUNDLE / "goldens.npz") as goldens:
        inputs = goldens["inputs"]
    together = engine.predict(inputs).logits
    alone = np.concatenate([engine.predict(one[None]).logits for one in inputs])
    assert together.shape == (len(inputs), len(engine.manifest.classes))
    np.testing.assert_allclose(together, alone, atol=0.02)


def cut_weights(bundle: Path) -> None:
    weights = (bundle / "model.bin").read_bytes()
    (bundle / "model.bin").write_bytes(weights[: len(weights) // 2])


def flip_a_bit(bundle: Path) -> None:
    body = bytearray((bundle / "model.bin").read_bytes())
    body[len(body) // 2] ^= 1
    (bundle / "model.bin").write_bytes(body)


def break_the_graph(bundle: Path) -> None:
    (bundle / "model.xml").write_text("<net/>")
    rehash(bundle, "model.xml")


def rename_the_output(bundle: Path) -> None:
    path = bundle / "manifest.json"
    path.write_text(path.read_text().replace('"logits_output": "logits"', '"logits_output": "x"'))


@pytest.mark.parametrize(
    ("damage", "code", "reason"),
    [
        (lambda b: (b / "manifest.json").unlink(), "damaged", "holds no manifest"),
        (lambda b: (b / "model.bin").unlink(), "damaged", "missing"),
        (cut_weights, "damaged", "sha256"),
        (flip_a_bit, "damaged", "sha256"),
        (break_the_graph, "engine_failed", None),
        (rename_the_output, "engine_failed", None),
        (lambda b: change_goldens(b, logits=lambda x: x[:, ::-1]), "goldens", "golden logits"),
        (lambda b: change_goldens(b, inputs=lambda x: x + 0.01), "goldens", "golden inputs"),
        (lambda b: change_goldens(b, images=lambda x: x[:, ::-1]), "goldens", "golden inputs"),
    ],
)
def test_a_bundle_that_is_not_what_it_says_is_refused(loader, bundle, damage, code, reason):
    damage(bundle)
    with pytest.raises(ModelRefusedError, match=reason) as refused:
        loader.load(bundle)
    assert refused.value.code == code


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no archive", b"\x93NUMPY\x01\x00v"])
def test_goldens_that_are_no_arrays_are_a_refusal_and_no_bug(loader, bundle, content):
    (bundle / "goldens.npz").write_bytes(content)
    rehash(bundle, "goldens.npz")
    with pytest.raises(ModelRefusedError) as refused:
        loader.load(bundle)
    assert refused.value.code == "invalid"


@pytest.mark.parametrize("error", [MemoryError(), OSError(24, "EMFILE"), RuntimeError("no")])
def test_what_may_pass_is_refused_as_such(loader, bundle, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(loader, "_compile", fail)
    with pytest.raises(ModelRefusedError) as refused:
        loader.load(bundle)
    assert refused.value.code == "engine_failed"


def test_a_lone_image_is_answered_as_in_a_batch(loader):
    engine = loader.load(BUNDLE)
    with np.load(BUNDLE / "goldens.npz") as goldens:
        inputs = goldens["inputs"]
    for one in inputs:
        batch, lone = engine.predict(one[None]), engine.predict(one[None], alone=True)
        # Another graph, so other roundings; a label near its threshold could show a hundredth.
        np.testing.assert_allclose(batch.logits, lone.logits, atol=0.02)
        np.testing.assert_allclose(batch.strangeness, lone.strangeness, atol=0.02)


def test_a_batch_larger_than_one_run_of_the_graph_is_scored_whole_and_in_order(loader):
    engine = loader.load(BUNDLE)
    with np.load(BUNDLE / "goldens.npz") as goldens:
        inputs = goldens["inputs"]
    picked = [n % len(inputs) for n in range(29)]
    scores = engine.predict(inputs[picked])
    one_by_one = [engine.predict(one[None]) for one in inputs]
    for n, golden in enumerate(picked):
        np.testing.assert_allclose(scores.logits[n], one_by_one[golden].logits[0], atol=0.02)
        strangeness = one_by_one[golden].strangeness[0]
        np.testing.assert_allclose(scores.strangeness[n], strangeness, atol=0.02)
    assert len(scores.logits) == len(scores.strangeness) == 29


def priorities() -> dict[int, int]:
    tasks = Path("/proc/self/task").iterdir()
    return {int(task.name): os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads a priority")
def test_a_model_loaded_by_a_thread_that_stepped_back_is_served_by_threads_that_did_not():
    loader = OpenVinoLoader(threads=1, threads_alone=2, max_batch=2)
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(loader.load, BUNDLE).result()
        thread = pool.submit(threading.get_native_id).result()
        pool.submit(step_back).result()
        engine = pool.submit(loader.load, BUNDLE).result()
        assert priorities()[thread] == 19
        before = spent_s()
        with np.load(BUNDLE / "goldens.npz") as goldens:
            for _ in range(60):
                engine.predict(goldens["inputs"][:1], alone=True)
        after = spent_s()
        now = priorities()
        busy = [task for task in now if after.get(task, 0) - before.get(task, 0) > 0.05]
        assert busy
        assert {now[task] for task in busy} == {usual}


def spent_s() -> dict[int, float]:
    """CPU time of every thread."""
    ticks = os.sysconf("SC_CLK_TCK")
    spent = {}
    for task in Path("/proc/self/task").iterdir():
        fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        spent[int(task.name)] = (int(fields[11]) + int(fields[12])) / ticks
    return spent


def test_each_logit_is_the_mean_of_its_map_and_asking_for_maps_changes_no_score(loader):
    engine = loader.load(BUNDLE)
    with np.load(BUNDLE / "goldens.npz") as goldens:
        inputs = goldens["inputs"]
    for pixels, alone in ((np.concatenate([inputs, inputs]), False), (inputs[:1], True)):
        plain = engine.predict(pixels, alone=alone)
        told = engine.predict(pixels, alone=alone, explained=True)
        assert plain.maps is None
        np.testing.assert_array_equal(plain.logits, told.logits)
        np.testing.assert_array_equal(plain.strangeness, told.strangeness)
        assert told.maps.shape == (len(pixels), 14, 14, 3)
        np.testing.assert_allclose(told.maps.mean(axis=(1, 2)), told.logits, atol=1e-5)


def name_no_maps(manifest: dict) -> None:
    manifest["engine"]["cam_output"] = None


def name_maps_that_are_not_there(manifest: dict) -> None:
    manifest["engine"]["cam_output"] = "maps"


def name_what_does_not_add_up(manifest: dict) -> None:
    manifest["engine"]["cam_output"] = "domain"


@pytest.mark.parametrize(
    "change", [name_no_maps, name_maps_that_are_not_there, name_what_does_not_add_up]
)
def test_a_bundle_without_exact_maps_is_served_and_explains_nothing(loader, bundle, change):
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    engine = loader.load(bundle)
    scores = engine.predict(np.zeros((2, 224, 224, 1), np.float32), explained=True)
    assert scores.maps is None
    assert scores.logits.shape == (2, 3)
