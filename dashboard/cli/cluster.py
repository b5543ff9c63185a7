"""`lamella cluster`: the machines of a service, whether they agree, and how one leaves."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import click

from dashboard.cli.options import not_empty, setting
from dashboard.errors import SetupError

if TYPE_CHECKING:
    from dashboard.cluster.nodes import NodeCard, Nodes

_DISAGREE: Final = 1
_WITHIN_S: Final = 60.0
WINDOW_S: Final = 300.0

cluster_option = setting("cluster", "--cluster", metavar="URL", callback=not_empty)


@click.group()
def cluster() -> None:
    """The machines that share a store (`--cluster`)."""


@cluster.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@cluster_option
def status(as_json: bool, **given: Any) -> None:
    """List the machines, their versions and states, and the slices of the last five minutes."""
    from dashboard.cli.people import table  # noqa: PLC0415
    from dashboard.runtime.caches import open_store  # noqa: PLC0415
    from dashboard.settings import load_settings  # noqa: PLC0415
    from dashboard.storage.redis_rows import RedisRows  # noqa: PLC0415
    from dashboard.storage.rows import RowsUnavailable  # noqa: PLC0415
    from dashboard.telemetry.groups import By  # noqa: PLC0415
    from dashboard.telemetry.statistics import Stats  # noqa: PLC0415

    cards = _cards(_nodes(given))
    store = open_store(load_settings(given))
    with suppress(RowsUnavailable):
        store.compare_clocks()
    figures = Stats(RedisRows(store, "ledger"), store.time)
    slices = figures.snapshot(WINDOW_S, By.NODE).get("groups", {})
    found = [
        {
            "node": card.name,
            "version": card.version,
            "state": "leaving" if card.draining else "up",
            "up_s": max(0, round(store.time() - card.began)),
            "slices": slices.get(card.name, {}).get("count", 0),
        }
        for card in cards
    ]
    if as_json:
        click.echo(json.dumps(found))
        return
    head = ("node", "version", "state", "up", "slices in 5 minutes")
    rows = [
        (
            str(one["node"]),
            str(one["version"]),
            str(one["state"]),
            f"{one['up_s']} s",
            str(one["slices"]),
        )
        for one in found
    ]
    table(head, rows)


@cluster.command()
@cluster_option
def check(**given: Any) -> None:
    """Compare roots, versions, settings, secrets and a sample of files of all machines.

    Leaves with status 1 where they do not agree.
    """
    from dashboard.cluster.nodes import differences  # noqa: PLC0415

    cards = _cards(_nodes(given))
    if not cards:
        raise SetupError("No machine shares this store now.")
    found = [text for one, other in combinations(cards, 2) for text in differences(one, other)]
    for text in found:
        click.echo(text)
    if found:
        sys.exit(_DISAGREE)
    names = ", ".join(card.name for card in cards)
    files = min(len(card.files) for card in cards)
    click.echo(
        f"{names}: {len(cards)} agree, {files} {'file' if files == 1 else 'files'} compared."
    )


@cluster.command()
@click.argument("node")
@cluster_option
def drain(node: str, **given: Any) -> None:
    """Have NODE leave: it is not ready any more, finishes what it has begun, and ends."""
    nodes = _nodes(given)
    names = [card.name for card in _cards(nodes)]
    if node not in names:
        raise SetupError(f"No machine is called {node}; there are {', '.join(names) or 'none'}.")
    if not nodes.ask_to_leave(node):
        raise SetupError("The store cannot be written.")
    end = time.monotonic() + _WITHIN_S
    while any(card.name == node for card in _cards(nodes)):
        if time.monotonic() >= end:
            raise SetupError(f"{node} was asked to leave and is still there after {_WITHIN_S:g} s.")
        time.sleep(0.25)
    click.echo(f"{node} has left.")


def _nodes(given: dict[str, Any]) -> Nodes:
    from dashboard.runtime.membership import open_nodes  # noqa: PLC0415
    from dashboard.settings import load_settings  # noqa: PLC0415

    return open_nodes(load_settings(given))


def _cards(nodes: Nodes) -> list[NodeCard]:
    from dashboard.runtime.membership import STORE_WITHIN_S  # noqa: PLC0415
    from dashboard.storage.rows import RowsUnavailable  # noqa: PLC0415

    end = time.monotonic() + STORE_WITHIN_S
    while True:
        try:
            return nodes.cards()
        except RowsUnavailable as error:
            if time.monotonic() >= end:
                raise SetupError(f"The store does not answer: {error}.") from None
        time.sleep(0.25)
