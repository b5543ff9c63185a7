"""The command `lamella`."""

from __future__ import annotations

from dashboard.cli.commands import lamella, main

__all__ = ["lamella", "main"]
