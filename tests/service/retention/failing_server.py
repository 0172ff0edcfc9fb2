"""The server of ``critech serve`` over a classifier whose every step fails with an exception that
quotes the text: what a bug in a library would do at its worst."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

import uvicorn

from critech import Classifier, Document
from critech_service.app import create_app
from critech_service.command import _config
from critech_service.settings import Settings, read_settings


class Failing(Classifier):
    """Fails as the first word of a text says, once warmed up."""

    def classify(self, documents: Iterable[Document | str], options: Any = None) -> Any:
        self._fail([one if isinstance(one, str) else one.text for one in documents])
        return super().classify(["A torpedo."], options)

    def score_all(self, texts: Any, languages: Any) -> Any:
        self._fail(texts)
        return super().score_all(texts, languages)

    def _fail(self, texts: list[str]) -> None:
        errors: dict[str, type[BaseException]] = {
            "Value": ValueError, "Key": KeyError, "Unicode": UnicodeError, "Memory": MemoryError,
            "Recursion": RecursionError, "OS": OSError, "Assertion": AssertionError,
            "Group": ExceptionGroup, "Exit": SystemExit, "Stop": StopIteration,
        }  # fmt: skip
        whole = " ".join(texts)
        for name, error in errors.items():
            if whole.startswith(name):
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
