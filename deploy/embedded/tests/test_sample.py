"""The sample goes through a gateway that asks for keys, too."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from embedded.errors import SampleRefusedError
from embedded.stack.sample import predict_sample


class KeyedGateway(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        known = self.headers["Authorization"] == "Bearer pneumo_right"
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(b'{"status": "succeeded"}')

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway():
    with ThreadingHTTPServer(("127.0.0.1", 0), KeyedGateway) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_key_is_sent_and_who_has_none_is_told_how_to_give_it(gateway, tmp_path):
    sample = tmp_path / "sample.jpeg"
    sample.write_bytes(b"\xff\xd8")
    assert "succeeded" in predict_sample(gateway, sample, "pneumo_right")
    for key in (None, "pneumo_wrong"):
        with pytest.raises(SampleRefusedError, match="PNEUMO_API_KEY"):
            predict_sample(gateway, sample, key)
