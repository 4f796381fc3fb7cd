"""LitServe's side: inference workers of its own, batching what waits.

python -m bench.peers.lit_server BUNDLE PORT --workers 2 --threads 1 --batch 16
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import litserve
from fastapi import Request

from bench.peers.engine import Answer, PeerEngine


class LitserveModel(litserve.LitAPI):  # type: ignore[misc]
    """A multipart `file` in, an answer out."""

    def __init__(self, bundle: Path, threads: int, batch: int) -> None:
        super().__init__(max_batch_size=batch, batch_timeout=0.0)
        self._bundle, self._threads = bundle, threads

    def setup(self, device: str) -> None:
        """Compile the graph, in the worker."""
        del device
        self._engine = PeerEngine(self._bundle, threads=self._threads, streams=1)

    def decode_request(self, request: Request) -> bytes:
        """Take the file's bytes."""
        image: bytes = request["file"].file.read()  # LitServe hands over the form
        return image

    def batch(self, inputs: Sequence[bytes]) -> list[bytes]:
        """Keep a batch as it is: images are decoded in predict."""
        return list(inputs)

    def predict(self, x: list[bytes] | bytes) -> list[Answer] | Answer:
        """Answer a batch."""
        return self._engine.answer([x])[0] if isinstance(x, bytes) else self._engine.answer(x)

    def unbatch(self, output: list[Answer]) -> list[Answer]:
        """Return one answer per client."""
        return output

    def encode_response(self, output: Answer) -> Answer:
        """Answer JSON."""
        return output


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    options = parser.parse_args()
    api = LitserveModel(options.bundle, options.threads, options.batch)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=options.workers)
    server.run(host="127.0.0.1", port=options.port, log_level="warning", generate_client_file=False)


if __name__ == "__main__":
    main()
