"""No core dumps: the memory of a process that reads filings must not land on a disk when it dies.

The limit of 0 stops the kernel from writing a file. It does not stop a program that the kernel
pipes dumps into; the flag does, and keeps other processes of the same user from attaching.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4


def forbid_core_dumps() -> bool:
    """Return whether both the limit and, on Linux, the flag were set. Children by ``exec`` inherit
    the limit and not the flag."""
    return _limit() & (not sys.platform.startswith("linux") or _prctl(PR_SET_DUMPABLE, 0))


def die_with_parent(signal_number: int) -> bool:
    """Return whether the kernel will send this signal when the parent ends, however it ends."""
    return sys.platform.startswith("linux") and _prctl(PR_SET_PDEATHSIG, signal_number)


def _limit() -> bool:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        return False
    return True


def _prctl(option: int, value: int) -> bool:
    with contextlib.suppress(OSError, AttributeError):
        return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0)) == 0
    return False
