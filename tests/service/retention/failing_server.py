"""The server of ``critech serve`` over a classifier whose every step fails with an exception that
quotes the text: what a bug in a library would do at its worst."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import uvicorn

from critech import Classifier
from critech_service.app import create_app
from critech_service.command import _config
from critech_service.settings import Settings, read_settings

ERRORS: dict[str, type[BaseException]] = {
    "Value": ValueError, "Key": KeyError, "Unicode": UnicodeError, "Memory": MemoryError,
    "Recursion": RecursionError, "OS": OSError, "Assertion": AssertionError,
    "Group": ExceptionGroup, "Exit": SystemExit, "Stop": StopIteration,
}  # fmt: skip


class Failing(Classifier):
    """Fails, on the threads that score, as the word before ``A rocket`` says."""

    def _scored(self, texts: Any, languages: Any) -> Any:
        self._run(_fail, texts)
        return super()._scored(texts, languages)


def _fail(text: Callable[[], str]) -> None:
    whole = text()
    for name, error in ERRORS.items():
        if f"{name} A rocket" in whole:
            if name == "Group":
                raise ExceptionGroup(whole, [ValueError(whole)])
            raise error(whole) from RuntimeError(whole)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    settings: Settings = read_settings(vars(parser.parse_args()))
    classifier = Failing.load(threads=1)
    uvicorn.Server(_config(settings)(create_app(settings, classifier), workers=1)).run()


if __name__ == "__main__":
    main()
