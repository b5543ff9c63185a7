"""Headers of the interface that are more than HTTP's own, each declared once."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from dashboard.web.operation import Header

VOLUME_VERSION: Final = Header(
    "X-Volume-Version",
    "Changes with the file: whatever a client keeps from another version is outdated.",
    Annotated[str, Field(pattern="^[0-9a-f]{16}$")],
)
VOLUME_SHAPE: Final = Header(
    "X-Volume-Shape",
    "The shape of the dataset, such as `2160,1360,1360`: that of a growing one changes, and its version does not.",
    Annotated[str, Field(pattern="^[0-9]+(,[0-9]+)*$")],
)
VOLUME: Final = (VOLUME_VERSION, VOLUME_SHAPE)
# Of all responses.
REQUEST_ID: Final = Header(
    "X-Request-ID", "The id of the request, with which the log has it.", required=True
)
IF_NONE_MATCH: Final = Header(
    "If-None-Match",
    "The `ETag` of a response that the client has; where it is still valid, the response is 304.",
)
SLICE: Final = (
    Header(
        "X-Slice-Shape",
        "Rows and columns, such as `1360,1360`.",
        Annotated[str, Field(pattern="^[0-9]+,[0-9]+$")],
        required=True,
    ),
    Header("X-Slice-Dtype", "NumPy's name of the values' type, such as `uint16`.", required=True),
    Header(
        "X-Slice-Window",
        "The two ends of the window (`u8`, `png`; `raw` with `window=volume` in the request).",
        Annotated[str, Field(pattern="^[^,]+,[^,]+$")],
    ),
    Header("X-Slice-Fill", "The fill value that the file's author set (`raw`, real values)."),
    Header(
        "X-Slice-Enum",
        "1 where the values are those of an enum.",
        Annotated[str, Field(pattern="^1$")],
    ),
    Header(
        "X-Slice-Shuffled",
        "The bytes of a value, where all their first bytes come first, then all their second ones (`compress=1`).",
        Annotated[str, Field(pattern="^[0-9]+$")],
    ),
)
# Of every response of `/api/v1/slice` with values or 304.
SERVED: Final = (
    Header("ETag", "Names this response.", required=True),
    Header(
        "Cache-Status",
        (
            "Where the slice came from (RFC 9211): `frames; hit`, `bricks; hit`, `bricks; hit; detail=prefetched`,"
            " `bricks; fwd=miss; collapsed` or `bricks; fwd=miss`, with the reason of a viewer's miss as `detail`."
        ),
        required=True,
    ),
    Header(
        "Server-Timing",
        "The server's stages, `queue` (the part of `wait` before a thread was free) and `total`, in ms.",
        required=True,
    ),
)
