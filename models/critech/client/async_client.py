"""The client for programs with an event loop."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

import httpx2

from critech.client.calls import (
    Call,
    Wanted,
    WantedKeywords,
    classify_call,
    screen_call,
    taxonomies_call,
)
from critech.client.connection import (
    DEFAULT_URL,
    Connection,
    ConnectionKeywords,
    fault_of,
    reply_of,
    request_arguments,
)
from critech.client.exchange import Outcome, Step, exchange
from critech.client.readiness import HEALTH, health_of
from critech.client.retry import Retry
from critech.client.screen_shapes import ScreenAnswer
from critech.client.shapes import (
    ClassifyAnswer,
    Health,
    ModelDescription,
    Taxonomy,
    TaxonomySummary,
)
from critech.client.windows import StreamItem, Window, Windowing, answer_window, windows_of

if TYPE_CHECKING:
    from critech.client.calls import DocumentLike, FilingLike

T = TypeVar("T")


class AsyncClient:
    """``Client`` for an event loop: the same methods, arguments, answers and exceptions, to be
    awaited. Use as an asynchronous context manager, or await ``close``."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        retry: Retry | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        **connection: Unpack[ConnectionKeywords],
    ) -> None:
        """Take what ``Client`` takes."""
        reach = Connection(url, **connection)
        if transport is None and (socket := reach.socket()) is not None:
            transport = httpx2.AsyncHTTPTransport(uds=socket, trust_env=False)
        self._http = httpx2.AsyncClient(**reach.arguments(), transport=transport)
        self._retry = retry or Retry()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def classify(
        self, documents: Iterable[DocumentLike], **wanted: Unpack[WantedKeywords]
    ) -> ClassifyAnswer:
        """Return the results of 1 to 64 documents, in order."""
        return cast(ClassifyAnswer, await self._json(classify_call(documents, Wanted(**wanted))))

    async def classify_stream(
        self,
        documents: Iterable[DocumentLike] | AsyncIterable[DocumentLike],
        *,
        window: int = 32,
        parallel: int = 2,
        **wanted: Unpack[WantedKeywords],
    ) -> AsyncIterator[StreamItem]:
        """Yield one item for each of any number of documents, in order."""
        options = Wanted(**wanted)
        waiting: deque[asyncio.Task[list[StreamItem]]] = deque()
        try:
            async for one in _windows(documents, window):
                waiting.append(
                    asyncio.create_task(self._run(answer_window(one, options, self._retry)))
                )
                if len(waiting) >= parallel:
                    for item in await waiting.popleft():
                        yield item
            while waiting:
                for item in await waiting.popleft():
                    yield item
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def screen(
        self, filings: Iterable[FilingLike], *, explain: bool = True, as_of: dt.date | None = None
    ) -> ScreenAnswer:
        """Return the verdicts on 1 to 64 filings, in order."""
        return cast(ScreenAnswer, await self._json(screen_call(filings, explain, as_of)))

    async def taxonomies(self, as_of: dt.date | None = None) -> Sequence[TaxonomySummary]:
        """Return the taxonomies without their labels."""
        found = await self._json(taxonomies_call(as_of))
        return cast(Sequence[TaxonomySummary], found["taxonomies"])

    async def taxonomy(self, name: str, as_of: dt.date | None = None) -> Taxonomy:
        """Return one taxonomy with all its labels."""
        return cast(Taxonomy, await self._json(taxonomies_call(as_of, name)))

    async def model(self) -> ModelDescription:
        """Return the bundle that answers, its files, training and metrics."""
        return cast(ModelDescription, await self._json(Call("GET", "/v1/model")))

    async def health(self) -> Health:
        """Return whether the service can classify, asked once: not being ready is no error."""
        return health_of(await self._send(HEALTH))

    async def _json(self, call: Call) -> Any:
        return (await self._run(exchange(call, self._retry))).json()

    async def _run(self, steps: Generator[Step, Outcome, T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                return cast(T, done.value)
            sending = self._send(step) if isinstance(step, Call) else asyncio.sleep(step, None)
            outcome = await sending

    async def _send(self, call: Call) -> Outcome:
        try:
            return reply_of(await self._http.request(**request_arguments(call)))
        except httpx2.RequestError as error:
            return fault_of(error)


async def _windows(
    documents: Iterable[DocumentLike] | AsyncIterable[DocumentLike], n_lines: int
) -> AsyncIterator[Window]:
    if not isinstance(documents, AsyncIterable):
        for window in windows_of(documents, n_lines):
            yield window
        return
    windowing = Windowing(n_lines)
    async for document in documents:
        if (full := windowing.add(document)) is not None:
            yield full
    if (last := windowing.rest()) is not None:
        yield last
