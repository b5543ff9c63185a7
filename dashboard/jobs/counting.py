"""Statistics and the histogram of a whole volume: every chunk is counted, once.

What was counted is kept where histograms of volumes keep theirs (`analysis/volume_histograms.py`): a job goes on
with what requests have counted from cached bricks, and these with what the job has.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

from dashboard.analysis.analyzer import Analyzer
from dashboard.analysis.interpretation import Interpretation
from dashboard.analysis.volume_histograms import TALLY, VolumeHistograms
from dashboard.analysis.volume_slabs import SlabCounter, tally_of
from dashboard.catalog.metadata import MetadataService
from dashboard.catalog.volume_file import VolumeFile
from dashboard.decoding.brick_readers import BrickReaders
from dashboard.frames.contiguous_planes import ContiguousPlanes
from dashboard.frames.quantize import Window
from dashboard.jobs.work import Plain


class Counting:
    """A slab is `number`, the numbers of its pieces that are to be counted, and the `window` of the edges.

    The result of a slab is its tally (`StoredTally`) over these pieces.
    """

    is_portable = True

    def __init__(
        self,
        source: Interpretation,
        bins: int,
        metadata: MetadataService,
        histograms: VolumeHistograms,
        analyzer: Analyzer,
        readers: BrickReaders,
        contiguous: ContiguousPlanes,
        let_through: Callable[[], None],
    ) -> None:
        self._source = source
        self._bins = bins
        self._histograms = histograms
        self._file = VolumeFile(metadata, source.volume)
        mask = None if source.mask is None else analyzer.masked_pixels(source.mask)
        self._counter = SlabCounter(source, mask, readers, contiguous, let_through)
        try:
            self._tally, window = histograms.begin(self._file, source)
        except BaseException:
            self._file.close()
            raise
        self._window = None if window is None else [float(end) for end in window]

    def slabs(self) -> Iterator[Plain | None]:
        """Those that have a piece that was not counted."""
        for number in range(len(self._counter.slabs)):
            todo = ~self._tally.seen[self._counter.slabs.pieces(number)]
            left = np.flatnonzero(todo).tolist()
            yield {"number": number, "todo": left, "window": self._window} if left else None

    def compute(self, slab: Plain) -> Plain:
        """Count what is to be counted of a slab."""
        todo = np.zeros(len(self._pieces(slab)), bool)
        todo[slab["todo"]] = True
        tally = tally_of(self._source, len(todo), _window(slab))
        damaged = self._counter.count(self._file, slab["number"], todo, tally)
        result = {**slab, "tally": dataclasses.asdict(tally.pack()), "decoded": True}
        if damaged:
            message = f"{damaged} chunks of a part are damaged, and were not counted."
            result |= {"failed": True, "message": message}
        return result

    def merge(self, result: Plain) -> None:
        """Add the tally of a slab."""
        pieces = self._pieces(result)
        tally = tally_of(self._source, len(pieces), _window(result))
        tally.unpack(TALLY.validate_python(result["tally"]))
        self._tally.merge(tally, pieces)

    def _pieces(self, slab: Plain) -> NDArray[np.int64]:
        return self._counter.slabs.pieces(slab["number"])

    def keep(self) -> None:
        """Keep what was counted in the metadata cache."""
        self._histograms.keep(self._source, self._tally)

    def finish(self) -> Plain:
        """Statistics, and the histogram of all values."""
        source, tally = self._source, self._tally
        seen = tally.voxels / prod(source.volume.shape)
        found = tally.histogram(source, self._bins, None, None, seen)
        return {
            **dataclasses.asdict(tally.statistics(source)),
            "counts": found.counts.tolist(),
            "edges": found.edges.tolist(),
            "below": found.below,
            "above": found.above,
            "seen": seen,
        }

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _window(slab: Plain) -> Window | None:
    return None if slab["window"] is None else tuple(slab["window"])
