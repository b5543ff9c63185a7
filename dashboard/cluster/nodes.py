"""The machines of a service: a card of each in the shared store while it is renewed, and what has to agree.

Answers of two machines are the same only where roots, version, settings, secrets and files are. A machine that
differs does not join.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashboard.storage.rows import Rows

log = logging.getLogger(__name__)

NODE: Final = "node:"
DRAIN: Final = "drain:"
# How long a card lasts; it is renewed once a second.
CARD_S: Final = 3.0
# How long a machine has to hear that it is to leave.
DRAIN_S: Final = 3600.0

Text = Annotated[str, Field(max_length=256)]
FileState = tuple[int, int, int, int]


class NodeCard(BaseModel):
    """What a machine is: its name, the start that the card is of, and what has to agree with others.

    `began` is a Unix time (s). `roots` says who sees each root, `settings` has values as text, `secrets` slow
    hashes, and `files` the fingerprints of a sample of files: inode, size, mtime and ctime (ns).
    """

    model_config = ConfigDict(frozen=True, strict=True)

    name: Text
    start: Text
    version: Text
    began: Annotated[float, Field(allow_inf_nan=False)]
    roots: dict[str, str]
    settings: dict[str, str]
    secrets: dict[str, Text]
    files: dict[str, FileState]
    draining: bool = False


class Nodes:
    """The cards of all machines, in `rows`. Methods raise `RowsUnavailable` as theirs do."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def cards(self) -> list[NodeCard]:
        """The cards of the machines that are there, by name."""
        found = (_read(self._rows.get(key)) for key in self._rows.keys_with_prefix(NODE))
        return [card for card in found if card is not None]

    def renew(self, card: NodeCard) -> bool:
        """Store a card for some seconds; returns whether it was stored."""
        return self._rows.set(NODE + card.name, card.model_dump_json().encode(), CARD_S)

    def leave(self, name: str) -> None:
        """Remove the card of a machine, and what it was asked for."""
        self._rows.delete(NODE + name)
        self._rows.delete(DRAIN + name)

    def ask_to_leave(self, name: str) -> bool:
        """Ask a machine to leave; returns whether that was stored."""
        return self._rows.set(DRAIN + name, b"1", DRAIN_S)

    def is_asked_to_leave(self, name: str) -> bool:
        """Whether a machine is to leave."""
        return self._rows.get(DRAIN + name) is not None


def _read(value: bytes | None) -> NodeCard | None:
    if value is None:
        return None
    try:
        return NodeCard.model_validate_json(value)
    except ValidationError as error:
        log.warning("card of a node skipped: %.200s", error.errors(include_url=False)[0]["msg"])
        return None


def differences(one: NodeCard, other: NodeCard) -> Iterator[str]:
    """What two machines do not agree on: sentences that name both."""
    a, b = one.name, other.name
    if one.version != other.version:
        yield f"{a} has version {one.version} and {b} has {other.version}."
    if one.roots.keys() != other.roots.keys():
        yield f"{a} serves {_listed(one.roots)} and {b} serves {_listed(other.roots)}."
    for root in sorted(one.roots.keys() & other.roots.keys()):
        if one.roots[root] != other.roots[root]:
            yield f"On {a} the root {root} is seen by {one.roots[root]}, on {b} by {other.roots[root]}."
    for name in sorted(one.settings.keys() | other.settings.keys()):
        here, there = one.settings.get(name, "unknown"), other.settings.get(name, "unknown")
        if here != there:
            yield f"{name} is {here} on {a} and {there} on {b}."
    for name in sorted(one.secrets.keys() | other.secrets.keys()):
        if one.secrets.get(name) != other.secrets.get(name):
            yield f"{name} is not the same secret on {a} and on {b}."
    fault = _files(one, other)
    if fault is not None:
        yield fault


def _files(one: NodeCard, other: NodeCard) -> str | None:
    """What is wrong with the files that both see; single files may be about to change."""
    a, b = one.name, other.name
    common = sorted(one.files.keys() & other.files.keys())
    if not common:
        both = one.files and other.files
        return (
            f"{a} and {b} have no file in common, though they serve roots of one name."
            if both
            else None
        )
    changed = [name for name in common if one.files[name] != other.files[name]]
    if 2 * len(changed) <= len(common):
        return None
    name = changed[0]
    here, there = one.files[name], other.files[name]
    if here[1:] == there[1:]:
        return (
            f"{name} has another inode number on {a} than on {b}: mount its storage so that they are stable"
            " (CIFS: serverino)."
        )
    if here[:2] == there[:2]:
        return f"{name} has other times on {a} than on {b}: attributes are cached for too long (NFS: actimeo=3)."
    return f"{name} is not the same file on {a} and on {b}: let both serve the same storage."


def _listed(roots: dict[str, str]) -> str:
    return "the root" + ("s " if len(roots) != 1 else " ") + (", ".join(sorted(roots)) or "none")
