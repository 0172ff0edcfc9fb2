"""Memory of bundles that are gone, given back to the system."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Free what nobody refers to, and hand free memory back.

    A bundle's objects are part of a cycle of references, which the collector, left alone, may not
    come to for hours; and the allocator of glibc keeps a part of what is freed in each thread's
    share, so that memory would grow with every reload.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of glibc, not of other systems
    if trim is not None:
        trim(0)
