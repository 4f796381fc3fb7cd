"""A service's outside in a few lines: ready at once, answers /predict, stops when told."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class StandIn(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer({"ready": True, "pid": os.getpid()})

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self._answer({"label": "stand-in", "bytes": len(self.rfile.read(size))})

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    sys.stdout.write(f"stand-in on {sys.argv[1]}\n")
    sys.stdout.flush()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), StandIn).serve_forever()
