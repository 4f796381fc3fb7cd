"""The client's methods; the asynchronous source of `client.py`."""

from collections.abc import AsyncIterator, Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx

from pneumo.async_base_client import AsyncBaseClient
from pneumo.bodies import (
    UPLOAD_TIMEOUT_S,
    ImageSource,
    ProgressCallback,
    UploadMetadata,
    image_of,
    new_file_body,
    new_forms,
)
from pneumo.endpoints import (
    EVERY_IMAGE,
    IMAGES_PATH,
    Endpoint,
    Explain,
    ImageFilter,
    Mode,
    Policy,
    filter_params,
    new_prediction,
    new_submission,
    new_upload,
    read_as,
    read_outcome,
    resource_path,
)
from pneumo.model_bases import Health, Pending
from pneumo.models import (
    CurrentModel,
    Dataset,
    DatasetImage,
    DatasetInsights,
    DeletedImages,
    ImagePage,
    Job,
    JobEvent,
    JobList,
    Model,
    ModelDetail,
    ModelInsights,
    ModelList,
    Prediction,
    Status,
    UploadReport,
)

T = TypeVar("T")


class AsyncClient(AsyncBaseClient):
    """A client of the gateway's HTTP API, for a `with` block; `AsyncClient`: for an `async with`.

    `Client` can be shared between threads; an `AsyncClient` belongs to one event loop.
    url: else $PNEUMO_URL, else http://127.0.0.1:8000. api_key: else $PNEUMO_API_KEY, else none.
    timeout_s: of a whole call, retries included; methods with an argument timeout_s override it.
    retries: for requests that are safe to repeat. transport, sleep, monotonic_s, jitter: for tests;
    chance: the earlier name of jitter. Every method raises PneumoError.
    """

    async def predict(
        self,
        image: ImageSource,
        *,
        explain: Explain | None = None,
        wait_s: float = 10.0,
        timeout_s: float | None = None,
        preview: bool = False,
    ) -> Prediction:
        """Predict one image and wait for it. wait_s: how long the gateway may take.

        preview: the prediction of a DICOM file contains a small grey PNG of it.
        """
        endpoint = new_prediction(image_of(image), explain=explain, wait_s=wait_s, preview=preview)
        return await self._send(endpoint, timeout_s)

    async def submit(
        self, image: ImageSource, *, explain: Explain | None = None, wait_s: float = 60.0
    ) -> Pending:
        """Predict one image without waiting. wait_s: the request expires after that."""
        endpoint = new_submission(image_of(image), explain=explain, wait_s=wait_s)
        return await self._send(endpoint)

    async def outcome(self, id: str) -> Prediction | Pending:  # noqa: A002  as in the API
        """Return the outcome of a prediction, if it has ended; outcomes are kept for an hour."""
        return await self._request("GET", resource_path("/v1/predictions", id), read_outcome)

    async def wait_for(self, id: str, *, timeout_s: float | None = None) -> Prediction:  # noqa: A002
        """Poll until a prediction has ended. Raises DeadlineExceededError after timeout_s."""
        return await self._poll_outcome(id, timeout_s)

    async def upload(
        self,
        images: Iterable[ImageSource],
        label: str,
        *,
        patient_id: str | None = None,
        source: str | None = None,
        new_class: bool = False,
        progress: ProgressCallback | None = None,
        timeout_s: float = UPLOAD_TIMEOUT_S,
    ) -> UploadReport:
        """Store labelled images for training; the same image is stored once.

        patient_id, source: pseudonyms. new_class: the label may be unknown to every model.
        timeout_s: of each request; many images take several requests.
        """
        fields = UploadMetadata(patient_id, source, new_class=new_class).fields(label)
        return await self._upload_forms(new_forms(images, fields), progress, timeout_s)

    async def upload_zip(
        self,
        archive: str | Path,
        *,
        patient_id: str | None = None,
        source: str | None = None,
        new_class: bool = False,
        progress: ProgressCallback | None = None,
        timeout_s: float = UPLOAD_TIMEOUT_S,
    ) -> UploadReport:
        """Store the images of a ZIP; the label of each is its nearest folder that is a class."""
        fields = UploadMetadata(patient_id, source, new_class=new_class).fields()
        body = new_file_body(Path(archive), progress)
        return await self._send(new_upload("application/zip", body, fields), timeout_s)

    async def dataset(self) -> Dataset:
        """Count the stored images."""
        return await self._request("GET", "/v1/dataset", read_as(Dataset))

    async def dataset_image(self, sha256: str) -> DatasetImage:
        """Return what is stored about one image."""
        return await self._request("GET", resource_path(IMAGES_PATH, sha256), read_as(DatasetImage))

    async def list_images(
        self, wanted: ImageFilter = EVERY_IMAGE, *, limit: int = 100, cursor: str | None = None
    ) -> ImagePage:
        """Return a page of stored images, newest first; its `next` is the next page's cursor."""
        params = {**filter_params(wanted), "limit": str(limit), "cursor": cursor}
        return await self._request("GET", IMAGES_PATH, read_as(ImagePage), params=params)

    async def delete_images(self, wanted: ImageFilter) -> DeletedImages:
        """Delete at most 200 images of an upload or a source; repeat while some are `left`."""
        params = filter_params(wanted, to_delete=True)
        return await self._request("DELETE", IMAGES_PATH, read_as(DeletedImages), params=params)

    async def relabel(self, sha256: str, label: str) -> DatasetImage:
        """Set an image's label; this resolves a conflict over it."""
        path = resource_path(IMAGES_PATH, sha256)
        return await self._request("PATCH", path, read_as(DatasetImage), json={"label": label})

    async def delete_image(self, sha256: str) -> None:
        """Delete an image from the dataset."""
        await self._request("DELETE", resource_path(IMAGES_PATH, sha256), lambda _: None)

    async def dataset_insights(self) -> DatasetInsights:
        """Return statistics of the stored images: counts, grey levels, edges."""
        return await self._request("GET", "/v1/dataset/insights", read_as(DatasetInsights))

    async def thumbnail(self, sha256: str) -> bytes:
        """Return a small JPEG of a stored image. The key needs the scope `admin`."""
        path = resource_path(IMAGES_PATH, sha256, "thumbnail")
        return await self._request("GET", path, lambda response: response.content)

    async def create_job(
        self,
        *,
        mode: Mode = "fast",
        policy: Policy = "auto",
        seed: int = 0,
        idempotency_key: str | None = None,
    ) -> Job:
        """Start a training job without waiting. policy auto: promote it if it passes the gate.

        idempotency_key: requests with the same key return the same job; default: a new job.
        """
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
        body = {"mode": mode, "policy": policy, "seed": seed}
        return await self._request("POST", "/v1/jobs", read_as(Job), headers=headers, json=body)

    retrain = create_job

    async def jobs(self, limit: int = 50) -> tuple[Job, ...]:
        """Return the newest jobs."""
        return (await self._list_jobs(limit)).jobs

    async def job_modes(self) -> tuple[str, ...] | None:
        """Return the modes that trainers offer; None where this is unknown."""
        return (await self._list_jobs(1)).modes

    async def job(self, id: str) -> Job:  # noqa: A002
        """Return one job."""
        return await self._request("GET", resource_path("/v1/jobs", id), read_as(Job))

    async def cancel(self, id: str) -> Job:  # noqa: A002
        """Cancel a queued job, or ask the trainer to stop a running one."""
        # Cancelling a job that has ended is a conflict, so a second attempt could hide the first.
        path = resource_path("/v1/jobs", id, "cancel")
        return await self._request("POST", path, read_as(Job), idempotent=False)

    def job_events(self, id: str) -> AsyncIterator[JobEvent]:  # noqa: A002
        """Yield a job's present state, then every change, until it has ended.

        A broken connection is opened again.
        """
        return self._watch_job(id)

    async def models(self) -> tuple[Model, ...]:
        """Return every model version, oldest first."""
        return (await self._request("GET", "/v1/models", read_as(ModelList))).models

    async def model(self, version: str) -> ModelDetail:
        """Return one version with its manifest and card."""
        return await self._request(
            "GET", resource_path("/v1/models", version), read_as(ModelDetail)
        )

    async def model_insights(
        self, version: str, *, prevalence: float | None = None
    ) -> ModelInsights:
        """Return a version's evaluation and training data.

        prevalence: of a finding where the model will be used; predictive values are then for it.
        """
        path = resource_path("/v1/models", version, "insights")
        params = {"prevalence": None if prevalence is None else f"{prevalence:g}"}
        return await self._request("GET", path, read_as(ModelInsights), params=params)

    async def current_model(self) -> CurrentModel:
        """Return the current model, and the version that each worker has loaded."""
        return await self._request("GET", "/v1/models/current", read_as(CurrentModel))

    async def promote(self, version: str) -> Model:
        """Make a version current; workers load it automatically."""
        path = resource_path("/v1/models", version, "promote")
        return await self._request("POST", path, read_as(Model))

    async def rollback(self, from_version: str | None = None) -> Model:
        """Make the previous model current again.

        from_version: the version that you expect to be current; with it, a second rollback is a
        conflict instead of another step back.
        """
        params, path = {"from_version": from_version}, "/v1/models/rollback"
        return await self._request("POST", path, read_as(Model), params=params, idempotent=False)

    async def status(self) -> Status:
        """Return the state of the system as this gateway sees it."""
        return await self._request("GET", "/status", read_as(Status))

    async def health(self) -> Health:
        """Return whether the gateway accepts requests, and if not, why."""
        not_ready = frozenset((HTTPStatus.SERVICE_UNAVAILABLE.value,))
        read = read_as(Health)
        return await self._request("GET", "/health/ready", read, success_statuses=not_ready)

    async def _list_jobs(self, limit: int) -> JobList:
        params = {"limit": str(limit)}
        return await self._request("GET", "/v1/jobs", read_as(JobList), params=params)

    async def _request(
        self, method: str, path: str, read: Callable[[httpx.Response], T], **options: Any
    ) -> T:
        return await self._send(Endpoint(method, path, read, **options))
