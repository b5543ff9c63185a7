"""The objects of files: attributes, and what datasets mean; read once per fingerprint and then cached."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cachetools import LRUCache
from pydantic import Field, TypeAdapter

from dashboard import errors
from dashboard.addressing.addresses import Fingerprint, digest
from dashboard.catalog.keys import METADATA_VERSION
from dashboard.catalog.metadata import MetadataService, normalize_dataset_path
from dashboard.catalog.volume import Volume
from dashboard.hdf5.messages import DescribeNode, Failure, NodeRecord, unpack
from dashboard.meaning.model import Meaning

MAX_MEANINGS = 256


@dataclass(frozen=True, slots=True)
class DescribedNode:
    """An object at a path, with the other files that what is said of it depends on, as in `Described`."""

    path: str
    record: NodeRecord
    states: tuple[tuple[str, Fingerprint], ...]


_NODE: TypeAdapter[DescribedNode | Failure] = TypeAdapter(
    Annotated[DescribedNode | Failure, Field(union_mode="left_to_right")]
)


class Nodes:
    """Objects of the catalogue's files."""

    def __init__(self, metadata: MetadataService) -> None:
        self._metadata = metadata
        self._meanings: LRUCache[str, Meaning] = LRUCache(MAX_MEANINGS)
        self._lock = threading.Lock()

    def meaning(self, volume: Volume) -> Meaning:
        """What a volume means; of a growing one, as long as this process keeps it."""
        key = volume.address.key
        with self._lock:
            known = self._meanings.get(key)
        if known is None:
            known = self.node(volume.address.file, volume.address.dataset).record.meaning
            if known is None:
                raise errors.Changed(f"{volume.address.file!r} changed; open it again.")
            with self._lock:
                self._meanings[key] = known
        return known

    def node(self, file: str, path: str) -> DescribedNode:
        """The object at a path; `NotFound`, `CannotShow` with the reason, or `Changed`."""
        metadata = self._metadata
        real, fingerprint = metadata.catalog.fingerprint(file)
        name, reach = normalize_dataset_path(path), metadata.catalog.reach_digest(real)
        key = digest(METADATA_VERSION, "node", file, name, fingerprint.as_list(), reach)

        def described() -> DescribedNode:
            record = metadata.asked(file, fingerprint, DescribeNode(name))
            return DescribedNode(name, record, metadata.states(name, record.depends, record.absent))

        known = metadata.cached_or_failed(file, key, _NODE, described)
        dependencies = [(Path(unpack(other)), state) for other, state in known.states]
        if dependencies and not metadata.may_follow(file, tuple(dependencies)):
            metadata.cache.delete(key)
            return metadata.cached_or_failed(file, key, _NODE, described)
        return known
