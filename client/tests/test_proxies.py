import httpx
import pytest

from pneumo.cli.address import Address
from pneumo.errors import new_connection_error
from pneumo.proxies import proxy_of
from pneumo.retries import RetryPolicy
from pneumo.transport import SingleConnectionPool


@pytest.fixture(autouse=True)
def _proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://user:secret@proxy.example:3128")


def test_a_failed_connection_names_the_proxy_but_not_its_password() -> None:
    error = new_connection_error(httpx.ConnectError("refused"), "http://gateway.example:8000")
    assert "through the proxy http://proxy.example:3128" in str(error)
    assert "secret" not in str(error)


def test_loopback_and_excepted_hosts_have_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "gateway.example")
    assert proxy_of("http://gateway.example:8000") is None
    error = new_connection_error(httpx.ConnectError("refused"), "http://127.0.0.1:8000")
    assert str(error) == "http://127.0.0.1:8000 cannot be reached."


@pytest.mark.parametrize(
    ("url", "is_direct"), [("http://g.example", False), ("http://[::1]", True)]
)
def test_a_bulk_run_uses_the_proxy_for_all_schemes(
    monkeypatch: pytest.MonkeyPatch, url: str, *, is_direct: bool
) -> None:
    monkeypatch.delenv("http_proxy")
    monkeypatch.setenv("all_proxy", "http://proxy.example:3128")
    client = Address(url).async_client(connections=1, retries=RetryPolicy(), timeout_s=1)
    assert isinstance(client._http._transport, SingleConnectionPool) is is_direct
