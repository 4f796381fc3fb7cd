"""The trials of a cluster and of memory limits: what they read, and what they call passed."""

import json
import shlex
import subprocess
import sys
from collections import Counter

import pytest

from load import compose
from load.cluster import is_typed_503, longest_gap_s, main, statuses_between
from load.hostile import (
    READ_MEMORY_COMMAND,
    MemoryUse,
    judge_answers,
    parse_memory_use,
    read_hostile_images,
)
from load.images import MissingImagesError
from load.kubectl import KubernetesNamespace, with_tag
from load.trials import IMPOSSIBLE, TrialError, judge_statuses
from shared.testing.load import LoadAnswer

VERSION_1 = """\
memory/memory.oom_control oom_kill_disable 0
memory/memory.oom_control under_oom 0
memory/memory.oom_control oom_kill 2
memory/memory.max_usage_in_bytes 805306368
memory/memory.limit_in_bytes 1073741824
"""
VERSION_2 = """\
memory.events max 7
memory.events oom 1
memory.events oom_kill 1
memory.peak 1048576
memory.max max
"""


def test_both_versions_of_cgroups_are_read():
    assert parse_memory_use(VERSION_1) == MemoryUse(2, 805306368, 1073741824)
    assert str(parse_memory_use(VERSION_1)) == "2 processes, peak 768 of 1024 MiB"
    assert parse_memory_use(VERSION_2) == MemoryUse(1, 1048576, None)
    assert parse_memory_use("") == MemoryUse(None, None, None)


def test_the_command_is_one_that_a_shell_takes():
    done = subprocess.run(READ_MEMORY_COMMAND, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    parse_memory_use(done.stdout)


def test_another_tag_changes_our_images_alone():
    text = "image: apache/kafka:4.1.1\nimage: registry.example.org:5000/pneumostream-ui:0.1.0\n"
    wanted = text.replace("0.1.0", "0.1.1")
    assert with_tag(text, "0.1.1") == wanted


def answers(*said):
    return [LoadAnswer(words, float(n), 0.5) for n, words in enumerate(said)]


def test_a_span_counts_what_was_sent_in_it():
    found = statuses_between(answers("200", "200", "503 overloaded", "200"), 1.0, 3.0)
    assert found == Counter({"200": 1, "503 overloaded": 1})
    assert longest_gap_s(answers("200", "broken", "503 x", "200")) == 3.0


@pytest.mark.parametrize(
    ("said", "typed"), [("503 overloaded", True), ("503 None", False), ("500 x", False)]
)
def test_only_a_503_with_a_code_is_typed(said, typed):
    assert is_typed_503(said) is typed


def test_a_hostile_image_may_be_answered_or_refused_but_breaks_nothing():
    assert judge_answers(Counter({"200": 1, "422 undecodable": 3, "insights 200": 1})).passed
    for wrong in ("broken", "500 None", "503 None"):
        assert judge_answers(Counter({"200": 1, wrong: 1})).passed is False


def test_hostile_images_must_be_named_and_there(tmp_path):
    with pytest.raises(MissingImagesError, match="holds no file"):
        read_hostile_images(tmp_path)
    (tmp_path / "a.png").write_bytes(b"x")
    (image,) = read_hostile_images(tmp_path)
    assert image.media_type == "image/png"
    with pytest.raises(MissingImagesError, match="needs --images"):
        compose.find_trial("memory", None)


def pod(container, restarts, *, ready):
    status = {"containerID": f"containerd://{container}", "restartCount": restarts, "ready": ready}
    return {
        "metadata": {"name": "worker-1"},
        "spec": {"nodeName": "node"},
        "status": {"containerStatuses": [status]},
    }


def test_a_kill_ends_when_the_same_pod_is_ready_again(tmp_path):
    # The stand-in for kubectl gives the next of these each time, then the last again.
    seen = [pod("aa", 0, ready=True), pod("aa", 0, ready=False), pod("bb", 1, ready=True)]
    script = tmp_path / "kubectl.py"
    script.write_text(
        "import json, pathlib\n"
        f"count = pathlib.Path({str(tmp_path / 'count')!r})\n"
        "n = int(count.read_text()) if count.exists() else 0\n"
        "count.write_text(str(n + 1))\n"
        f"seen = json.loads({json.dumps(seen)!r})\n"
        "print(json.dumps({'items': [seen[min(n, len(seen) - 1)]]}))\n"
    )
    killed = tmp_path / "killed"
    kill = f'{sys.executable} -c \'open("{killed}", "w").write("{{container}} {{pod}} {{node}}")\''
    command = [sys.executable, str(script)]
    cluster = KubernetesNamespace(command, "namespace", kill, tmp_path / "log")
    killed_s, ready_s = cluster.kill_one("inference-worker", timeout_s=60)
    assert killed.read_text() == "aa worker-1 node"
    assert ready_s >= killed_s
    with pytest.raises(TimeoutError):
        cluster.kill_one("inference-worker", timeout_s=0)


def test_without_a_cluster_the_trial_says_that_it_was_not_tried(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KUBECTL", shlex.join([sys.executable, "-c", "raise SystemExit('refused')"]))
    assert main(["--log", str(tmp_path / "log")]) == IMPOSSIBLE
    assert "refused" in capsys.readouterr().out
    with pytest.raises(TrialError, match="cannot be started"):
        KubernetesNamespace(["/no/kubectl"], "namespace", "", tmp_path / "log").run_kubectl(
            "version"
        )


def test_statuses_pass_with_a_200_and_nothing_beside_it_but_what_is_allowed():
    def passed(*statuses):
        return judge_statuses("x", Counter(statuses), is_typed_503, "wanted").passed

    assert passed("200", "503 overloaded")
    assert not passed("503 overloaded")
    assert not passed("200", "broken")


def test_without_docker_the_trial_reports_that_it_was_impossible(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DOCKER", shlex.join([sys.executable, "-c", "raise SystemExit('refused')"]))
    assert compose.main(["--log", str(tmp_path / "log")]) == IMPOSSIBLE
    assert "refused" in capsys.readouterr().out
