"""Which requests a browser may send, as a table."""

import pytest

from shared.contracts.errors import ErrorCode
from shared.http.browser_policy import (
    RequestSource,
    find_browser_refusal,
    is_allowed_host,
    new_browser_policy,
)
from shared.http.settings import HttpSettings

POLICY = new_browser_policy(
    ["gateway", "Pneumo.Example.org", "*.svc.cluster.local"], ["https://viewer.example.org"]
)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:8000",
        "localhost.",
        "127.0.0.1:8000",
        "127.9.9.9",
        "[::1]:8000",
        "10.2.3.4:8000",  # a pod's, as kubelet and Prometheus say it
        "[2001:db8::1]",
        "gateway:8000",
        "pneumo.example.org",
        "gateway.pneumostream.svc.cluster.local:8000",
    ],
)
def test_a_host_that_is_this_server_is_taken(host):
    assert is_allowed_host(POLICY, host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "gateway.evil.example",
        "svc.cluster.local",
        "example.org",
        "x@127.0.0.1",
        "127.0.0.1 evil.example",
        "127.0.0.1,evil.example",
        "127.0.0.1:8000:9",
        "[::1",
        "[evil.example]",
        "0x7f.1",
        "\x00",
    ],
)
def test_any_other_host_is_refused(host):
    refused = find_browser_refusal(POLICY, "GET", RequestSource([host]))
    assert refused
    assert refused.code is ErrorCode.HOST_NOT_ALLOWED


def test_of_two_hosts_both_must_be_this_server():
    assert find_browser_refusal(POLICY, "GET", RequestSource(["localhost", "evil.example"]))


@pytest.mark.parametrize(
    ("host", "origin", "site"),
    [
        ("localhost:8000", None, None),  # curl, our client, tritonclient, Locust
        ("localhost:8000", "http://localhost:8000", "same-origin"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", None),
        ("localhost:8000", None, "none"),  # typed by the user
        ("pneumo.example.org", "https://pneumo.example.org", "same-origin"),  # TLS ends before us
        ("pneumo.example.org:443", "https://pneumo.example.org", None),
        ("gateway", "https://viewer.example.org", "cross-site"),  # allowed by the setting
    ],
)
def test_a_change_from_here_is_taken(host, origin, site):
    source = RequestSource([host], [origin] if origin else [], [site] if site else [])
    assert find_browser_refusal(POLICY, "POST", source) is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "ANYTHING"])
@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("https://evil.example", None),
        ("https://evil.example", "same-origin"),
        ("https://evil.example", "none"),
        (None, "cross-site"),
        (None, "same-site"),
        ("http://localhost:8000", "same-site"),
        ("http://localhost:3000", None),
        ("https://localhost", None),  # another port
        ("null", None),
        ("file://", None),
        ("chrome-extension://localhost:8000", None),
        ("", None),
    ],
)
def test_a_change_from_another_origin_is_refused(method, origin, site):
    origins = [] if origin is None else [origin]
    source = RequestSource(["localhost:8000"], origins, [site] if site else [])
    refused = find_browser_refusal(POLICY, method, source)
    assert refused
    assert refused.code is ErrorCode.CROSS_SITE_REQUEST


def test_one_foreign_origin_among_two_is_enough():
    source = RequestSource(["localhost"], ["https://viewer.example.org", "https://evil.example"])
    assert find_browser_refusal(POLICY, "POST", source)


def test_reading_is_left_to_the_browsers_own_rules():
    source = RequestSource(["localhost"], ["https://evil.example"], ["cross-site"])
    assert find_browser_refusal(POLICY, "GET", source) is None


def test_names_are_a_comma_separated_variable(monkeypatch):
    monkeypatch.setenv("PNEUMO_HTTP_ALLOWED_HOSTS", " gateway, *.svc ,")
    assert HttpSettings().allowed_hosts == ("gateway", "*.svc")


@pytest.mark.parametrize("value", ["*", "http://gateway", "gateway:8000", "a b", "*.*.svc"])
def test_what_is_no_name_is_no_setting(monkeypatch, value):
    monkeypatch.setenv("PNEUMO_HTTP_ALLOWED_HOSTS", value)
    with pytest.raises(ValueError, match="allowed_hosts"):
        HttpSettings()
