"""The stages of a slice from disk to screen, in order.

These names appear in the code, in `Server-Timing`, in the panels, in `/metrics` and in the documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the pipeline, with its time in a desktop viewer of the same pipeline.

    `reference` is that time as text, `reference_ms` as a number for charts (ms).
    """

    name: str
    where: Literal["server", "browser"]
    what: str
    reference: str
    reference_ms: float


# A read through HDF5 does not separate reading from inflating. The desktop viewer's 825 ms are such a read, so
# they are attributed to `decode` and none to `read`: the reference column then sums to the measured total.
STAGES: Final[tuple[Stage, ...]] = (
    Stage("wait", "server", "for a lock, for another request's decoding", "0", 0.0),
    Stage("cache", "server", "looking into the caches, validating the fingerprint", "~1 ms", 1.0),
    Stage("read", "server", "compressed bytes from disk", "part of 825 ms", 0.0),
    Stage("decode", "server", "the filter pipeline: inflate, unshuffle …", "part of 825 ms", 825.0),
    Stage("index", "server", "the plane out of the brick", "0.01 ms", 0.01),
    Stage("scale", "server", "contrast window, norm, level of detail", "0.1–1 ms", 1.0),
    Stage("encode", "server", "the bytes that travel", "1–5 ms", 5.0),
    Stage(
        "transfer", "browser", "request sent to last byte, less the server's total", "network", 0.0
    ),
    Stage("convert", "browser", "values to colours", "1–5 ms", 5.0),
    Stage("draw", "browser", "onto the canvas or into the Plotly heatmap", "1–10 ms", 10.0),
    Stage("display", "browser", "until the frame is on the screen", "16 ms", 16.0),
)

STAGE_NAMES: Final[tuple[str, ...]] = tuple(stage.name for stage in STAGES)
SERVER_STAGES: Final[tuple[str, ...]] = tuple(s.name for s in STAGES if s.where == "server")
BROWSER_STAGES: Final[tuple[str, ...]] = tuple(s.name for s in STAGES if s.where == "browser")

# Outcomes of a demand, from the nearest source to the farthest.
OUTCOMES: Final[tuple[str, ...]] = ("ring", "hit", "prefetched", "coalesced", "miss")
