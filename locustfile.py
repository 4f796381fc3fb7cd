"""Users for a running stack. With Locust's page: `locust -H http://127.0.0.1:8000`; else, say,

    locust --headless -H http://127.0.0.1:8000 --shape spike --users 20 --run-time 5m

IMAGES=folder: images of your own, one folder per class. PNEUMO_API_KEY: an API key, if needed.
`make soak` runs this with a verdict at the end.
"""

import os
import random
import time
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from locust import HttpUser, LoadTestShape, User, between, constant, constant_pacing, events, task

from load.images import MissingImagesError, SampleImage, image_folder, read_images, vary_image
from load.shapes import REFUSED, LoadShape, clients_at

OK, ACCEPTED, UNAVAILABLE = 200, 202, 503
FIRST_UPLOADS_A_CLASS = 8


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: Any) -> None:
    """Add the shape of the load and the time of a training."""
    parser.add_argument(
        "--shape", choices=[*LoadShape], default=LoadShape.SOAK, help="form of the load"
    )
    parser.add_argument(
        "--retrain-at", type=float, default=0, help="seconds after which one training is requested"
    )


@events.init.add_listener  # type: ignore[untyped-decorator]
def demand_images(environment: Any, **_: object) -> None:
    """Exit with one sentence when there is nothing to send."""
    try:
        environment.images = read_images(image_folder())
    except MissingImagesError as error:
        raise SystemExit(str(error)) from None


class _Caller(HttpUser):
    """Has the images, and an API key if one is set."""

    abstract = True

    def on_start(self) -> None:
        """Seed at random: uploads must be new in every run."""
        self.rng = random.Random()
        if urlsplit(self.host or "").hostname in {"127.0.0.1", "localhost", "::1"}:
            self.client.trust_env = False  # no proxy reaches this machine
        if key := os.environ.get("PNEUMO_API_KEY") or os.environ.get("PNEUMO_KEY"):
            self.client.headers["X-API-Key"] = key

    def draw(self) -> SampleImage:
        """Return one of the images at random."""
        return self.rng.choice(self.environment.images)  # type: ignore[no-any-return]

    def ask(self) -> None:
        """Send one image; the answer must have a label."""
        image = self.draw()
        files = {"file": ("chest", image.body, image.content_type)}
        with self.client.post("/predict", files=files, catch_response=True) as response:
            if response.status_code == UNAVAILABLE and "Retry-After" in response.headers:
                response.failure(REFUSED)
            elif response.status_code != OK or "label" not in response.json():
                response.failure(f"{response.status_code}: {response.text[:200]}")


class PredictingClient(_Caller):
    """Sends an image, reads the answer, pauses."""

    wait_time = between(0.05, 0.2)

    @task
    def predict(self) -> None:
        """Request one prediction."""
        self.ask()


class SteadyClient(_Caller):
    """One request per second, however long the last one took: N of them send N per second."""

    wait_time = constant_pacing(1)

    def on_start(self) -> None:
        """Begin at a random moment, so that not all send at once."""
        super().on_start()
        time.sleep(self.rng.random())

    @task
    def predict(self) -> None:
        """Request one prediction."""
        self.ask()


class FloodingClient(_Caller):
    """Sends the next request as soon as the last one is answered."""

    wait_time = constant(0)

    @task
    def predict(self) -> None:
        """Request one prediction."""
        self.ask()


class DataOwner(_Caller):
    """Uploads labelled images throughout, and requests one training."""

    fixed_count = 1
    wait_time = between(3, 5)

    def on_start(self) -> None:
        """Upload enough of each class for a training."""
        super().on_start()
        self.has_asked = False
        by_label: dict[str, SampleImage] = {each.label: each for each in self.environment.images}
        for image in by_label.values():
            self._upload(image, FIRST_UPLOADS_A_CLASS)

    @task
    def teach(self) -> None:
        """Upload one image, and request the training when it is due."""
        self._upload(self.draw(), 1)
        due_s = self.environment.parsed_options.retrain_at
        if due_s and not self.has_asked and self.environment.shape_class.get_run_time() >= due_s:
            self.has_asked = True
            self._demand(self.client.post("/v1/jobs", catch_response=True), ACCEPTED)

    def _upload(self, image: SampleImage, count: int) -> None:
        files = [
            ("files", ("chest.jpeg", vary_image(image, self.rng), "image/jpeg"))
            for _ in range(count)
        ]
        fields: Mapping[str, str] = {"label": image.label, "source": "soak"}
        self._demand(
            self.client.post("/v1/uploads", data=fields, files=files, catch_response=True), ACCEPTED
        )

    def _demand(self, answer: Any, status: int) -> None:
        with answer as response:
            if response.status_code != status:
                response.failure(f"{response.status_code}: {response.text[:200]}")


class Operator(_Caller):
    """Polls the system about once per second."""

    fixed_count = 1
    wait_time = between(1, 2)

    @task(3)
    def look(self) -> None:
        """Read the state of the system."""
        self.client.get("/status")

    @task
    def look_at_models(self) -> None:
        """Read which worker serves which version."""
        self.client.get("/v1/models/current")


_CLIENTS: Mapping[LoadShape, type[_Caller]] = {
    LoadShape.SOAK: SteadyClient,
    LoadShape.FLOOD: FloodingClient,
}
"""The predicting user of a shape, if not PredictingClient."""


class ShapedLoad(LoadTestShape):
    """The shape that --shape names; --users is its top, --run-time its length."""

    use_common_options = True
    OTHERS: ClassVar[list[type[User]]] = [DataOwner, Operator]

    def tick(self) -> tuple[int, float, list[type[User]] | None] | None:
        """Return the number of users now, the spawn rate, and the kinds."""
        assert self.runner is not None
        options: Any = self.runner.environment.parsed_options
        shape, top = LoadShape(options.shape), options.num_users or 10
        elapsed_s = self.get_run_time()  # type: ignore[no-untyped-call]
        clients = clients_at(shape, elapsed_s, options.run_time or 60, top)
        if clients is None:
            return None
        client = _CLIENTS.get(shape, PredictingClient)
        return clients + len(self.OTHERS), max(1, top), [client, *self.OTHERS]
