"""A folder of hostile images sent to a gateway, as predictions and as uploads, several at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from load.images import MissingImagesError
from load.soak.verdict import Check

_PARALLEL = 4
_TIMES = 2
_TIMEOUT_S = 120.0
_LABEL = "NORMAL"
_ANY = "application/octet-stream"
_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".dcm": "application/dicom",
}
_TYPED = frozenset({413, 415, 422, 429, 503, 504})
"""Refusals that an answer about a hostile image may be."""


@dataclass(frozen=True, slots=True)
class HostileImage:
    """A file's name and bytes, with the media type that its suffix stands for."""

    name: str
    body: bytes
    media_type: str


def read_hostile_images(folder: Path) -> Sequence[HostileImage]:
    """Read every file below a folder. Raises MissingImagesError."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    if not found:
        raise MissingImagesError(f"{folder} holds no file; name a folder of hostile images.")
    return [
        HostileImage(path.name, path.read_bytes(), _TYPES.get(path.suffix.lower(), _ANY))
        for path in found
    ]


async def send_all(
    url: str, images: Sequence[HostileImage], *, host: str | None = None
) -> Counter[str]:
    """Send each image twice as a prediction and once as an upload; count the answers.

    An answer is its status and code, or "broken". The page that decodes stored images is read last.
    """
    places = asyncio.Semaphore(_PARALLEL)
    headers = {} if host is None else {"Host": host}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=False
    ) as client:

        async def predict(image: HostileImage) -> str:
            head = {"Content-Type": image.media_type}
            async with places:
                return await _said(client.post("/v1/predictions", content=image.body, headers=head))

        async def upload(image: HostileImage) -> str:
            form = {"label": _LABEL}
            async with places:
                files = {"files": (image.name, image.body, image.media_type)}
                return await _said(client.post("/v1/uploads", data=form, files=files))

        said = Counter(await asyncio.gather(*map(predict, [*images] * _TIMES)))
        said += Counter(await asyncio.gather(*map(upload, images)))
        said[f"insights {await _said(client.get('/v1/dataset/insights'))}"] += 1
    return said


async def _said(asked: Awaitable[httpx.Response]) -> str:
    try:
        answer = await asked
    except httpx.HTTPError:
        return "broken"
    if answer.is_success:
        return str(answer.status_code)
    is_problem = "json" in answer.headers.get("Content-Type", "")
    return f"{answer.status_code} {answer.json().get('code') if is_problem else None}"


def judge_answers(said: Counter[str]) -> Check:
    """Pass if every hostile image got an ordinary answer or a typed refusal."""
    wrong = [words for words in said if not words.startswith("insights") and not _is_typed(words)]
    found = ", ".join(f"{count} × {words}" for words, count in said.most_common())
    return Check("answers to hostile images", not wrong, found, "200, 202 or a typed refusal")


def _is_typed(words: str) -> bool:
    status, _, code = words.partition(" ")
    return status in {"200", "202"} or (
        status.isdigit() and int(status) in _TYPED and code not in {"", "None"}
    )
