"""The way of a request through the service: admitted, computed in turns, answered or dropped.

Inference runs on the threads of the lanes; what a request does between its pieces, and waits for,
runs on a thread of its own; the event loop does neither.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import Receive

from critech.encoder import Run
from critech.observing import stage
from critech_service.flow.lanes import DroppedError, Lane, Lanes, Work
from critech_service.flow.refusals import (
    ClientGoneError,
    DeadlineError,
    FlowRefusal,
    QueueFullError,
    TooManyStreamsError,
)
from critech_service.flow.token_queue import MAX_REQUESTS, Clock, TokenQueue

T = TypeVar("T")
TOKENS_PER_THREAD = 250_000
MAX_STREAMS = 16
FULL = 0.9


def default_limit(threads: int) -> int:
    """Return how many tokens may wait unless set: what the slower of two measured machines works
    off in some two minutes, and enough for any single filing."""
    return TOKENS_PER_THREAD * max(2, threads)


class Flow:
    """One for each application, in ``app.state.flow``. Everything here belongs to the event loop
    but for the functions handed in, which run on other threads.

    ``refused`` and ``dropped`` count by the kind of problem since the start. With
    ``streams_per_key`` 0 a key may have as many streams as there are.
    """

    def __init__(
        self,
        threads: int,
        limit: int,
        deadline: float,
        max_line_bytes: int = 2_000_000,
        clock: Clock | None = None,
        *,
        streams_per_key: int = 0,
    ) -> None:
        self.threads = threads
        self.deadline = deadline
        self.max_line_bytes = max_line_bytes
        given = {} if clock is None else {"clock": clock}
        self.queue = TokenQueue(limit, threads, deadline, **given)
        self.streams_per_key = streams_per_key
        self._streams: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self._lanes = Lanes(threads)
        self._waiting = ThreadPoolExecutor(MAX_REQUESTS, thread_name_prefix="critech-request")
        self._left = asyncio.Event()

    @property
    def queued_tokens(self) -> int:
        """Tokens of the requests taken on and not yet ended, as estimated."""
        return self.queue.tokens

    @property
    def limit_tokens(self) -> int:
        """So many tokens may wait."""
        return self.queue.limit

    @property
    def requests(self) -> int:
        """Requests, and lines of streams, taken on and not yet ended."""
        return self.queue.requests

    @property
    def streams(self) -> int:
        """Streams that are open."""
        return self._streams.total()

    @property
    def tokens_per_second(self) -> float:
        """How fast the queue drains while there is work."""
        return self.queue.tokens_per_second

    @property
    def saturated(self) -> bool:
        """Whether so much waits that new work is refused, or soon will be."""
        return self.queued_tokens >= FULL * self.limit_tokens or self.requests >= MAX_REQUESTS

    def close(self) -> None:
        """End the threads; work not begun is left undone."""
        self._lanes.close()
        self._waiting.shutdown(wait=True, cancel_futures=True)

    async def answer(self, request: Request, tokens: int, job: Callable[[Run], T]) -> T:
        """Return what a job gives for a request whose body has been read. The job runs on a
        thread of its own and is handed the ``map`` by which to have its work done.

        Raise QueueFullError or TooMuchWorkError before anything is done, also where no thread can
        be started; DeadlineError or
        ClientGoneError when the rest is dropped.
        """
        try:
            self.queue.enter(tokens)
        except FlowRefusal as refusal:
            self.refused[refusal.kind] += 1
            raise
        gone = asyncio.ensure_future(_disconnect(request.receive))
        try:
            return await self._run(tokens, job, self.deadline, gone, deque())
        finally:
            gone.cancel()

    async def answer_line(self, lane: Lane, tokens: int, job: Callable[[Run], T]) -> T:
        """Return what a job gives for a line of a stream, which waits for room in place of being
        refused. Its lines share a lane. Raise TooMuchWorkError or DeadlineError."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.deadline
        try:
            async with asyncio.timeout_at(end):
                with stage("queue"):
                    while not self.queue.fits(tokens):
                        await self._left.wait()
        except TimeoutError:
            raise self._late() from None
        self.queue.enter(tokens)
        return await self._run(tokens, job, end - loop.time(), None, lane)

    def enter_stream(self, key: str) -> None:
        """Count a stream of a key in. Raise TooManyStreamsError when the key has too many,
        QueueFullError when there are too many, or no room."""
        if self.streams_per_key and self._streams[key] >= self.streams_per_key:
            self.refused[TooManyStreamsError.kind] += 1
            raise TooManyStreamsError(self.streams_per_key)
        if self.streams >= MAX_STREAMS or self.saturated:
            raise self._full(self.limit_tokens // 10)
        self._streams[key] += 1

    def leave_stream(self, key: str) -> None:
        """Count a stream of a key out."""
        self._streams -= Counter((key,))  # drops a key that has none left

    def count_gone(self) -> None:
        """Count a stream whose client went away."""
        self.dropped[ClientGoneError.kind] += 1

    async def _run(
        self,
        tokens: int,
        job: Callable[[Run], T],
        seconds: float,
        gone: asyncio.Future[None] | None,
        lane: Lane,
    ) -> T:
        work = Work(self._lanes, lane)
        loop = asyncio.get_running_loop()
        context = copy_context()  # the observer of the request, and its id
        try:
            running: asyncio.Future[T] = loop.run_in_executor(
                self._waiting, lambda: context.run(_done, job, work)
            )
        except RuntimeError:  # no thread can be started; the pool may find one for the job later
            work.drop()
            self.queue.leave(tokens, finished=False)
            raise self._full(tokens) from None
        running.add_done_callback(lambda ended: self._leave(ended, tokens))
        awaited: set[asyncio.Future[Any]] = {running} if gone is None else {running, gone}
        try:
            await asyncio.wait(
                awaited, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED
            )
            if running.done():
                try:
                    return running.result()
                except DroppedError:  # its pieces found no thread, or the service closes
                    raise self._full(tokens) from None
            if gone is not None and gone.done():
                self.count_gone()
                raise ClientGoneError
            raise self._late()
        finally:
            if not running.done():
                work.drop()

    def _leave(self, ended: asyncio.Future[Any], tokens: int) -> None:
        finished = not ended.cancelled() and ended.exception() is None
        self.queue.leave(tokens, finished)
        self._left.set()
        self._left = asyncio.Event()

    def _full(self, tokens: int) -> QueueFullError:
        self.refused[QueueFullError.kind] += 1
        return QueueFullError(self.queue.seconds_until_room(tokens))

    def _late(self) -> DeadlineError:
        self.dropped[DeadlineError.kind] += 1
        return DeadlineError(self.deadline, self.queue.seconds_until_room(self.limit_tokens))


def _done(job: Callable[[Run], T], work: Work) -> T:
    """Return what a job gives, unless it was dropped before its turn. asyncio cannot hand on a
    StopIteration: whoever waits for the job would wait to the deadline."""
    try:
        work.check()
        return job(work.map)
    except StopIteration:
        raise RuntimeError("a job ended with StopIteration") from None


async def _disconnect(receive: Receive) -> None:
    """Return when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
