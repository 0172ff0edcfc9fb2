"""Byte streams of files as stored: unpacked on the way, bounded, with one error for all faults."""

from __future__ import annotations

import gzip
import importlib
import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, TypeVar

from critech.batch.reading.limits import Limits
from critech.errors import InputError

T = TypeVar("T")
BUFFER = 256 * 1024
HEAD = 64 * 1024
PIECE = 16 * 1024  # what is lost, unpacked, before the place where a packed file breaks off
GZIP, ZSTD, ZIP, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PAR1"


class StreamError(Exception):
    """What is left of a source cannot be read: a code and a sentence, without any of its bytes."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Readable(Protocol):
    """What is read from: ``read(n)`` gives at most ``n`` bytes, none at the end."""

    def read(self, size: int, /) -> bytes: ...


@dataclass
class Budget:
    """How much a packed file may still unpack to. Members of an archive share one."""

    limits: Limits
    packed: Callable[[], int]
    unpacked: int = 0

    def spend(self, size: int) -> None:
        """Count ``size`` bytes. Raises StreamError beyond the limits."""
        self.unpacked += size
        if self.unpacked > self.limits.expanded_bytes:
            most = f"{self.limits.expanded_bytes} bytes"
            raise StreamError("expands_too_much", f"source: unpacks to more than {most}")
        ratio = self.limits.expansion_ratio
        if self.unpacked > max(self.limits.expansion_floor, ratio * self.packed()):
            raise StreamError(
                "expands_too_much", f"source: unpacks to more than {ratio} times its packed size"
            )


class Bounded(io.RawIOBase):
    """A stream that spends a budget, if it has one, and turns every fault into StreamError."""

    def __init__(self, inner: Readable, budget: Budget | None = None) -> None:
        self._inner = inner
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        size = len(buffer) if self._budget is None else min(len(buffer), PIECE)
        data = faults_named(lambda: self._inner.read(size))
        if self._budget is not None:
            self._budget.spend(len(data))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        closing = getattr(self._inner, "close", None)
        if closing is not None and not self.closed:
            closing()
        super().close()


class Counting(io.RawIOBase):
    """A stream that counts what has been read of it. ``head`` comes again first."""

    def __init__(self, inner: BinaryIO, head: bytes) -> None:
        self._inner = inner
        self._head = head
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        data, self._head = self._head[: len(buffer)], self._head[len(buffer) :]
        if len(data) < len(buffer):
            data += self._inner.read(len(buffer) - len(data))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)


def unpacked(raw: BinaryIO, limits: Limits) -> io.BufferedReader:
    """Return the stream, with gzip and zstd undone as its first bytes say. Reading from it raises
    StreamError and nothing else."""
    head = faults_named(lambda: raw.read(4))
    counting = Counting(raw, head)
    budget = Budget(limits, lambda: counting.count)
    if head.startswith(GZIP):
        inner = gzip.GzipFile(fileobj=counting, mode="rb")
        return io.BufferedReader(Bounded(inner, budget), BUFFER)
    if head == ZSTD:
        return io.BufferedReader(Bounded(_zstd(counting), budget), BUFFER)
    return io.BufferedReader(Bounded(counting), BUFFER)


def unpacked_head(head: bytes) -> bytes:
    """Return the first bytes of a stream, with gzip and zstd undone, as far as these stored ones
    go; none where they do not go far enough."""
    try:
        if head.startswith(GZIP):
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, HEAD)
        if head.startswith(ZSTD):
            return _zstd(Counting(io.BytesIO(head), b"")).read(1024)
    except (zlib.error, OSError):
        return b""
    return head


def _zstd(raw: Counting) -> Readable:
    """Return the unpacked stream. pyarrow tells a cut file from a whole one, and its windows are
    at most 128 MB."""
    pyarrow = needed("pyarrow", "zstd")
    stream: Readable = pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, "r"), "zstd")
    return stream


def needed(module: str, purpose: str) -> Any:
    """Return a module of the extra ``batch``. Raises InputError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        install = "pip install 'critech[batch]'" if package != "fsspec" else "pip install fsspec"
        raise InputError("input", f"{purpose} needs the package {package}: {install}") from None


def faults_named(read: Callable[[], T]) -> T:
    """Return what ``read`` returns. Raises StreamError for every fault of a file or archive."""
    try:
        return read()
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile):
        raise StreamError("cut_off", "source: damaged or cut off; the rest is not read") from None
    except (RuntimeError, NotImplementedError):
        raise StreamError("not_readable", "source: encrypted or packed in an unknown way") from None
    except OSError as error:
        if error.errno is None:
            message = "source: damaged or cut off; the rest is not read"
            raise StreamError("cut_off", message) from None
        raise StreamError("not_readable", f"source: cannot be read ({error.strerror})") from None
    except (StreamError, InputError):
        raise
    except Exception:  # zipfile's on damaged directories, and those of object stores
        raise StreamError("not_readable", "source: cannot be read") from None
