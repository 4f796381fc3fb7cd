"""Messages of every released schema version must parse for ever: the golden files say how."""

from pathlib import Path
from traceback import format_exception

import pytest
from pydantic import ValidationError

from shared.clock import created_at_ms, new_id
from shared.contracts.dead_letters import (
    MAX_STACK_CHARS,
    Attempt,
    Cause,
    DeadLetter,
    parse_dead_letter,
)
from shared.contracts.headers import HeaderError, RequestHeaders, parse_request_headers
from shared.contracts.models import ModelPromoted, WorkerStatus
from shared.contracts.predict import Expired, Failed, Succeeded, parse_result
from shared.contracts.topics import ALL_TOPICS, PREDICT_REQUESTS
from shared.contracts.train import TrainEvent, TrainModel

GOLDEN = Path(__file__).parent / "golden"
RELEASED = GOLDEN / "released"
"""Messages as each version wrote them when it was released: `deploy/release.py` keeps them."""
ID = "01a209bd-8adc-7599-8daf-313e762d18cf"


GOLDEN_MESSAGES = [
    ("predict.result.1.succeeded.json", parse_result, Succeeded),
    ("predict.result.1.succeeded-explained.json", parse_result, Succeeded),
    ("predict.result.1.failed.json", parse_result, Failed),
    ("predict.result.1.failed-timed.json", parse_result, Failed),
    ("predict.result.1.expired.json", parse_result, Expired),
    ("predict.result.1.expired-timed.json", parse_result, Expired),
    ("model.promoted.1.json", ModelPromoted.model_validate_json, ModelPromoted),
    ("worker.status.1.json", WorkerStatus.model_validate_json, WorkerStatus),
    ("train.command.1.json", TrainModel.model_validate_json, TrainModel),
    ("train.event.1.json", TrainEvent.model_validate_json, TrainEvent),
]


@pytest.mark.parametrize(("name", "parse", "kind"), GOLDEN_MESSAGES)
def test_a_golden_message_parses_and_survives_a_round_trip(name, parse, kind):
    message = parse((GOLDEN / name).read_bytes())
    assert isinstance(message, kind)
    assert parse(message.to_bytes()) == message


@pytest.mark.parametrize("release", [path.name for path in sorted(RELEASED.iterdir())])
def test_messages_of_every_release_are_read_today(release):
    parsers = {name: (parse, kind) for name, parse, kind in GOLDEN_MESSAGES}
    messages = sorted((RELEASED / release).glob("*.json"))
    assert messages
    for file in messages:
        parse, kind = parsers[file.name]
        assert isinstance(parse(file.read_bytes()), kind), file.name


def test_an_explanation_goes_by_its_word_on_the_wire_and_is_left_out_where_there_is_none():
    told = parse_result((GOLDEN / "predict.result.1.succeeded-explained.json").read_bytes())
    assert told.explanation.of_class == "bacterial"
    assert b'"class":"bacterial"' in told.to_bytes()
    plain = parse_result((GOLDEN / "predict.result.1.succeeded.json").read_bytes())
    assert plain.to_bytes() == (GOLDEN / "predict.result.1.succeeded.json").read_bytes().strip()


def test_a_field_of_tomorrow_does_not_disturb_the_reader_of_today():
    body = (GOLDEN / "worker.status.1.json").read_text().replace("{", '{"new_field": 1,', 1)
    assert WorkerStatus.model_validate_json(body).id == "worker-0"


def test_what_is_no_result_is_refused():
    with pytest.raises(ValidationError):
        parse_result(b'{"status": "maybe"}')


def test_request_headers_survive_the_wire():
    warned = ("no_window", "view_unknown")
    traced = (ID, 1_795_459_746_524, "image/jpeg", 2, "00-abc-def-01", 7, ID)
    headers = RequestHeaders(*traced, explain="cam", warnings=warned)
    assert parse_request_headers(headers.to_kafka()) == headers


