"""The registry as gateway and trainer command it: jobs, the dataset, models, over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from shared.contracts.dataset import (
    DatasetImage,
    DatasetPage,
    DatasetSnapshot,
    DatasetSummary,
    DeletedImages,
)
from shared.contracts.insights import DatasetInsights, ModelInsights
from shared.contracts.message import Message
from shared.contracts.models import ModelRecord
from shared.contracts.train import (
    Claim,
    Job,
    JobList,
    JobOutcome,
    JobReport,
    Mode,
    NewJob,
    Release,
)
from shared.internal_http import new_internal_client
from shared.observability.error_words import kind_of

_CHUNK_BYTES = 1024 * 1024
_MODELS = TypeAdapter(dict[str, tuple[ModelRecord, ...]])

_JSON = {"Content-Type": "application/json"}

NO_CODE = "unknown"
"""The code of a refusal that gave none."""

M = TypeVar("M", bound=Message)


class ControlRefusedError(Exception):
    """The registry refused: repeating the same request will not help.

    status: HTTP, 400 to 499. code: the problem's stable word, NO_CODE where it gave none.
    detail: one sentence for people; the error's own text, which is logged, goes without it.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail


class RegistryUnavailableError(Exception):
    """The registry was not reached in time, or did not answer as agreed; may pass.

    A change that was asked for may have been made: all of them are safe to repeat. Its text, which
    is logged, has no word of a client's.
    """


class ControlClient:
    """One method a route. All raise ControlRefusedError and RegistryUnavailableError.

    http: a client whose base_url is the registry's.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def create_job(self, new: NewJob) -> tuple[Job, bool]:
        """Give the job of this id, and whether this request made it."""
        response = await self._send("POST", "/v1/jobs", content=new.to_bytes(), headers=_JSON)
        return _read(Job, response), response.status_code == httpx.codes.CREATED

    async def job(self, id_: str) -> Job:
        """Give one job."""
        return _read(Job, await self._send("GET", f"/v1/jobs/{_word(id_)}"))

    async def jobs(self) -> list[Job]:
        """Give the newest jobs, newest first."""
        response = await self._send("GET", "/v1/jobs")
        return list(_read(JobList, response).jobs)

    async def claimable_jobs(self, offered: Sequence[Mode]) -> list[Job]:
        """Give the oldest jobs that may be taken, newest first. offered: modes of this trainer."""
        params = {"claimable": "true", "offers": list(offered)}
        response = await self._send("GET", "/v1/jobs", params=params)
        return list(_read(JobList, response).jobs)

    async def jobs_and_modes(self) -> JobList:
        """Give the newest jobs, and the modes that trainers offer; None from an older registry."""
        return _read(JobList, await self._send("GET", "/v1/jobs", params={"modes": "true"}))

    async def cancel_job(self, id_: str) -> Job:
        """Cancel a queued job at once; ask the holder of a running one to end it."""
        return _read(Job, await self._send("POST", f"/v1/jobs/{_word(id_)}/cancel"))

    async def lease_job(self, id_: str, claim: Claim) -> Job:
        """Take the job for `claim.ttl_s`."""
        path = f"/v1/jobs/{_word(id_)}/lease"
        return _read(Job, await self._send("POST", path, content=claim.to_bytes(), headers=_JSON))

    async def release_job(self, id_: str, release: Release) -> Job:
        """Give the job back before a shutdown; the attempt is not counted as lost."""
        path = f"/v1/jobs/{_word(id_)}/release"
        return _read(Job, await self._send("POST", path, content=release.to_bytes()))

    async def report_job(self, id_: str, report: JobReport) -> Job:
        """Keep the lease, and tell how far the job is; the answer may ask to cancel it."""
        path = f"/v1/jobs/{_word(id_)}/report"
        return _read(Job, await self._send("PUT", path, content=report.to_bytes(), headers=_JSON))

    async def finish_job(self, id_: str, outcome: JobOutcome) -> Job:
        """Say how the job ended; the same outcome again changes nothing."""
        path = f"/v1/jobs/{_word(id_)}/outcome"
        return _read(Job, await self._send("POST", path, content=outcome.to_bytes(), headers=_JSON))

    async def dataset(self) -> DatasetSummary:
        """Count the stored images."""
        return _read(DatasetSummary, await self._send("GET", "/v1/dataset"))

    async def snapshot(self) -> DatasetSnapshot:
        """Give every image that a training may see."""
        return _read(DatasetSnapshot, await self._send("GET", "/v1/dataset/snapshot"))

    async def dataset_insights(self) -> DatasetInsights:
        """Give what the stored images look like, in numbers and words."""
        return _read(DatasetInsights, await self._send("GET", "/v1/dataset/insights"))

    async def dataset_image(self, sha256: str) -> DatasetImage:
        """Give what is known of one image."""
        return _read(DatasetImage, await self._send("GET", _image(sha256)))

    async def dataset_images(self, query: Mapping[str, str]) -> DatasetPage:
        """Return a page of stored images. query: filters, limit and cursor, as the route's."""
        response = await self._send("GET", "/v1/dataset/images", params=query)
        return _read(DatasetPage, response)

    async def delete_images(self, query: Mapping[str, str]) -> DeletedImages:
        """Delete some of the images of an upload or source. query: as the route's."""
        response = await self._send("DELETE", "/v1/dataset/images", params=query)
        return _read(DeletedImages, response)

    async def image_bytes(self, sha256: str) -> bytes:
        """Give the image as it was uploaded."""
        return (await self._send("GET", f"{_image(sha256)}/content")).content

    async def relabel_image(self, sha256: str, label: str) -> DatasetImage:
        """Decide on an image's label; a conflict ends with it."""
        response = await self._send("PATCH", _image(sha256), json={"label": label})
        return _read(DatasetImage, response)

    async def delete_image(self, sha256: str) -> None:
        """Remove an image from the dataset."""
        await self._send("DELETE", _image(sha256))

    async def list_models(self) -> list[ModelRecord]:
        """Give every model version, oldest first."""
        return list(_read_list(_MODELS, await self._send("GET", "/v1/models"), "models"))

    async def model(self, version: str) -> ModelRecord:
        """Give one model version."""
        return _read(ModelRecord, await self._send("GET", f"/v1/models/{_word(version)}"))

    async def model_insights(self, version: str, prevalence: float | None) -> ModelInsights:
        """Give what a version learned from, how, and what it is worth."""
        params = {} if prevalence is None else {"prevalence": prevalence}
        path = f"/v1/models/{_word(version)}/insights"
        return _read(ModelInsights, await self._send("GET", path, params=params))

    async def current_model(self) -> ModelRecord:
        """Give the promoted model."""
        return _read(ModelRecord, await self._send("GET", "/v1/models/current"))

    async def bundle_file(self, version: str, name: str) -> bytes:
        """Give one file of a version's bundle, whole: for small ones, whose size is known."""
        path = f"/v1/models/{_word(version)}/files/{_word(name)}"
        return (await self._send("GET", path)).content

    async def promote(self, version: str, *, again: bool = False) -> ModelRecord:
        """Make a version current; the current one changes nothing, or with `again` is announced."""
        path = f"/v1/models/{_word(version)}/promote"
        params = {"again": "true"} if again else {}
        return _read(ModelRecord, await self._send("POST", path, params=params))

    async def roll_back(self, from_version: str | None = None) -> ModelRecord:
        """Make the model before the current one current again.

        from_version: what the caller takes for current; only with it safe to repeat.
        """
        params = {} if from_version is None else {"from_version": from_version}
        return _read(ModelRecord, await self._send("POST", "/v1/models/rollback", params=params))

    async def upload_artifact(self, sha256: str, path: Path) -> None:
        """Store a file under the sha256 of its bytes. Raises OSError if it cannot be read."""
        size_bytes = (await asyncio.to_thread(path.stat)).st_size
        headers = {"Content-Length": str(size_bytes), "Content-Type": "application/octet-stream"}
        url = f"/v1/artifacts/{_word(sha256)}"
        await self._send("PUT", url, content=_chunks(path), headers=headers)

    async def register(self, manifest_bytes: bytes) -> ModelRecord:
        """Make a candidate of a manifest whose files were uploaded; the same bytes again: same."""
        return _read(
            ModelRecord,
            await self._send("POST", "/v1/models", content=manifest_bytes, headers=_JSON),
        )

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, path, **options)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RegistryUnavailableError(f"{method} {_route(path)}: {kind_of(error)}") from error
        if response.is_client_error:
            raise _refusal(response)
        if not response.is_success:
            raise RegistryUnavailableError(
                f"{method} {_route(path)}: answered {response.status_code}"
            )
        return response


