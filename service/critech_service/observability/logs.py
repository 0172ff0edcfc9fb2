"""Log lines: one JSON object each, of which no value is what a client sent.

Messages of other libraries and of exceptions may hold anything, a text included. So of a record
from elsewhere only its logger, level and place in the code are written, and of an exception its
type and place.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import logging.config
import sys
import threading
from pathlib import PurePath
from types import TracebackType
from typing import Any

from critech_service.observability.request_id import current

FIELDS = (
    "route", "method", "status", "duration_ms", "bytes_in", "bytes_out", "documents", "tokens",
    "key_id", "refusal", "trace_id", "error", "at",
)  # fmt: skip
OWN = frozenset(("critech", "uvicorn"))
WITHHELD = "message withheld"
FRAMES = 5


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object in ASCII, on one line whatever it holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps(_entry(record))


class TextLines(logging.Formatter):
    """Formats the same as one line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry = _entry(record)
        head = [str(entry.pop(name)) for name in ("time", "level", "logger", "event")]
        tail = [f"{name}={value}" for name, value in entry.items() if value is not None]
        return "".join(c if c.isprintable() else " " for c in " ".join(head + tail))


class Stderr(logging.Handler):
    """Writes lines to what is standard error at that moment, and on failure nothing: the standard
    handler would print the record with its arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            return


def logging_config(form: str, level: str) -> dict[str, Any]:
    """Return the configuration of all logging, for this process and for those that it starts."""
    kind = "JsonLines" if form == "json" else "TextLines"
    ours = {"level": level.upper(), "handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": f"{__name__}.{kind}"}},
        "handlers": {"stderr": {"()": f"{__name__}.Stderr", "formatter": "lines"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "critech": ours,
            "uvicorn": ours,
            "uvicorn.error": ours,
            # holds path and query
            "uvicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
    }


def start_logging(form: str, level: str) -> None:
    """Configure logging, and see to it that no exception prints its message or a line of code."""
    logging.config.dictConfig(logging_config(form, level))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    sys.unraisablehook = lambda found: _uncaught(
        found.exc_type, found.exc_value, found.exc_traceback
    )


def place(traceback: TracebackType | None) -> str:
    """Return where an exception came from: the last frames as ``folder/file.py:line``, the
    innermost last. Empty without a traceback."""
    frames = []
    while traceback is not None:
        path = PurePath(traceback.tb_frame.f_code.co_filename)
        frames.append(f"{path.parent.name}/{path.name}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return " ".join(frames[-FRAMES:])


def failure(error: BaseException) -> dict[str, str]:
    """Return what may be logged of an exception: its type and where it came from."""
    return {"error": type(error).__name__, "at": place(error.__traceback__)}


def _uncaught(
    kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    fields = {"error": kind.__name__, "at": place(traceback)}
    logging.getLogger("critech").critical("uncaught exception", extra={"fields": fields})


def _entry(record: logging.LogRecord) -> dict[str, Any]:
    own = record.name.partition(".")[0] in OWN
    fields: dict[str, Any] = getattr(record, "fields", {}) if own else {}
    entry = {
        "time": _utc(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": _event(record) if own else WITHHELD,
        "request_id": current.get(),
    }
    if not own:
        entry["at"] = f"{PurePath(record.pathname).name}:{record.lineno}"
    if record.exc_info and record.exc_info[1] is not None:
        entry.update(failure(record.exc_info[1]))
    entry.update({name: fields[name] for name in FIELDS if name in fields})
    return entry


def _event(record: logging.LogRecord) -> str:
    """Return the message. uvicorn hands over the traceback of a failed start as one."""
    try:
        message = record.getMessage().strip()
    except Exception:  # arguments that do not fit
        return WITHHELD
    return WITHHELD if message.startswith("Traceback") else message


def _utc(seconds: float) -> str:
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
