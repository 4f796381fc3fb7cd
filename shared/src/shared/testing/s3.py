"""pytest fixtures that start an S3 server; loaded by the root conftest.py."""

import secrets
import socket
from collections.abc import Iterator

import httpx
import pytest
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Give the URL of an S3 server in this process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set the AWS_* that libraries read, and give what changes them for the test."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-told")
    return monkeypatch


@pytest.fixture
def bucket_url(aws: pytest.MonkeyPatch, s3_endpoint: str) -> str:  # noqa: ARG001
    """Give the URL of a place in a new bucket."""
    name = f"t{secrets.token_hex(6)}"
    httpx.put(f"{s3_endpoint}/{name}", trust_env=False).raise_for_status()
    return f"s3://{name}/some/place"
