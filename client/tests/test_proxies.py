import httpx
import pytest

from pneumo.errors import failure_of
from pneumo.proxies import proxy_of


@pytest.fixture(autouse=True)
def _proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://user:secret@proxy.example:3128")


def test_a_failed_connection_names_the_proxy_but_not_its_password() -> None:
    error = failure_of(httpx.ConnectError("refused"), "http://gateway.example:8000")
    assert "through the proxy http://proxy.example:3128" in str(error)
    assert "secret" not in str(error)


def test_loopback_and_excepted_hosts_have_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "gateway.example")
    assert proxy_of("http://gateway.example:8000") is None
    error = failure_of(httpx.ConnectError("refused"), "http://127.0.0.1:8000")
    assert str(error) == "http://127.0.0.1:8000 cannot be reached."
