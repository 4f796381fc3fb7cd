"""S3 that fails: each way has its end, is told in a few words, and tells no secret."""

import asyncio
import socket
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from registry.adapters.artifacts_s3 import S3Artifacts
from registry.adapters.bucket import open_bucket
from registry.ports import ArtifactsUnavailableError, StartError
from shared.testing.bundles import sha256_hex

URL = "s3://bucket/place"
CONTENT = b"a bundle's file" * 200_000
SHA256 = sha256_hex(CONTENT)


def _answer(status: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@asynccontextmanager
async def _answering(answers: list[bytes]) -> AsyncIterator[str]:
    """Give the URL of a server that has these answers, one a request, and then says nothing."""

    open_ones: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n") and answers:
                writer.write(answers.pop(0))
            await reader.read()  # until the other side has had enough

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in open_ones:
            writer.close()
    for writer in open_ones:
        with suppress(ConnectionError):
            await writer.wait_closed()


def _files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture
def own_server() -> Iterator[ThreadedMotoServer]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    yield server
    server.stop()


async def test_a_server_that_stops_in_the_middle_is_a_typed_failure_until_it_is_back(
    own_server: ThreadedMotoServer, bucket_url: str, tmp_path: Path
) -> None:
    host, port = own_server.get_host_and_port()
    bucket = open_bucket(bucket_url, f"http://{host}:{port}", answer_s=1.0)
    artifacts = S3Artifacts(bucket, tmp_path, max_bytes=2**30)
    artifacts.prepare()
    await artifacts.store(SHA256, _one(CONTENT))
    blocks = artifacts.read(SHA256)
    assert await anext(blocks) == CONTENT[: 2**20]
    own_server.stop()
    with pytest.raises(ArtifactsUnavailableError):
        await anext(blocks)
    with pytest.raises(ArtifactsUnavailableError):
        await artifacts.store(SHA256, _one(CONTENT))
    assert _files(tmp_path) == []
    assert not await artifacts.is_available()
    again = ThreadedMotoServer(host, port, verbose=False)
    again.start()
    try:
        assert await artifacts.is_available()
        assert await artifacts.load(SHA256) == CONTENT
    finally:
        again.stop()


@pytest.mark.usefixtures("aws")
async def test_a_bucket_that_is_not_there_is_no_bucket_without_files(
    s3_endpoint: str, tmp_path: Path
) -> None:
    bucket = open_bucket("s3://nobody-made-this", s3_endpoint)
    artifacts = S3Artifacts(bucket, tmp_path, max_bytes=2**30)
    artifacts.prepare()
    assert not await artifacts.is_available()
    for asked in (bucket.load("x"), bucket.put("x", b"x"), artifacts.store(SHA256, _one(CONTENT))):
        with pytest.raises(ArtifactsUnavailableError, match="S3: NoSuchBucket"):
            await asked


@pytest.mark.usefixtures("aws")
async def test_a_request_that_hangs_has_an_end(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(CONTENT * 2)
    async with _answering([]) as endpoint:
        bucket = open_bucket(URL, endpoint, answer_s=0.2)
        begun = time.monotonic()
        asked = [
            bucket.size_bytes("x"),
            bucket.load("x"),
            bucket.load_part("x", 0, 1),
            bucket.put("x", b"x"),
            bucket.remove("x"),
            bucket.put_file("x", large),
        ]
        outcomes = await asyncio.gather(*asked, bucket.is_available(), return_exceptions=True)
        assert time.monotonic() - begun < 20
    assert outcomes.pop() is False
    assert [type(each) for each in outcomes] == [ArtifactsUnavailableError] * len(asked)


@pytest.mark.usefixtures("aws")
async def test_a_server_that_is_busy_for_a_moment_is_asked_again() -> None:
    answers = [_answer("503 Slow Down"), _answer("500 Oh"), _answer("200 OK", b"here")]
    async with _answering(answers) as endpoint:
        assert await open_bucket(URL, endpoint).load("x") == b"here"
    assert answers == []


_REFUSED = b"<Error><Code>%b</Code><Message>AKIATEST, not-to-be-told</Message></Error>"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (_answer("403 Forbidden", _REFUSED % b"SignatureDoesNotMatch"), "SignatureDoesNotMatch"),
        (_answer("400 Bad Request", _REFUSED % b"ExpiredToken"), "ExpiredToken"),
        (_answer("404 Not Found", _REFUSED % b"InvalidAccessKeyId"), "InvalidAccessKeyId"),
        (_answer("401 Unauthorized"), "status 401"),
        (_answer("307 Elsewhere"), "no answer|status 307"),
        (b"no HTTP\r\n\r\n", "no answer"),
    ],
)
@pytest.mark.usefixtures("aws")
async def test_what_is_refused_is_told_without_a_secret(answer: bytes, says: str) -> None:
    async with _answering([answer] * 6) as endpoint:
        bucket = open_bucket(URL, endpoint, answer_s=2.0)
        with pytest.raises(ArtifactsUnavailableError, match=says) as failed:
            await bucket.load("patient")
        assert not await bucket.is_available()
    told = "".join(traceback.format_exception(failed.value))
    shown = told[told.rindex("ArtifactsUnavailableError") :]
    assert "Traceback" not in told.replace("Traceback", "", 1), "the library's words are shown"
    for secret in ("AKIATEST", "not-to-be-told", "patient", "127.0.0.1"):
        assert secret not in shown


def test_half_a_credential_is_no_start(aws: pytest.MonkeyPatch) -> None:
    aws.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(StartError, match="one of AWS_"):
        open_bucket(URL)
