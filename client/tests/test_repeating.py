"""When a call is made again: decided on scripted answers, with a clock that only sleeping moves."""

from dataclasses import dataclass, field

import httpx
import pytest

from pneumo import (
    Client,
    ConnectionFailedError,
    DeadlineExceededError,
    InvalidInputError,
    RateLimitedError,
    RetryPolicy,
    UnavailableError,
    UnexpectedAnswerError,
)
from pneumo.retries import decide_wait, is_retryable

ANSWER = {
    "id": "01",
    "status": "succeeded",
    "label": "viral",
    "confidence": 0.9,
    "probabilities": {"viral": 0.9, "NORMAL": 0.1},
    "model": {"name": "pneumonia", "version": "1"},
    "a_field_of_tomorrow": {"x": 1},
}
MODEL = {
    "name": "pneumonia",
    "version": "1",
    "state": "current",
    "bundle_sha256": "ab" * 32,
    "classes": ["a", "b"],
    "metrics": {},
    "lineage": {"data_sha256": "cd" * 32, "code_version": "1", "seed": 0, "trained_at_ms": 1},
    "created_at_ms": 1,
}


def problem(status, code, retry_after_s=None, **more):
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    body = {"code": code, "detail": "No.", **more}
    return httpx.Response(status, json=body, headers=headers)


@dataclass
class Script:
    """Answers with what it was given, in turn; an exception is raised. now_s: moved by sleeping."""

    answers: list
    now_s: float = 0.0
    slept: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    def _answer(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _sleep(self, seconds):
        self.slept.append(seconds)
        self.now_s += seconds

    def client(self, **options):
        return Client(
            "http://gateway",
            transport=httpx.MockTransport(self._answer),
            sleep=self._sleep,
            monotonic_s=lambda: self.now_s,
            jitter=lambda: 0.0,
            **options,
        )


def test_an_overloaded_gateway_is_asked_again_after_as_long_as_it_says():
    script = Script([problem(503, "overloaded", 2), httpx.Response(200, json=ANSWER)])
    with script.client() as client:
        assert client.predict(b"image").label == "viral"
    assert script.slept == [2.0]


def test_who_is_told_when_to_come_back_does_as_often_as_there_is_time():
    script = Script([problem(503, "overloaded", 2) for _ in range(20)])
    with script.client(timeout_s=21.0) as client, pytest.raises(UnavailableError):
        client.predict(b"image")
    assert script.slept == [2.0] * 10


def test_backoff_grows_and_the_last_failure_is_raised():
    script = Script([httpx.ConnectError("refused")] * 4)
    with (
        script.client(
            retries=RetryPolicy(attempts=4, initial_backoff_s=1.0, max_backoff_s=3.0)
        ) as client,
        pytest.raises(ConnectionFailedError, match="cannot be reached"),
    ):
        client.status()
    assert script.slept == [0.5, 1.0, 1.5]


def test_who_cannot_wait_that_long_hears_of_it_at_once():
    script = Script([problem(429, "rate_limited", 30)])
    with script.client(timeout_s=20.0) as client, pytest.raises(RateLimitedError) as caught:
        client.dataset()
    assert (caught.value.retry_after_s, script.slept) == (30.0, [])


def test_the_gateway_is_told_to_wait_no_longer_than_the_caller_does():
    script = Script([problem(503, "overloaded", 5), httpx.Response(200, json=ANSWER)])
    with script.client(timeout_s=12.0) as client:
        client.predict(b"image", wait_s=10.0)
    assert [request.headers["prefer"] for request in script.requests] == ["wait=10", "wait=7"]


@pytest.mark.parametrize(
    "failure", [httpx.ReadError("broke"), problem(503, "registry_unavailable", 1)]
)
def test_a_rollback_that_may_have_happened_is_not_repeated(failure):
    script = Script([failure])
    with script.client() as client, pytest.raises((ConnectionFailedError, UnavailableError)):
        client.rollback()
    assert len(script.requests) == 1


def test_a_rollback_that_was_never_sent_is():
    script = Script([httpx.ConnectError("refused"), httpx.Response(200, json=MODEL)])
    with script.client() as client:
        assert client.rollback().version == "1"


def test_a_job_asked_for_twice_bears_the_same_key():
    script = Script([httpx.ReadError("broke"), problem(422, "too_few_data")])
    with script.client() as client, pytest.raises(InvalidInputError):
        client.retrain()
    first, second = (request.headers["idempotency-key"] for request in script.requests)
    assert first == second


def test_polling_comes_back_when_it_was_told_to_and_gives_up_in_time():
    pending = httpx.Response(
        202, json={"id": "01", "status": "pending"}, headers={"Retry-After": "3"}
    )
    script = Script([pending] * 4)
    with script.client() as client, pytest.raises(DeadlineExceededError) as caught:
        client.wait_for("01", timeout_s=10.0)
    assert (script.slept, caught.value.id) == ([3.0, 3.0, 3.0], "01")


def test_an_answer_that_is_not_ours_says_so():
    script = Script([httpx.Response(200, text="<html>")])
    with script.client() as client, pytest.raises(UnexpectedAnswerError, match="gateway"):
        client.status()


def test_jitter_is_between_half_and_all_of_the_pause():
    policy = RetryPolicy(attempts=3, initial_backoff_s=1.0)
    failure = ConnectionFailedError("x", was_sent=False)
    waits = [
        decide_wait(policy, 1, failure, idempotent=True, left_s=9.0, jitter=jitter)
        for jitter in (0.0, 0.5, 1.0)
    ]
    assert waits == [0.5, 0.75, 1.0]


def test_what_can_help_is_repeated_and_nothing_else():
    never = [InvalidInputError("undecodable", 422, "No."), DeadlineExceededError("x", 504, "No.")]
    assert not any(is_retryable(failure, idempotent=True) for failure in never)
    assert is_retryable(UnavailableError("overloaded", 503, "No."), idempotent=False)
    assert not is_retryable(UnavailableError("broker_unavailable", 503, "No."), idempotent=False)
