"""The sample radiograph that proves a started stack: found before, sent after."""

import json
import mimetypes
from pathlib import Path

import httpx

from embedded.errors import MissingFileError, SampleRefusedError
from embedded.stack.settings import StackSettings

_SUFFIXES = (".jpeg", ".jpg", ".png")
_ANSWER_TIMEOUT_S = 30.0


def find_sample(settings: StackSettings) -> Path:
    """Give the radiograph named by SAMPLE, else the first of the samples folder.

    Raises MissingFileError.
    """
    if settings.sample is not None:
        if not settings.sample.is_file():
            raise MissingFileError(f"SAMPLE={settings.sample} is not a file.")
        return settings.sample
    folder = settings.samples
    found = sorted(p for p in folder.glob("*") if p.suffix.lower() in _SUFFIXES)
    if not found:
        raise MissingFileError(f"No sample radiograph in {folder}: name one with SAMPLE=<file>.")
    return found[0]


def predict_sample(gateway: str, sample: Path, key: str | None = None) -> str:
    """Send a radiograph through the gateway; give its answer as JSON text.

    key: an API key with the scope `predict`, where the gateway asks for one.

    Raises SampleRefusedError with the problem's own words.
    """
    kind = mimetypes.guess_type(sample.name)[0] or "application/octet-stream"
    files = {"file": (sample.name, sample.read_bytes(), kind)}
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        response = httpx.post(
            f"{gateway}/predict",
            files=files,
            headers=headers,
            timeout=_ANSWER_TIMEOUT_S,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise SampleRefusedError(
            f"The gateway gave no answer for {sample.name}: {type(error).__name__}."
        ) from None
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise SampleRefusedError(
            "The gateway asks the sample for an API key: give one with PNEUMO_API_KEY=<key>."
        )
    if response.status_code != httpx.codes.OK:
        raise SampleRefusedError(
            f"The gateway answered {sample.name} with {response.status_code}: "
            f"{_problem(response.text)}."
        )
    return response.text


def _problem(text: str) -> str:
    try:
        document = json.loads(text)
    except ValueError:
        return text[:200] or "no text"
    if not isinstance(document, dict):
        return text[:200]
    said = document.get("detail") or document.get("title") or text[:200]
    return f"{said} ({document['code']})" if "code" in document else str(said)
