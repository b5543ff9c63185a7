"""The main dataset of a file that was listed."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.hdf5.messages import DatasetSummary
from dashboard.hdf5.worker.links import LinkResolver
from dashboard.hdf5.worker.node_view import ObjectNode
from dashboard.meaning.main import Candidate, choose_main
from dashboard.meaning.reading import DEFAULTS


def main_dataset(tree: LinkResolver, records: Sequence[DatasetSummary]) -> str | None:
    """Name of the dataset that is opened first; None in a file without any."""
    candidates = [
        Candidate(record.dataset, record.shape, record.dtype or "", record.browsable)
        for record in records
        if record.shape is not None
    ]
    return choose_main(ObjectNode.at(tree, "/", tree.root), candidates, DEFAULTS)
