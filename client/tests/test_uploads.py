"""Uploads against a scripted gateway: the form that arrives, its progress, and its requests."""

import os
from email import message_from_bytes
from pathlib import Path

import httpx
import pytest

from pneumo import AsyncClient, Client, InvalidInputError, UnavailableError


def parts(request):
    """Return (name, file name, content) of each part of a multipart form."""
    head = b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n"
    form = message_from_bytes(head + request.read())
    return [
        (
            part.get_param("name", header="content-disposition"),
            part.get_filename(),
            part.get_payload(decode=True),
        )
        for part in form.get_payload()
    ]


class Gateway:
    """Accepts every image, unless its content is `bad`; `failures`: responses that come first."""

    def __init__(self, *failures):
        self.failures = list(failures)
        self.forms = []

    def __call__(self, request):
        assert int(request.headers["content-length"]) == len(request.read())
        self.forms.append(parts(request))
        if self.failures:
            return self.failures.pop(0)
        names = [(name, content) for field, name, content in self.forms[-1] if field == "files"]
        accepted = [
            {"id": "i", "sha256": "0", "label": "viral", "filename": name, "upload_id": "u"}
            for name, content in names
            if content != b"bad"
        ]
        rejected = [
            {"filename": name, "code": "undecodable", "detail": "No."}
            for name, content in names
            if content == b"bad"
        ]
        body = {"accepted": accepted, "rejected": rejected}
        if not accepted:
            return httpx.Response(422, json={"code": "undecodable", "detail": "No.", **body})
        return httpx.Response(200, json=body)

    def client(self):
        return Client("http://g", transport=httpx.MockTransport(self), sleep=lambda _: None)


def new_files(folder, count):
    paths = [folder / f"{n}.png" for n in range(count)]
    for path in paths:
        path.write_bytes(b"x" * 10)
    return paths


def test_a_form_arrives_whole_with_its_fields_and_names(tmp_path):
    gateway = Gateway()
    odd = tmp_path / os.fsdecode(b'R\xf6nt"gen.png')
    odd.write_bytes(b"png")
    with gateway.client() as client:
        report = client.upload([odd, b"bytes"], "viral", source="ward", new_class=True)
    (form,) = gateway.forms
    assert [(name, content) for name, _, content in form] == [
        *[("label", b"viral"), ("source", b"ward"), ("new_class", b"true")],
        *[("files", b"png"), ("files", b"bytes")],
    ]
    assert len(report.accepted) == 2


def test_many_files_take_several_requests_and_one_report_with_one_progress(tmp_path):
    gateway, progress = Gateway(), []
    with gateway.client() as client:
        report = client.upload(
            new_files(tmp_path, 501), "viral", progress=lambda *each: progress.append(each)
        )
    assert [len(form) for form in gateway.forms] == [501, 2]
    assert len(report.accepted) == 501
    assert progress == sorted(progress)
    assert len({total for _, total in progress}) == 1
    assert progress[-1][0] == progress[-1][1]


async def test_the_asynchronous_client_uploads_the_same(tmp_path):
    gateway = Gateway()
    async with AsyncClient("http://g", transport=httpx.MockTransport(gateway)) as client:
        assert len((await client.upload(new_files(tmp_path, 2), "viral")).accepted) == 2


def test_a_retry_sends_the_files_again(tmp_path):
    gateway = Gateway(httpx.Response(503, json={"code": "overloaded", "detail": "No."}))
    with gateway.client() as client:
        client.upload(new_files(tmp_path, 3), "viral")
    assert gateway.forms[0] == gateway.forms[1]


def test_rejections_are_reported_and_raised_only_if_nothing_was_accepted(tmp_path):
    (bad := Path(tmp_path / "bad.png")).write_bytes(b"bad")
    with Gateway().client() as client:
        report = client.upload([*new_files(tmp_path, 500), bad], "viral")
        assert (len(report.accepted), len(report.rejected)) == (500, 1)
        with pytest.raises(InvalidInputError) as caught:
            client.upload([bad], "viral")
        assert [each.filename for each in caught.value.rejected] == ["bad.png"]
        with pytest.raises(ValueError, match="no image"):
            client.upload([], "viral")


def test_an_error_after_some_requests_has_what_was_accepted_before(tmp_path):
    gateway = Gateway()
    first = gateway.__call__

    def answer(request):
        if gateway.forms:
            return httpx.Response(503, json={"code": "broker_unavailable", "detail": "No."})
        return first(request)

    with (
        Client("http://g", transport=httpx.MockTransport(answer), sleep=lambda _: None) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.upload(new_files(tmp_path, 501), "viral")
    assert len(caught.value.accepted) == 500


def test_a_zip_is_sent_as_it_is_with_its_metadata_in_the_query(tmp_path):
    archive, progress, requests = tmp_path / "a.zip", [], []
    archive.write_bytes(b"z" * 100_000)

    def answer(request):
        requests.append((request.headers["content-type"], dict(request.url.params), request.read()))
        return httpx.Response(200, json={"accepted": [], "rejected": []})

    with Client("http://g", transport=httpx.MockTransport(answer)) as client:
        client.upload_zip(archive, patient_id="p", progress=lambda *each: progress.append(each))
    assert requests == [("application/zip", {"patient_id": "p"}, b"z" * 100_000)]
    assert progress[-1] == (100_000, 100_000)
