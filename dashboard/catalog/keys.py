"""What facts about files and datasets are kept under."""

from __future__ import annotations

from dashboard.addressing.addresses import Fingerprint, digest

# Raised whenever what is remembered changes its meaning, so that an older cache is not misread.
FACTS_VERSION = "3"


def describe_key(file: str, name: str, fingerprint: Fingerprint) -> str:
    """What a child said of a dataset in this state of its file."""
    return digest(FACTS_VERSION, "describe", file, name, fingerprint.as_list())


def latest_key(file: str, name: str) -> str:
    """The state in which a dataset was described last."""
    return digest(FACTS_VERSION, "latest", file, name)


def growing_key(file: str, fingerprint: Fingerprint) -> str:
    """The fact that a file is open for appending (SWMR) in this state."""
    return digest(FACTS_VERSION, "growing", file, fingerprint.as_list())
