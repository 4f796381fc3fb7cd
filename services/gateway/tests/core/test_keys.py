"""Who is let in, what a route asks for, and where a gateway may be served."""

import pytest

from gateway.core.exposure import find_exposure
from gateway.core.keys import (
    Allowed,
    ApiKey,
    Forbidden,
    KeyRing,
    Unauthenticated,
    decide_access,
    digest_of,
    find_secret,
)
from gateway.core.permissions import (
    ROUTES,
    Absent,
    KeyScope,
    Known,
    Public,
    WrongMethod,
    find_route,
)

NOW_MS = 1_000


def a_key(name, *scopes, expires_at_ms=None):
    return ApiKey(name, digest_of(f"pneumo_{name}"), frozenset(scopes), 0, expires_at_ms)


RING = KeyRing(
    (a_key("reader"), a_key("ward", KeyScope.PREDICT), a_key("old", expires_at_ms=NOW_MS))
)


@pytest.mark.parametrize(
    ("need", "secret", "expected"),
    [
        (Public.OPEN, None, Allowed(None)),
        (Public.ANY_KEY, None, Unauthenticated(presented=False)),
        (Public.ANY_KEY, "pneumo_nobody", Unauthenticated(presented=True)),
        (Public.ANY_KEY, "pneumo_old", Unauthenticated(presented=True)),
        (Public.ANY_KEY, digest_of("pneumo_reader"), Unauthenticated(presented=True)),
        (Public.ANY_KEY, "pneumo_reader", Allowed(RING.keys[0])),
        (KeyScope.PREDICT, "pneumo_reader", Forbidden(KeyScope.PREDICT)),
        (KeyScope.PREDICT, "pneumo_ward", Allowed(RING.keys[1])),
        (KeyScope.ADMIN, "pneumo_ward", Forbidden(KeyScope.ADMIN)),
    ],
)
def test_a_key_opens_what_it_is_good_for_and_nothing_else(need, secret, expected):
    assert decide_access(need, secret, RING, NOW_MS) == expected


def test_a_key_holds_until_the_moment_it_expires():
    assert RING.find("pneumo_old", NOW_MS - 1) is RING.keys[2]
    assert RING.find("pneumo_old", NOW_MS) is None


@pytest.mark.parametrize(
    ("authorizations", "api_keys", "expected"),
    [
        ([], [], None),
        (["Bearer k"], [], "k"),
        (["bEaReR  k "], [], "k"),
        ([], ["k"], "k"),
        (["Bearer k"], ["k"], "k"),
        (["Bearer k"], ["l"], None),
        (["Bearer k", "Bearer l"], [], None),
        (["Basic k"], [], None),
        (["Bearer"], [], None),
        (["Bearer "], [], None),
        ([], [""], None),
        ([], ["k" * 257], None),
    ],
)
def test_a_key_is_read_only_where_it_is_clear_which_one_is_meant(
    authorizations, api_keys, expected
):
    assert find_secret(authorizations, api_keys) == expected


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/predict", Known("/predict", KeyScope.PREDICT)),
        ("GET", "/v1/predictions/1", Known("/v1/predictions/{id}", KeyScope.PREDICT)),
        ("GET", "/v1/models/current", Known("/v1/models/current", Public.ANY_KEY)),
        ("POST", "/v1/models/2/promote", Known("/v1/models/{version}/promote", KeyScope.ADMIN)),
        ("DELETE", "/v1/dataset/images/a", Known("/v1/dataset/images/{sha256}", KeyScope.ADMIN)),
        ("HEAD", "/docs", Known("/docs", Public.ANY_KEY)),
        ("GET", "/predict", WrongMethod("/predict", ("POST",))),
        ("DELETE", "/v1/jobs", WrongMethod("/v1/jobs", ("GET", "POST"))),
        ("POST", "/predict/", Absent()),
        ("POST", "/predict\n", Absent()),
        ("POST", "//predict", Absent()),
        ("GET", "/v1/predictions/", Absent()),
        ("GET", "/v1/predictions/a/b", Absent()),
        ("GET", "/v1/predictions/{id}/x", Absent()),
        ("GET", "/health/ready/../../status", Absent()),
        ("GET", "", Absent()),
    ],
)
def test_a_route_is_found_by_its_exact_path(method, path, expected):
    assert find_route(method, path) == expected


def test_only_health_is_open_and_every_change_asks_for_a_scope():
    open_ = {path for path, needs in ROUTES.items() if Public.OPEN in needs.values()}
    assert open_ == {"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"}
    changes = {
        (method, path): need
        for path, needs in ROUTES.items()
        for method, need in needs.items()
        # The protocol of /v2 asks for its list of models by POST.
        if method != "GET" and path != "/v2/repository/index"
    }
    assert changes
    assert all(isinstance(need, KeyScope) for need in changes.values())


@pytest.mark.parametrize(
    ("host", "has_keys", "insecure", "refused"),
    [
        ("127.0.0.1", False, False, False),
        ("127.9.9.9", False, False, False),
        ("::1", False, False, False),
        ("localhost", False, False, False),
        ("0.0.0.0", False, False, True),
        ("::", False, False, True),
        ("10.0.0.1", False, False, True),
        ("gateway.example", False, False, True),
        ("", False, False, True),
        ("0.0.0.0", True, False, False),
        ("0.0.0.0", False, True, False),
    ],
)
def test_others_are_served_only_with_keys_or_knowingly(host, has_keys, insecure, refused):
    sentence = find_exposure(host, has_keys=has_keys, insecure=insecure)
    assert (sentence is not None) is refused
