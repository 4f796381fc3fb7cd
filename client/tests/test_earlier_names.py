"""Earlier names can be imported for one more release."""

import importlib

import httpx
import pytest

from pneumo import Client, ConnectionFailedError, RetryPolicy


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("pneumo.answers", "Prediction UploadReport Job JobEvent Pending Health DISCLAIMER"),
        ("pneumo.insights", "Judged Curves ValidationCurves Spread Intensity Target Thresholds"),
        ("pneumo.status", "Status StatusWorker Broker Lag Load SeenError"),
        ("pneumo.lanes", "Lanes"),
        ("pneumo.bodies", "Progress"),
        ("pneumo.bulk.asking", "Asking"),
        ("pneumo.bulk.rows", "Row"),
    ],
)
def test_earlier_names_can_be_imported(module, names):
    assert all(hasattr(importlib.import_module(module), name) for name in names.split())


def test_earlier_arguments_still_set_the_backoff():
    assert RetryPolicy(2, first_s=1.0, most_s=3.0) == RetryPolicy(2, 1.0, 3.0)

    def refuse(_):
        raise httpx.ConnectError("refused")

    slept = []
    with (
        Client(
            "http://g",
            transport=httpx.MockTransport(refuse),
            retries=RetryPolicy(2, first_s=1.0),
            sleep=slept.append,
            chance=lambda: 0.0,
        ) as client,
        pytest.raises(ConnectionFailedError),
    ):
        client.status()
    assert slept == [0.5]
