"""The stages of a slice from disk to screen, in order.

These names appear in the code, in `Server-Timing`, in the panels, in `/metrics` and in the documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from dashboard.addressing.outcomes import Outcome, Stage


@dataclass(frozen=True, slots=True)
class StageInfo:
    """One step of the pipeline, with its time in a desktop viewer of the same pipeline.

    `reference` is that time as text.
    """

    name: Stage
    where: Literal["server", "browser"]
    what: str
    reference: str


# A read through HDF5 does not separate reading from inflating. The desktop viewer's 825 ms are such a read, so
# they are attributed to `decode` and none to `read`: the reference column then sums to the measured total.
STAGES: Final[tuple[StageInfo, ...]] = (
    StageInfo(Stage.WAIT, "server", "for a thread, a lock, or another request's decoding", "0"),
    StageInfo(Stage.CACHE, "server", "whatever touches the cache directory", "~1 ms"),
    StageInfo(
        Stage.READ,
        "server",
        "whatever touches the file's own disk: open, status, index, compressed bytes",
        "part of 825 ms",
    ),
    StageInfo(
        Stage.DECODE, "server", "the filter pipeline: inflate, unshuffle …", "part of 825 ms"
    ),
    StageInfo(Stage.INDEX, "server", "the plane out of the brick", "0.01 ms"),
    StageInfo(Stage.SCALE, "server", "contrast window, norm, level of detail", "0.1–1 ms"),
    StageInfo(Stage.ENCODE, "server", "the bytes that travel", "1–5 ms"),
    StageInfo(Stage.OTHER, "server", "what is left of the server's total", "0"),
    StageInfo(
        Stage.WAITED,
        "browser",
        "in the page: from key or click until drawing began, less server and network",
        "0",
    ),
    StageInfo(
        Stage.TRANSFER, "browser", "request sent to last byte, less the server's total", "network"
    ),
    StageInfo(Stage.CONVERT, "browser", "values to colours", "1–5 ms"),
    StageInfo(Stage.DRAW, "browser", "onto the canvas or into the Plotly heatmap", "1–10 ms"),
    StageInfo(Stage.DISPLAY, "browser", "until the frame is on the screen", "16 ms"),
)

# The desktop viewer's stages together, for a slice that is not cached.
WHOLE_REFERENCE: Final = "850 ms"

# The desktop viewer's read of a slice from disk, and of a cached one (ms).
DESKTOP_MS: Final = (825, 1)

STAGE_NAMES: Final[tuple[Stage, ...]] = tuple(Stage)
SERVER_STAGES: Final[tuple[Stage, ...]] = tuple(s.name for s in STAGES if s.where == "server")

# Outcomes of a demand, from the nearest source to the farthest.
OUTCOMES: Final[tuple[Outcome, ...]] = tuple(Outcome)