@asynccontextmanager
async def new_control_client(
    base_url: str, *, timeout_s: float = 10.0
) -> AsyncIterator[ControlClient]:
    """Open a client and close it afterwards. timeout_s: of connecting, each read, each write."""
    async with new_internal_client(base_url, timeout_s=timeout_s) as http:
        yield ControlClient(http)


def _word(text: str) -> str:
    return quote(text, safe="")


def _image(sha256: str) -> str:
    return f"/v1/dataset/images/{_word(sha256)}"


def _read(kind: type[M], response: httpx.Response) -> M:
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise _unreadable(response) from error


def _read_list(
    adapter: "TypeAdapter[dict[str, tuple[M, ...]]]", response: httpx.Response, name: str
) -> tuple[M, ...]:
    try:
        return adapter.validate_json(response.content)[name]
    except (ValidationError, KeyError) as error:
        raise _unreadable(response) from error


def _unreadable(response: httpx.Response) -> RegistryUnavailableError:
    return RegistryUnavailableError(f"{_route(response.url.path)}: no answer as agreed")


def _route(path: str) -> str:
    """Give what a path begins with; what follows may be a client's word."""
    return "/".join(path.split("/")[:3])


def _refusal(response: httpx.Response) -> ControlRefusedError:
    try:
        body = response.json()
        code, detail = str(body["code"]), str(body["detail"])
    except (ValueError, KeyError, TypeError):
        code, detail = NO_CODE, response.text[:200]
    return ControlRefusedError(response.status_code, code, detail)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as stream:
        while chunk := await asyncio.to_thread(stream.read, _CHUNK_BYTES):
            yield chunk
