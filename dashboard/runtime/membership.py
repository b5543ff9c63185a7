"""This machine among those of a service: its card, the checks before it joins, and how it leaves."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Final

from pydantic import SecretStr

from dashboard import __version__
from dashboard.addressing.addresses import digest
from dashboard.cluster.nodes import CARD_S, FileState, NodeCard, Nodes, differences
from dashboard.errors import LamellaError, SetupError
from dashboard.files.catalog import Catalog
from dashboard.files.signature import FileKinds
from dashboard.runtime.caches import open_store
from dashboard.runtime.served_roots import served_roots
from dashboard.settings import PREFIX, Settings
from dashboard.sign_in_settings import SECRETS
from dashboard.storage.rows import RowsUnavailable

log = logging.getLogger(__name__)

RENEW_S: Final = 1.0
# For how long a machine that leaves goes on to answer: until balancers have seen that it is not ready.
LEAVES_AFTER_S: Final = 6.0
# Files whose fingerprints are compared.
SAMPLE: Final = 32
# After this time (s) a card has the fingerprints of files that were replaced: who joins then has the new ones.
SAMPLE_EVERY_S: Final = 5.0
# A command can wait for a busy store, other than a request.
STORE_WITHIN_S: Final = 5.0

# Settings by which answers, or who gets them, would differ.
COMPARED: Final = (
    *(
        "max_brick_bytes",
        "max_chunk_bytes",
        "max_cells",
        "export_bytes",
        "url_prefix",
        "file_patterns",
    ),
    *("plan_seconds", "history_days", "names_days", "public", "sign_in", "sharing", "admin_groups"),
    *("proxy_header", "proxy_groups_header", "session_days", "session_max_days", "people_node"),
    *(
        "oidc_issuer",
        "oidc_client_id",
        "oidc_name_claim",
        "oidc_groups_claim",
        "oidc_session_hours",
    ),
)


def open_nodes(settings: Settings) -> Nodes:
    """The machines that share the store of these settings; `SetupError` where none is named."""
    store = open_store(settings)
    from dashboard.storage.redis_rows import RedisRows  # noqa: PLC0415  # where a store is named

    return Nodes(RedisRows(store, "nodes"))


def card_of(settings: Settings, start: str, now: float) -> NodeCard:
    """The card of this machine; `SetupError` for roots that cannot be served."""
    served = served_roots(settings)
    catalog = _catalog(settings)
    rights = digest(served.rights.sentences(), served.by_accounts)[:12]
    return NodeCard(
        name=settings.node_name,
        start=start,
        version=__version__,
        began=now,
        roots={name: str(served.rights.audience(name)) for name in served.paths},
        settings={f"{PREFIX}{name.upper()}": str(getattr(settings, name)) for name in COMPARED}
        | {
            "The digest of groups and admins": rights,
            # A file of people that one machine alone is given would leave the others open.
            "The need to sign in": str(settings.asks_sign_in),
        },
        secrets={
            f"{PREFIX}{name.upper()}": _hashed(getattr(settings, name))
            for name in SECRETS
            if name != "cluster"
        },
        files=_fingerprints(catalog, _sample(catalog)),
    )


def _hashed(secret: SecretStr | None) -> str:
    """A slow hash: others who can read the store must not be able to guess secrets from it."""
    if secret is None:
        return ""
    value = secret.get_secret_value().encode()
    return hashlib.scrypt(value, salt=b"lamella node", n=2**14, r=8, p=1, dklen=16).hex()


def _catalog(settings: Settings) -> Catalog:
    return Catalog(served_roots(settings).paths, kinds=FileKinds(settings.file_patterns))


def _sample(catalog: Catalog) -> list[str]:
    """Some files: the same ones on all machines that list the same."""
    return sorted((entry.file for entry in catalog.listed()[0]), key=digest)[:SAMPLE]


def fingerprints_of(settings: Settings) -> Callable[[Iterable[str]], dict[str, FileState]]:
    """A function that gives the fingerprints of files at its call, but of those that are gone."""
    return partial(_fingerprints, _catalog(settings))


def _fingerprints(catalog: Catalog, names: Iterable[str]) -> dict[str, FileState]:
    found: dict[str, FileState] = {}
    for name in names:
        with suppress(LamellaError):
            state = catalog.fingerprint(name)[1]
            found[name] = (state.inode, state.size, state.mtime_ns, state.ctime_ns)
    return found


def join(nodes: Nodes, card: NodeCard) -> None:
    """Store the card of this machine, if it agrees with all others; raises `SetupError` with one sentence.

    What passes by itself is waited for: the card of this machine's killed predecessor, those of others from
    before a file was replaced, and a store that is busy or starts as well.
    """
    began = time.monotonic()
    while (refusal := _joined_or_refused(nodes, card)) is not None:
        reason, passes_within_s = refusal
        if time.monotonic() - began >= passes_within_s:
            raise SetupError(reason)
        time.sleep(RENEW_S / 4)


def _joined_or_refused(nodes: Nodes, card: NodeCard) -> tuple[str, float] | None:
    """Store the card; where that cannot be done, why, in one sentence, and within which time (s) it may pass."""
    try:
        refusal = _refusal(card, nodes.cards())
        if refusal is not None:
            return refusal
        nodes.leave(card.name)
        if nodes.renew(card):
            return None
    except RowsUnavailable:
        pass
    return (
        "The store that --cluster (LAMELLA_CLUSTER) names cannot be used: start it, or correct the address.",
        STORE_WITHIN_S,
    )


def _refusal(card: NodeCard, others: Iterable[NodeCard]) -> tuple[str, float] | None:
    """Why a machine cannot join others, in one sentence, and within which time (s) that may pass by itself."""
    for other in others:
        if other.name == card.name:
            return (
                f"Another machine is called {card.name} as well: name this one with --node (LAMELLA_NODE).",
                CARD_S + RENEW_S,
            )
        for difference in differences(card, other):
            only_files = not any(differences(card.model_copy(update={"files": {}}), other))
            within_s = SAMPLE_EVERY_S + CARD_S if only_files else 0.0
            return f"{card.name} cannot join {other.name}: {difference}", within_s
    return None


class Membership:
    """Renews a card until `close`; calls `leave` some seconds after the machine was asked to leave.

    `fingerprints` gives those of the card's files, which follow each `SAMPLE_EVERY_S`.
    """

    def __init__(
        self,
        nodes: Nodes,
        card: NodeCard,
        leave: Callable[[], None],
        fingerprints: Callable[[Iterable[str]], dict[str, FileState]],
        leaves_after_s: float = LEAVES_AFTER_S,
    ) -> None:
        self._nodes = nodes
        self._card = card
        self._leave = leave
        self._leaves_after_s = leaves_after_s
        self._fingerprints = fingerprints
        self._files = card.files
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="membership", daemon=True)

    def start(self) -> None:
        """Renew from a thread of its own; storage that does not answer must not hold it up."""
        self._thread.start()
        threading.Thread(target=self._follow_files, name="membership-files", daemon=True).start()

    def _follow_files(self) -> None:
        names = list(self._files)
        while not self._stop.wait(SAMPLE_EVERY_S):
            self._files = self._fingerprints(names)

    def _run(self) -> None:
        leaves_at = float("inf")
        while not self._stop.wait(RENEW_S):
            self._card = self._card.model_copy(update={"files": self._files})
            self._nodes.renew(self._card)
            if not self._card.draining and self._nodes.is_asked_to_leave(self._card.name):
                log.info("this machine was asked to leave: it finishes what it has begun")
                self._card = self._card.model_copy(update={"draining": True})
                self._nodes.renew(self._card)
                leaves_at = time.monotonic() + self._leaves_after_s
            if time.monotonic() >= leaves_at:
                leaves_at = float("inf")
                self._leave()

    def close(self) -> None:
        """Stop, and remove the card."""
        self._stop.set()
        self._thread.join(RENEW_S)
        self._nodes.leave(self._card.name)
