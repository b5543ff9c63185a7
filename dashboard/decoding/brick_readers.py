"""The choice of how a volume is read, made in this place alone."""

from __future__ import annotations

from dashboard.catalog.volume import ReadPath, Volume
from dashboard.decoding.brick_reader import BrickReader
from dashboard.decoding.contiguous import ContiguousReader
from dashboard.decoding.decode_pool import DecodePool
from dashboard.decoding.decoder import Decoder
from dashboard.decoding.library_reader import LibraryReader


class BrickReaders:
    """The reader of each read path, and the threads that they share."""

    def __init__(self, threads: int) -> None:
        self.pool = DecodePool(threads)
        self.decoder = Decoder(self.pool)
        library = LibraryReader()
        self._readers: dict[ReadPath, BrickReader] = {
            ReadPath.CONTIGUOUS: ContiguousReader(self.pool),
            ReadPath.CHUNKS: self.decoder,
            ReadPath.HDF5: library,
        }

    def of(self, volume: Volume) -> BrickReader:
        """The reader of a volume."""
        return self._readers[volume.read_path]

    def stop(self) -> None:
        """Abort running decodes at their next chunk with `Busy`, and start no more."""
        self.pool.stop()

    def close(self) -> None:
        """Stop, and end the threads."""
        self.pool.close()
