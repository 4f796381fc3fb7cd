"""`python -m inference_worker`."""

from inference_worker.main import run

run()
