"""Quotas of people over HTTP: requests are counted before any route, decoding where it begins."""

from __future__ import annotations

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
            quotas.admit_request(person.current().name)


def charged(requester: Requester, quotas: Quotas) -> Requester:
    """The requester, whose decoding the person who makes the request in hand is charged for."""
    name = person.current().name
    return replace(requester, charge=bind(quotas.charge, name)) if name else requester
