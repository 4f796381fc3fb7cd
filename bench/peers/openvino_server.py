"""What one would write in an hour: FastAPI and OpenVINO in one process, no broker.

python -m bench.peers.openvino_server BUNDLE PORT --threads 2 --streams 2
"""

import argparse
from pathlib import Path
from typing import Annotated

import uvicorn
from anyio import to_thread
from fastapi import FastAPI, UploadFile
from fastapi.params import File

from bench.peers.engine import Answer, PeerEngine


def new_app(engine: PeerEngine) -> FastAPI:
    """Make the server; images are decoded and inferred in FastAPI's own threads."""
    app = FastAPI()

    @app.post("/predict")
    async def predict(file: Annotated[UploadFile, File()]) -> Answer:
        image = await file.read()
        (answer,) = await to_thread.run_sync(engine.answer, [image])
        return answer

    return app


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    options = parser.parse_args()
    engine = PeerEngine(options.bundle, threads=options.threads, streams=options.streams)
    uvicorn.run(new_app(engine), port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
