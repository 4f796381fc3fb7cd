from embedded.stack.no_proxy import without_proxy_for_loopback


def test_loopback_joins_the_hosts_of_both_spellings() -> None:
    found = without_proxy_for_loopback({"NO_PROXY": "a.example", "no_proxy": "b.example,::1"})
    assert found["NO_PROXY"] == found["no_proxy"] == "a.example,b.example,::1,127.0.0.1,localhost"


def test_without_any_exception_loopback_is_the_only_one() -> None:
    found = without_proxy_for_loopback({"http_proxy": "http://proxy:3128"})
    assert found["no_proxy"] == found["NO_PROXY"] == "127.0.0.1,localhost,::1"
    assert found["http_proxy"] == "http://proxy:3128"
