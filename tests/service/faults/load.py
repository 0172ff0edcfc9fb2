"""Clients that keep a server busy, and what became of each request."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from server_process import Answer, ask_json

BODY = {
    "documents": [
        {"id": f"d{i}", "text": f"A torpedo with a gas turbine, number {i}."} for i in range(4)
    ],
    "top_k": 1,
}


@dataclass
class Load:
    """Answers and failures so far. ``stop`` ends the clients after the request they are at."""

    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def statuses(self) -> set[int]:
        return {answer.status for answer in self.answers}


@contextlib.contextmanager
def under_load(where: str, clients: int, body: object = BODY) -> Iterator[Load]:
    """Yield the load of so many clients, each of which sends one request after another."""
    load = Load()

    def client() -> None:
        while not load.stop.is_set():
            try:
                load.answers.append(ask_json(where, "/v1/classify", body))
            except (OSError, http.client.HTTPException) as error:
                load.failures.append(type(error).__name__)
                load.stop.wait(0.05)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stop.set()
        for thread in threads:
            thread.join()
