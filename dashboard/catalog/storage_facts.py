"""How a dataset is stored, and what slices of it cost: what the page shows and `lamella inspect` prints."""

from __future__ import annotations

from collections.abc import Callable

from typing_extensions import TypedDict

from dashboard.catalog.advice import advise, axis_costs
from dashboard.catalog.description import PublicDataset
from dashboard.catalog.volume import Volume, decoded_bytes


class SliceRead(TypedDict):
    """What the first slice across an axis reads: chunks, and bytes decoded in about so many seconds.

    `axis` is null for a single plane, `chunks` 0 where there are none.
    """

    axis: int | None
    chunks: int
    bytes: int
    seconds: float


class StorageFacts(TypedDict):
    """How a dataset is stored; sizes in bytes.

    `ratio` is decoded to stored bytes; it, `decoded_bytes`, `cost` and `advice` are those of datasets with slices
    alone. `allocated` is false where no values are stored yet.
    """

    chunks: list[int] | None
    filters: list[str]
    stored_bytes: int
    decoded_bytes: int | None
    ratio: float | None
    allocated: bool
    cost: list[SliceRead]
    advice: list[str]


def storage_facts(
    dataset: PublicDataset, volume: Volume | None, seconds: Callable[[Volume, int], float]
) -> StorageFacts:
    """The facts of a dataset, which is `volume` where it has slices; `seconds` estimates decoding times."""
    stored = dataset["stored_bytes"]
    found: StorageFacts = {
        "chunks": dataset["chunks"],
        "filters": dataset["filters"],
        "stored_bytes": stored,
        "decoded_bytes": None,
        "ratio": None,
        "allocated": stored > 0,
        "cost": [],
        "advice": [],
    }
    if volume is None:
        return found
    decoded, costs = decoded_bytes(volume), axis_costs(volume)
    single = len(volume.shape) < 3
    # The name alone: the command for it is for who has the file at hand.
    sentence = advise(volume, volume.address.file.rpartition("/")[2], costs).sentence
    return found | {
        "decoded_bytes": decoded,
        "ratio": round(decoded / stored, 2) if stored else None,
        "allocated": stored > 0 or volume.layout in ("virtual", "external"),
        "cost": [
            {
                "axis": None if single else cost.axis,
                "chunks": cost.chunks,
                "bytes": cost.decoded_bytes,
                "seconds": seconds(volume, cost.decoded_bytes),
            }
            for cost in costs
        ],
        "advice": [sentence],
    }
