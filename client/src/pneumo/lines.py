"""A streamed answer, line by line, for either kind of client; one at a time is open."""

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Self

import httpx

from pneumo.connection import new_request
from pneumo.stories import Open, Reply


class Lines:
    """Opens streams, and closes each before the next."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._response: httpx.Response | None = None
        self._lines: Iterator[str] = iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def open(self, step: Open) -> Reply:
        """Send, and read no more than the head, unless it is an error's."""
        self.close()
        try:
            response = self._http.send(new_request(self._http, step), stream=True)
            self._response, self._lines = response, response.iter_lines()
            if not response.is_success:
                response.read()
        except httpx.TransportError as error:
            return error
        return response

    def next(self) -> str | httpx.TransportError | None:
        """Read a line; None at the end."""
        try:
            return next(self._lines, None)
        except httpx.TransportError as error:
            return error

    def close(self) -> None:
        """Close what is open."""
        if self._response is not None:
            self._response.close()
            self._response = None


class AsyncLines:
    """The same, awaited."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._response: httpx.Response | None = None
        self._lines: AsyncIterator[str] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self, step: Open) -> Reply:
        """Send, and read no more than the head, unless it is an error's."""
        await self.close()
        try:
            response = await self._http.send(new_request(self._http, step), stream=True)
            self._response, self._lines = response, response.aiter_lines()
            if not response.is_success:
                await response.aread()
        except httpx.TransportError as error:
            return error
        return response

    async def next(self) -> str | httpx.TransportError | None:
        """Read a line; None at the end."""
        assert self._lines is not None
        try:
            return await anext(self._lines, None)
        except httpx.TransportError as error:
            return error

    async def close(self) -> None:
        """Close what is open."""
        if self._response is not None:
            await self._response.aclose()
            self._response = None
