"""What both clients do with a real system: predictions, uploads, a training, a way back."""

import asyncio
import time
import zipfile
from pathlib import Path

import pytest

from pneumo import (
    AsyncClient,
    Client,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    Pending,
    Prediction,
)

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]

SAMPLE = Path(__file__).parents[2] / "samples" / "viral-composite-1-224px.jpeg"


def stored(client, total):
    ends_s = time.monotonic() + 60
    while client.dataset().total < total:
        assert time.monotonic() < ends_s
        time.sleep(0.05)
    return client.dataset()


def test_an_image_is_an_image_however_it_is_given(gateway_url):
    with Client(gateway_url) as client, SAMPLE.open("rb") as file:
        answers = [client.predict(given) for given in (SAMPLE, str(SAMPLE), SAMPLE.read_bytes())]
        answers.append(client.predict(file))
        assert {answer.label for answer in answers} == {"viral"}
        assert [answer.filename for answer in answers] == [
            SAMPLE.name,
            SAMPLE.name,
            None,
            SAMPLE.name,
        ]
        later = client.submit(SAMPLE)
        assert isinstance(later, Pending)
        assert client.wait_for(later.id).probabilities == answers[0].probabilities
        assert isinstance(client.outcome(later.id), Prediction)


def test_errors_say_what_a_caller_can_do(gateway_url):
    with Client(gateway_url) as client:
        with pytest.raises(InvalidInputError) as undecodable:
            client.predict(b"\xff\xd8\xff no more of it")
        assert undecodable.value.code in {"undecodable", "unsupported_media_type"}
        with pytest.raises(NotFoundError):
            client.outcome("01900000-0000-7000-8000-000000000000")
        with pytest.raises(NotFoundError):
            client.model("no-such-version")
        with pytest.raises(ConflictError):
            client.rollback(from_version="no-such-version")


def test_uploads_become_a_model_and_it_can_be_taken_back(gateway_url, new_variants, tmp_path):
    images = new_variants(60, 0)
    sent = []
    with Client(gateway_url) as client:
        first = client.current_model().version
        before = client.dataset().total
        for label in sorted({label for label, _ in images[:30]}):
            group = [image for name, image in images[:30] if name == label]
            report = client.upload(
                [*group, b"no image"], label, source="test", progress=lambda *n: sent.append(n)
            )
            assert (len(report.accepted), len(report.rejected)) == (len(group), 1)
        assert sent[-1][0] == sent[-1][1]
        archive = tmp_path / "labelled.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            for n, (label, image) in enumerate(images[30:]):
                packed.writestr(f"{label}/{n}.jpeg", image)
        assert len(client.upload_zip(archive, source="test").accepted) == 30
        assert stored(client, before + 60).by_source["test"] == 60

        job = client.retrain(idempotency_key="one-click")
        assert client.retrain(idempotency_key="one-click").id == job.id
        events = list(client.job_events(job.id))
        assert [event.has_ended for event in events] == [False] * (len(events) - 1) + [True]
        assert events[-1].state == "succeeded", events[-1]
        assert events[-1].gate.accepted
        assert client.job(job.id).model_version == events[-1].model_version
        assert client.models()[-1].state == "current"
        assert client.model(events[-1].model_version).lineage.parent == first
        assert client.rollback(from_version=events[-1].model_version).version == first


async def test_the_other_client_does_the_same_without_waiting(gateway_url):
    async with AsyncClient(gateway_url, max_connections=8) as client:
        answers = await asyncio.gather(*(client.predict(SAMPLE) for _ in range(40)))
        assert {answer.label for answer in answers} == {"viral"}
        pending = await client.submit(SAMPLE)
        assert (await client.wait_for(pending.id)).label == "viral"
        assert (await client.health()).is_ready
        assert (await client.status()).num_predictions >= 40
        ended = [job for job in await client.jobs() if job.has_ended]
        for job in ended:
            told = [event async for event in client.job_events(job.id)]
            assert [event.state for event in told] == [job.state]
