"""Compares random slices with those that h5py reads."""

from __future__ import annotations

import http.client
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from dashboard.benchmarking.client import Client

WRONG_KEPT = 20


@dataclass(slots=True)
class Compared:
    """How many slices were equal, which were not, and what was answered instead of a slice, by status."""

    equal: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def compare(
    connect: Callable[[], Client],
    files: Sequence[tuple[str, Path]],
    dataset: str,
    every_s: float,
    ended: threading.Event,
    seed: int,
    found: Compared,
) -> None:
    """Compare a slice of one of `files` (the served name, the path) every `every_s`, until `ended` is set."""
    rng = random.Random(seed)
    client = connect()
    try:
        while not ended.wait(every_s):
            name, path = rng.choice(files)
            try:
                _compare_one(client, name, path, dataset, rng, found)
            except (OSError, http.client.HTTPException) as error:
                found.refused[type(error).__name__] += 1
    finally:
        client.close()


def _compare_one(
    client: Client, name: str, path: Path, dataset: str, rng: random.Random, found: Compared
) -> None:
    with h5py.File(path, "r", locking=False) as file:
        volume = file[dataset]
        axis = rng.randrange(volume.ndim)
        step = rng.choice((1, 1, 1, 2, 5))
        index = tuple(
            rng.randrange(length) if dim == axis else slice(rng.randrange(length // 2), None, step)
            for dim, length in enumerate(volume.shape)
        )
        selection = ",".join(
            str(one) if isinstance(one, int) else f"{one.start}::{one.step}" for one in index
        )
        got = client.slice(name, dataset, selection, format="raw")
        if got.status != 200:
            found.refused[str(got.status)] += 1
            return
        values = volume[index]
    shown = np.frombuffer(got.body, values.dtype.newbyteorder("<"))
    if shown.size == values.size and np.array_equal(shown.reshape(values.shape), values):
        found.equal += 1
    elif len(found.wrong) < WRONG_KEPT:
        found.wrong.append(f"{name}[{selection}]")
