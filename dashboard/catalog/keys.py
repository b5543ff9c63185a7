"""Keys of the metadata cache."""

from __future__ import annotations

from dashboard.addressing.addresses import Fingerprint, digest

# To be increased whenever cached metadata changes its meaning, so that an older cache is not misread.
METADATA_VERSION = "9"


def describe_key(file: str, name: str, fingerprint: Fingerprint) -> str:
    """Description of a dataset at this fingerprint of its file."""
    return digest(METADATA_VERSION, "describe", file, name, fingerprint.as_list())


def latest_key(file: str, name: str) -> str:
    """The fingerprint at which a dataset was described last."""
    return digest(METADATA_VERSION, "latest", file, name)


def growing_key(file: str, fingerprint: Fingerprint) -> str:
    """Whether a file is open for SWMR writing at this fingerprint."""
    return digest(METADATA_VERSION, "growing", file, fingerprint.as_list())


def stored_bytes_key(file: str, name: str, fingerprint: Fingerprint) -> str:
    """The stored bytes of a dataset with many chunks at this fingerprint of its file."""
    return digest(METADATA_VERSION, "stored bytes", file, name, fingerprint.as_list())
