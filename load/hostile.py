"""Hostile images sent to a gateway, and the memory of its containers while they are decoded."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from load.images import MissingImagesError
from load.verdict import Check

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
"""Statuses that may refuse a hostile image, with a code."""


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


async def send_hostile_images(
    url: str, images: Sequence[HostileImage], *, host: str | None = None
) -> Counter[str]:
    """Send each image twice as a prediction and once as an upload; count statuses with codes.

    "broken": the connection ended. Insights, which decode stored images, are requested last.
    """
    places = asyncio.Semaphore(_PARALLEL)
    headers = {} if host is None else {"Host": host}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=False
    ) as client:

        async def predict(image: HostileImage) -> str:
            head = {"Content-Type": image.media_type}
            async with places:
                return await _status_of(
                    client.post("/v1/predictions", content=image.body, headers=head)
                )

        async def upload(image: HostileImage) -> str:
            form = {"label": _LABEL}
            async with places:
                files = {"files": (image.name, image.body, image.media_type)}
                return await _status_of(client.post("/v1/uploads", data=form, files=files))

        statuses = Counter(await asyncio.gather(*map(predict, [*images] * _TIMES)))
        statuses += Counter(await asyncio.gather(*map(upload, images)))
        statuses[f"insights {await _status_of(client.get('/v1/dataset/insights'))}"] += 1
    return statuses


async def _status_of(asked: Awaitable[httpx.Response]) -> str:
    try:
        answer = await asked
    except httpx.HTTPError:
        return "broken"
    if answer.is_success:
        return str(answer.status_code)
    is_problem = "json" in answer.headers.get("Content-Type", "")
    return f"{answer.status_code} {answer.json().get('code') if is_problem else None}"


def judge_answers(statuses: Counter[str]) -> Check:
    """Pass if every hostile image was answered or refused with a code."""
    wrong = [each for each in statuses if not each.startswith("insights") and not _is_typed(each)]
    found = ", ".join(f"{number} × {each}" for each, number in statuses.most_common())
    return Check("answers to hostile images", not wrong, found, "200, 202 or a typed refusal")


def _is_typed(status_and_code: str) -> bool:
    status, _, code = status_and_code.partition(" ")
    return status in {"200", "202"} or (
        status.isdigit() and int(status) in _TYPED and code not in {"", "None"}
    )


_FILES = (
    "memory.events",
    "memory.peak",
    "memory.max",
    "memory/memory.oom_control",
    "memory/memory.max_usage_in_bytes",
    "memory/memory.limit_in_bytes",
)
_READ = """cd /sys/fs/cgroup; for f in {files}; do [ ! -r $f ] || sed "s|^|$f |" $f; done"""
READ_MEMORY_COMMAND = ("sh", "-c", _READ.format(files=" ".join(_FILES)))
"""Prints every line of these files after the file's name, inside the container: cgroup 1 or 2."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """oom_kills: processes that the kernel killed for memory; None: not reported."""

    oom_kills: int | None
    peak_bytes: int | None
    limit_bytes: int | None

    def __str__(self) -> str:
        sizes = (self.peak_bytes, self.limit_bytes)
        mib = ["?" if size is None else f"{size / 2**20:.0f}" for size in sizes]
        return f"{self.oom_kills} processes, peak {mib[0]} of {mib[1]} MiB"


def parse_memory_use(printed: str) -> MemoryUse:
    """Parse the output of READ_MEMORY_COMMAND."""
    values: dict[str, str] = {}
    for line in printed.splitlines():
        name, _, value = line.strip().rpartition(" ")
        values[name] = value

    def first(*names: str) -> int | None:
        return next((int(values[n]) for n in names if values.get(n, "max").isdigit()), None)

    return MemoryUse(
        oom_kills=first("memory.events oom_kill", "memory/memory.oom_control oom_kill"),
        peak_bytes=first("memory.peak", "memory/memory.max_usage_in_bytes"),
        limit_bytes=first("memory.max", "memory/memory.limit_in_bytes"),
    )
