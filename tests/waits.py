"""How long tests wait for what does come: longer than a busy machine stands still. It costs nothing otherwise."""

from __future__ import annotations

WITHIN_S = 90.0
WITHIN_MS = 1e3 * WITHIN_S
