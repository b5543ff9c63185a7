"""Quotas of people over HTTP: requests are counted before any route, decoding where it begins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial as bind
from typing import Final

import flask

from dashboard.addressing.requester import Requester
from dashboard.people.quotas import Quotas
from dashboard.web import person

# What is counted: data and callbacks. A page that opens loads some sixty scripts at once.
COUNTED: Final = ("/api/", "/metrics", "/_dash-update-component")


def register(server: flask.Flask, quotas: Quotas, prefix: str) -> None:
    """Count the requests of `server`; to be registered after the sign-in."""
    counted = tuple(prefix + path for path in COUNTED)

    @server.before_request
    def count() -> None:
        if flask.request.path.startswith(counted):
            quotas.admit_request(_counted())


def charged(requester: Requester, quotas: Quotas) -> Requester:
    """The requester, whose decoding the person who makes the request in hand is charged for."""
    name = _counted()
    return replace(requester, charge=bind(quotas.charge, name)) if name else requester


def charge_ahead(quotas: Quotas, nbytes: Callable[[], int]) -> None:
    """Charge the person who makes the request in hand for bytes that the worker is to decode.

    `nbytes` counts them; raises `TooManyRequests` beyond the quota.
    """
    quotas.charge_ahead(_counted(), nbytes)


def _counted() -> str:
    """Whose quota the request in hand uses: for a guest that of the sharer, whatever the number of links.

    The operator has no quota; guests of the operator's have one for each link.
    """
    who = person.current()
    return who.name if who.shared is None else who.shared.by.name or who.name
