"""An announcement of an older model that comes last changes nothing."""

from types import SimpleNamespace

import pytest

from gateway.subscribers.cluster import ClusterView
from shared.contracts.models import ModelPromoted


def promoted(version, at_ms, name="pneumonia"):
    event = ModelPromoted(
        name=name, version=version, bundle_sha256=version * 64, promoted_at_ms=at_ms
    )
    return SimpleNamespace(value=event.to_bytes())


@pytest.mark.parametrize(
    ("events", "current"),
    [
        ([("1", 10), ("2", 20)], "2"),
        ([("2", 20), ("1", 10)], "2"),  # of a leader that was frozen between two promotions
        ([("2", 20), ("1", 10), ("3", 30)], "3"),
        ([("2", 20), ("3", 20)], "3"),  # within one millisecond the topic's order decides
        ([("1", 10), ("1", 10)], "1"),
    ],
)
def test_the_current_model_is_the_one_promoted_last_not_announced_last(events, current):
    cluster = ClusterView()
    cluster.on_model_promoted(promoted("9", 99, name="another"))
    for event in events:
        cluster.on_model_promoted(promoted(*event))
    assert cluster.current_model("pneumonia").version == current
    assert cluster.current_model("another").version == "9"
