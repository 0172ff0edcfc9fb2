"""Lines of a stream that are under way, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator


class Window:
    """At most ``n_lines`` answers that are not yet taken, to lines of ``n_bytes`` bytes together;
    a longer line is under way alone. One task adds, another takes."""

    def __init__(self, n_lines: int, n_bytes: int) -> None:
        self._n_lines = n_lines
        self._n_bytes = n_bytes
        self._held = 0
        self._closed = False
        self._answers: deque[tuple[asyncio.Future[bytes], int]] = deque()
        self._changed = asyncio.Condition()

    async def room(self, n_bytes: int) -> None:
        """Return when a line of that length may begin."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_room(n_bytes))

    async def add(self, answer: asyncio.Future[bytes], n_bytes: int) -> None:
        """Add the answer to come of a line that has begun."""
        async with self._changed:
            self._answers.append((answer, n_bytes))
            self._held += n_bytes
            self._changed.notify_all()

    async def close(self) -> None:
        """Let ``answers`` end once all are taken."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def answers(self) -> AsyncIterator[bytes]:
        """Yield the answers in order. One gives up its room when the next is asked for."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._closed or bool(self._answers))
            if not self._answers:
                return
            answer, n_bytes = self._answers[0]
            yield await answer
            async with self._changed:
                self._answers.popleft()
                self._held -= n_bytes
                self._changed.notify_all()

    def _has_room(self, n_bytes: int) -> bool:
        if not self._answers:
            return True
        return len(self._answers) < self._n_lines and self._held + n_bytes <= self._n_bytes
