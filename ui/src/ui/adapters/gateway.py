"""The gateway, through the client library: one client for every page and every session."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from pneumo import Client, ConnectionFailedError, PneumoError, RetryPolicy
from ui.core.predictions import Asked, problem_of
from ui.settings import Settings

_AT_ONCE = 4
_ATTEMPTS = 2
"""A person waits: what is away is said soon, and the page comes back by itself."""


@dataclass(frozen=True, slots=True)
class ChosenImage:
    """A file as the browser sent it. key: its own for as long as its page is open."""

    key: str
    filename: str
    body: bytes


def new_client(settings: Settings) -> Client:
    """Make the client that all sessions share."""
    key = None if settings.api_key is None else settings.api_key.get_secret_value()
    return Client(
        settings.url,
        key,
        timeout_s=settings.timeout_s,
        retries=RetryPolicy(attempts=_ATTEMPTS),
    )


def ask_all(
    client: Client, pictures: Sequence[ChosenImage], *, explain: bool
) -> Iterator[tuple[ChosenImage, Asked]]:
    """Ask for each picture, a few at once; gives each as it is answered.

    Raises ConnectionFailedError if the gateway is away: nobody's picture is at fault then.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = {pool.submit(_ask, client, each, explain=explain): each for each in pictures}
        try:
            for future in as_completed(asked):
                yield asked[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _ask(client: Client, picture: ChosenImage, *, explain: bool) -> Asked:
    try:
        answer = client.predict(picture.body, explain="cam" if explain else None, preview=True)
    except ConnectionFailedError:
        raise
    except PneumoError as error:
        return Asked(picture.filename, None, problem_of(error))
    return Asked(picture.filename, answer)
