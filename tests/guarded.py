"""Memory of which a byte too many ends the process: between guard pages, or red zones of AddressSanitizer."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np

from dashboard.codecs.errors import Bytes


class Guarded:
    """Memory between two guard pages."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        self._inner = -(-max(size, 1) // page) * page
        self._map = mmap.mmap(-1, self._inner + 2 * page)
        whole = np.frombuffer(self._map, np.uint8)
        libc = ctypes.CDLL(None, use_errno=True)
        for at in (0, page + self._inner):
            address = ctypes.c_void_p(whole.ctypes.data + at)
            if libc.mprotect(address, ctypes.c_size_t(page), 0):
                raise OSError(ctypes.get_errno(), "mprotect")
        self._usable = whole[page : page + self._inner]

    def take(self, size: int, at_end: bool) -> Bytes:
        """`size` bytes that lie right before the last page, or right behind the first."""
        return self._usable[self._inner - size :] if at_end else self._usable[:size]


class Exact:
    """Memory of the very size that is taken, between the red zones of AddressSanitizer."""

    def __init__(self, size: int) -> None:
        """Fits in with `Guarded`; the memory is allocated when it is taken."""

    def take(self, size: int, at_end: bool) -> Bytes:
        """`size` bytes of the heap."""
        return np.empty(size, np.uint8)
