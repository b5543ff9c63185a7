"""A line in the audit when a service starts with other rights than the one before."""

from __future__ import annotations

from typing import Final

from dashboard.addressing.addresses import digest
from dashboard.people.audit import Audit, Event
from dashboard.people.rights import Rights
from dashboard.storage.rows import Rows, update

KEY: Final = "rights"


def record_rights(rows: Rows, audit: Audit, rights: Rights, *, by_accounts: bool) -> None:
    """Record who sees what, unless that is as it was; one of the processes that start together does.

    The row has a digest, the audit the sentences. Raises `RowsUnavailable`.
    """
    sentences = rights.sentences()
    if by_accounts:
        sentences.append("people see what the accounts of the same name may read")
    current = digest(sentences).encode()
    before: bytes | None = current

    def replace(value: bytes | None) -> bytes:
        nonlocal before
        before = value
        return current

    update(rows, KEY, replace)
    # Without rights there is nothing to say, unless there were some.
    if before != current and (before is not None or rights.restricted or by_accounts):
        audit.record(Event.RIGHTS_CHANGED, rights=sentences)
