"""Locust users for a running stack: `locust -H http://127.0.0.1:8000` (requirements-dev.txt)."""

import os
import random
from pathlib import Path

from locust import HttpUser, between, events, task

FOLDER = Path(os.environ.get("IMAGES", Path(__file__).parent / "samples"))
IMAGES = [path.read_bytes() for path in sorted(FOLDER.rglob("*.jp*g"))[:200]]


@events.init.add_listener
def demand_images(environment: object, **_: object) -> None:
    """End at once, in one sentence, when there is nothing to send."""
    del environment
    if not IMAGES:
        raise SystemExit(f"{FOLDER} holds no JPEG files; name a folder with IMAGES=...")


class PredictingClient(HttpUser):
    """Sends radiographs and reads the answers."""

    wait_time = between(0.05, 0.2)
    weight = 20

    @task
    def predict(self) -> None:
        """Send one image and demand an answer with a label."""
        files = {"file": ("chest.jpeg", random.choice(IMAGES), "image/jpeg")}
        with self.client.post("/predict", files=files, catch_response=True) as response:
            if response.status_code != 200 or "label" not in response.json():  # noqa: PLR2004
                response.failure(f"{response.status_code}: {response.text[:200]}")


class Operator(HttpUser):
    """Looks at the status every second or so."""

    wait_time = between(1, 2)
    weight = 1

    @task
    def status(self) -> None:
        """Read the state of the system."""
        self.client.get("/status")
