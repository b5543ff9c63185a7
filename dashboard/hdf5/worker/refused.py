"""The error of an object that may not or cannot be opened."""

from __future__ import annotations


class ObjectRefused(Exception):
    """An object that may not or cannot be opened; `code` names the error class for the parent."""

    def __init__(self, message: str, code: str = "cannot_show") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
