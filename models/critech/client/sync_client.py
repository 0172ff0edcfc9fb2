"""The client for programs without an event loop."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
from critech.client.windows import StreamItem, Window, answer_window, windows_of

if TYPE_CHECKING:
    from critech.client.calls import DocumentLike, FilingLike

T = TypeVar("T")


class Client:
    """A client of one service; any number of threads may share it. Use as a context manager, or
    call ``close``. Every method raises ClientError: ProblemError for what the service refuses,
    UnreachableError where no answer comes. Exceptions never hold what was sent."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        retry: Retry | None = None,
        transport: httpx2.BaseTransport | None = None,
        **connection: Unpack[ConnectionKeywords],
    ) -> None:
        """Take the keywords of ``Connection``: ``key``, ``timeout``, ``connect_timeout``, ``uds``,
        ``verify``. ``transport`` replaces all of httpx2 below the request."""
        reach = Connection(url, **connection)
        if transport is None and (socket := reach.socket()) is not None:
            transport = httpx2.HTTPTransport(uds=socket, trust_env=False)
        self._http = httpx2.Client(**reach.arguments(), transport=transport)
        self._retry = retry or Retry()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def classify(
        self, documents: Iterable[DocumentLike], **wanted: Unpack[WantedKeywords]
    ) -> ClassifyAnswer:
        """Return the results of 1 to 64 documents, in order. A document is a text, a
        ``critech.Document`` or a mapping of the same names; ``wanted`` are the keywords of
        ``Wanted``: ``taxonomies``, ``top_k``, ``min_score``, ``explain``, ``as_of``."""
        return cast(ClassifyAnswer, self._json(classify_call(documents, Wanted(**wanted))))

    def classify_stream(
        self,
        documents: Iterable[DocumentLike],
        *,
        window: int = 32,
        parallel: int = 2,
        **wanted: Unpack[WantedKeywords],
    ) -> Iterator[StreamItem]:
        """Yield one item for each of any number of documents, in order. ``window`` documents are
        sent at a time, ``parallel`` windows at once, and no more are held in memory. A document
        that cannot be used gives an item with an error. What concerns all of them, a wrong key
        or option, is raised."""
        options = Wanted(**wanted)

        def answer(one: Window) -> list[StreamItem]:
            return self._run(answer_window(one, options, self._retry))

        windows = windows_of(documents, window)
        with ThreadPoolExecutor(parallel, "critech-client") as pool:
            waiting: deque[Future[list[StreamItem]]] = deque()
            try:
                for one in windows:
                    waiting.append(pool.submit(answer, one))
                    if len(waiting) >= parallel:
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def screen(
        self, filings: Iterable[FilingLike], *, explain: bool = True, as_of: dt.date | None = None
    ) -> ScreenAnswer:
        """Return the verdicts on 1 to 64 filings, in order: ``critech.screening.filing.Filing``
        or mappings of the same names. It is sent again only when the service kept nothing of it."""
        return cast(ScreenAnswer, self._json(screen_call(filings, explain, as_of)))

    def taxonomies(self, as_of: dt.date | None = None) -> Sequence[TaxonomySummary]:
        """Return the taxonomies without their labels."""
        return cast(Sequence[TaxonomySummary], self._json(taxonomies_call(as_of))["taxonomies"])

    def taxonomy(self, name: str, as_of: dt.date | None = None) -> Taxonomy:
        """Return one taxonomy with all its labels."""
        return cast(Taxonomy, self._json(taxonomies_call(as_of, name)))

    def model(self) -> ModelDescription:
        """Return the bundle that answers, its files, training and metrics."""
        return cast(ModelDescription, self._json(Call("GET", "/v1/model")))

    def health(self) -> Health:
        """Return whether the service can classify, asked once: not being ready is no error."""
        return health_of(self._send(HEALTH))

    def _json(self, call: Call) -> Any:
        return self._run(exchange(call, self._retry)).json()

    def _run(self, steps: Generator[Step, Outcome, T]) -> T:
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                return cast(T, done.value)
            outcome = self._send(step) if isinstance(step, Call) else self._sleep(step)

    @staticmethod
    def _sleep(seconds: float) -> Outcome:
        time.sleep(seconds)
        return None

    def _send(self, call: Call) -> Outcome:
        try:
            return reply_of(self._http.request(**request_arguments(call)))
        except httpx2.RequestError as error:
            return fault_of(error)