def test_a_dead_letter_survives_the_wire_with_the_end_of_its_stack():
    attempt = Attempt(number=1, at_ms=5, worker="worker-0", error="RuntimeError: no")
    letter = DeadLetter(RequestHeaders(ID, 9), Cause.INTERNAL, "x" * 9_000 + "end", (attempt,), 8)
    read = parse_dead_letter(letter.to_kafka())
    assert (read.request, read.cause, read.attempts) == (letter.request, letter.cause, (attempt,))
    assert (read.dead_at_ms, len(read.stack), read.stack[-3:]) == (8, MAX_STACK_CHARS, "end")


@pytest.mark.parametrize(
    "changed",
    [("cause", b"boredom"), ("attempts", b"[{}]"), ("dead-at", b"never"), ("id", b"\xff")],
)
def test_what_is_no_dead_letter_is_refused(changed):
    letter = DeadLetter(RequestHeaders(ID, 9), Cause.INTERNAL, "", (), 8)
    with pytest.raises(HeaderError):
        parse_dead_letter(list((dict(letter.to_kafka()) | dict([changed])).items()))


def test_what_others_put_beside_the_headers_of_a_request_disturbs_nobody():
    headers = RequestHeaders(ID, 9)
    assert parse_request_headers([*headers.to_kafka(), ("baggage", b"\xff")]) == headers


@pytest.mark.parametrize(
    "raw",
    [
        [],
        [("id", b"x"), ("schema", b"predict.request/1"), ("deadline", b"soon")],
        [("id", b"\xff\xfe"), ("schema", b"predict.request/1"), ("deadline", b"1")],
        [("id", b"x"), ("schema", b"predict.request/9"), ("deadline", b"1")],
        [("id", None), ("schema", b"predict.request/1"), ("deadline", b"1")],
        [*RequestHeaders(ID, 9).to_kafka(), ("warnings", b"SMITH^JOHN")],
        [*RequestHeaders(ID, 9).to_kafka(), ("warnings", b"a," * 20 + b"a")],
        [*RequestHeaders(ID, 9).to_kafka(), ("warnings", b"")],
    ],
)
def test_foreign_headers_are_refused_with_one_error(raw):
    with pytest.raises(HeaderError):
        parse_request_headers(raw)


@pytest.mark.parametrize("name", ["schema", "deadline", "attempt"])
def test_what_is_said_of_unreadable_headers_quotes_none_of_them(name):
    raw = dict(RequestHeaders(ID, 9).to_kafka()) | {name: b"Mueller_Anna_1950.jpeg"}
    with pytest.raises(HeaderError) as caught:
        parse_request_headers(list(raw.items()))
    assert "Mueller" not in "".join(format_exception(caught.value))


@pytest.mark.parametrize("name", ["cause", "dead-at", "attempts"])
def test_what_is_said_of_an_unreadable_dead_letter_quotes_none_of_it(name):
    letter = DeadLetter(RequestHeaders(ID, 9), Cause.INTERNAL, "", (), 8)
    raw = dict(letter.to_kafka()) | {name: b"Mueller_Anna_1950.jpeg"}
    with pytest.raises(HeaderError) as caught:
        parse_dead_letter(list(raw.items()))
    assert "Mueller" not in "".join(format_exception(caught.value))


def test_an_id_tells_when_it_was_made():
    assert created_at_ms(ID) == 1_795_459_746_524
    assert created_at_ms(new_id()) is not None


@pytest.mark.parametrize("text", ["", "x", "../../etc", ID.upper(), "0" * 36, f"{{{ID}}}"])
def test_what_is_no_uuid7_has_no_time(text):
    assert created_at_ms(text) is None


def test_topics_are_declared_once_and_hold_an_image():
    assert len({spec.name for spec in ALL_TOPICS}) == len(ALL_TOPICS) == 10
    assert int(PREDICT_REQUESTS.config["max.message.bytes"]) > 8 * 1024 * 1024
    assert PREDICT_REQUESTS.prefixed("t.").name == "t.predict.requests"
