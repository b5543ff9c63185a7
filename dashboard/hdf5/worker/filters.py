"""Validation of a dataset's filters against its type and chunk shape."""

from __future__ import annotations

from math import prod
from typing import Any

import h5py

from dashboard.codecs.client_data import StoredType, check_client_data


def client_data_fault(dataset: h5py.h5d.DatasetID, plist: Any) -> str:
    """Reason why HDF5 cannot have written the client data of a dataset's filters; empty where it can."""
    filters = [plist.get_filter(number) for number in range(plist.get_nfilters())]
    if not filters or plist.get_layout() != h5py.h5d.CHUNKED:
        return ""
    kind = dataset.get_type()
    stored = StoredType(int(kind.get_size()), _parts(kind), prod(plist.get_chunk()))
    found = [(int(entry[0]), tuple(int(value) for value in entry[2])) for entry in filters]
    return check_client_data(found, stored) or ""


def _parts(kind: Any) -> frozenset[int]:
    """Sizes (bytes) of a compound's members, an array's base, a complex number's halves."""
    if isinstance(kind, h5py.h5t.TypeCompoundID):
        members = range(kind.get_nmembers())
        return frozenset(int(kind.get_member_type(number).get_size()) for number in members)
    if isinstance(kind, h5py.h5t.TypeArrayID):
        return frozenset({int(kind.get_super().get_size())})
    if isinstance(kind, h5py.h5t.TypeComplexID):
        return frozenset({int(kind.get_size()) // 2})
    return frozenset()
