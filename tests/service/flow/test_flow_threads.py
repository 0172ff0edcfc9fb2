"""A machine that is out of threads: nothing is taken on, nothing is kept, and it passes."""

import asyncio
import threading
from collections import deque

import pytest
from starlette.requests import Request
from starlette.types import Message

from critech.encoder import Run
from critech_service.flow.flow import Flow
from critech_service.flow.refusals import QueueFullError


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize("line", [False, True], ids=["request", "line of a stream"])
def test_what_finds_no_thread_is_refused_and_forgotten(
    monkeypatch: pytest.MonkeyPatch, line: bool
) -> None:
    begun: list[int] = []

    def job(run: Run) -> list[int]:
        return list(run(lambda n: begun.append(n) or n, [1]))  # type: ignore[func-returns-value]

    async def ask(flow: Flow) -> list[int]:
        if line:
            return await flow.answer_line(deque(), 100, job)
        return await flow.answer(Request({"type": "http"}, never), 100, job)

    async def conversation() -> None:
        flow = Flow(1, 1_000, 30.0)
        for _ in range(20):  # twice what the queue holds
            with monkeypatch.context() as none_left:
                none_left.setattr(threading.Thread, "start", no_thread)
                with pytest.raises(QueueFullError):
                    await ask(flow)
            assert (flow.requests, flow.queued_tokens) == (0, 0)
        assert flow.refused["queue-full"] == 20
        assert await ask(flow) == [1]
        flow.close()
        assert begun == [1]

    asyncio.run(conversation())
