"""A gateway's outside on a real socket: canned answers by method and path, and who asked what."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from streamlit.testing.v1 import AppTest

from embedded.ports import free_ports


class StandInGateway:
    """answers: (method, path) → (status, body). asked: how often each came."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, object]] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                stand_in._answer(self)

            def do_POST(self) -> None:
                stand_in._answer(self)

            def do_PATCH(self) -> None:
                stand_in._answer(self)

            def do_DELETE(self) -> None:
                stand_in._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def problem(self, method: str, path: str, status: int, code: str, detail: str) -> None:
        self.answers[method, path] = (status, {"code": code, "detail": detail, "status": status})

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        asked = (handler.command, handler.path.partition("?")[0])
        self.asked[asked] += 1
        missing = (404, {"code": "not_found", "detail": "No such thing."})
        status, body = self.answers.get(asked, missing)
        content = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(content)


@pytest.fixture
def gateway() -> Iterator[StandInGateway]:
    stand_in = StandInGateway()
    thread = Thread(target=stand_in.server.serve_forever, args=(0.01,))
    thread.start()
    yield stand_in
    stand_in.server.shutdown()
    thread.join()
    stand_in.server.server_close()


@pytest.fixture
def nobody() -> str:
    """Give an address where nobody listens."""
    return f"http://127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture
def open_page(monkeypatch) -> Callable[[str, str], AppTest]:
    """Give what runs one page, as a browser would, against the gateway at an address."""

    def open_(name: str, url: str) -> AppTest:
        monkeypatch.setenv("PNEUMO_URL", url)
        return AppTest.from_function(_page, args=(name,), default_timeout=20).run()

    return open_


def _page(name: str) -> None:
    # Its text is run by itself: imports belong inside.
    from importlib import import_module  # noqa: PLC0415

    from ui.adapters.gateway import new_client  # noqa: PLC0415
    from ui.parts.boundary import boundary  # noqa: PLC0415
    from ui.settings import Settings  # noqa: PLC0415

    settings = Settings()
    with new_client(settings) as client, boundary(client, "This page"):
        import_module(f"ui.screens.{name}").show(client, settings)
