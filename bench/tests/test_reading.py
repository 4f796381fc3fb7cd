"""What is read from processes, folders and answers."""

import json
from pathlib import Path

import pytest

from bench.compare.__main__ import find_payloads
from bench.compare.load import (
    BenchTarget,
    choose_evenly,
    is_sure,
    label_of,
    new_target_request,
)
from bench.compare.running import Usage, cpu_by_role, role_of

REST = BenchTarget("v2-rest", "127.0.0.1", 80)


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("python -m gateway", "gateway"),
        ("python -m inference_worker", "worker"),
        ("python -m embedded up", "supervisor"),
        ("python -m supervisor.supervisord -c x", "supervisor"),
        ("java @/tmp/java.args kafka.Kafka server.properties", "broker"),
        ("python -c from multiprocessing.spawn import spawn_main;", "worker"),
        ("python -c from multiprocessing.resource_tracker import main;", "other"),
        ("python -m bench.peers.lit_server bundle 1", "server"),
        ("mlserver start folder", "server"),
        ("python -m", "server"),
        ("", "server"),
    ],
)
def test_roles(command, role):
    assert role_of(command.split()) == role


def test_cpu_is_summed_by_role_and_a_new_process_counts_from_zero():
    before = Usage({1: 5.0, 2: 1.0}, {1: "worker", 2: "gateway"})
    after = Usage({1: 6.0, 2: 1.5, 3: 0.25}, {1: "worker", 2: "gateway", 3: "worker"})
    assert cpu_by_role(before, after) == {"worker": 1.25, "gateway": 0.5}


def test_images_of_a_folder_are_found_and_spread_over_all_of_it(tmp_path):
    for n in range(450):
        (tmp_path / f"{n:03}.jpeg").touch()
    (payload,) = find_payloads(tmp_path, ("224px",))
    assert payload.name == tmp_path.name
    assert len(payload.paths) == 200
    assert payload.paths[1].name == "002.jpeg"


def test_a_folder_without_images_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match="holds no JPEG files"):
        find_payloads(tmp_path, ())


def test_evenly_chosen():
    paths = [Path(str(n)) for n in range(25)]
    assert [int(path.name) for path in choose_evenly(paths, 10)] == [
        0,
        2,
        5,
        7,
        10,
        12,
        15,
        17,
        20,
        22,
    ]
    assert choose_evenly(paths[:3], 10) == paths[:3]


def test_a_v2_request_carries_the_image_as_base64():
    head, body = new_target_request(REST, b"\xff\xd8").split(b"\r\n\r\n", 1)
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body)["inputs"][0]["data"] == ["/9g="]


def test_labels_of_both_protocols():
    ours = b'{"label": "viral", "warnings": ["close_call"]}'
    theirs = b'{"outputs": [{"name": "confidence", "data": [1]}, {"name": "label", "data": ["x"]}]}'
    assert label_of(BenchTarget("multipart", "h", 1), ours) == "viral"
    assert label_of(REST, theirs) == "x"
    assert not is_sure(ours)
