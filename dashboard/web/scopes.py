"""What each route needs: the scopes of which the person, or the script's token, has to have one.

A route that is not in the table needs `admin`, so that none is open by mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dashboard.errors import Forbidden, NotFound
from dashboard.people.person import Person, Scope

MONITOR: Final = "/monitor"

_READ: Final = frozenset({Scope.READ})
_WARM: Final = frozenset({Scope.WARM})
_METRICS: Final = frozenset({Scope.METRICS})
# The page shows figures too; they are those of what its person may see.
_FIGURES: Final = _READ | _METRICS
_ANY: Final = frozenset(Scope)
_ADMIN: Final = frozenset({Scope.ADMIN})

# Dash puts the prefix of each of its applications before it.
_ASSETS: Final = "_dash_assets.static"

# Endpoint: scopes. Those of Dash are paths, given without the server's prefix and without that of the monitor.
SCOPES: Final[Mapping[str, frozenset[Scope]]] = {
    "api.files": _READ,
    "api.status": _READ,
    "api.datasets": _READ,
    "api.node": _READ,
    "api.slice_": _READ,
    "api.value": _READ,
    "api.rows": _READ,
    "api.histogram": _READ,
    "api.profile": _READ,
    "api.region": _READ,
    "api.column": _READ,
    "api.residency": _READ,
    "api.export": _READ,
    "api.cost": _READ,
    "api.telemetry": _READ,
    "api.prefetch": _READ,
    "api.contents": _READ,
    "api.drop": _WARM,
    "api.jobs": _READ,
    "api.add_job": _WARM,
    "api.job": _READ,
    "api.job_file": _READ,
    "api.cancel_job": _WARM,
    "api.stats": _FIGURES,
    "api.series": _FIGURES,
    "api.slow": _FIGURES,
    "api.horizons": _FIGURES,
    "api.metrics": _METRICS,
    "api.bookmarks": _READ,
    "api.add_bookmark": _READ,
    "api.delete_bookmark": _READ,
    "api.shares": _READ,
    "api.add_share": _READ,
    "api.revoke_share": _READ,
    "api.openapi_": _ANY,
    "api.nothing": _ANY,
    "sign_in.choose": _READ,
    "sign_in.people": _ADMIN,
    "monitor": _READ,
    _ASSETS: _READ,
    "/": _READ,
    "/<path:path>": _READ,
    "/_dash-layout": _READ,
    "/_dash-dependencies": _READ,
    "/_dash-update-component": _READ,
    "/_reload-hash": _READ,
    "/_favicon.ico": _READ,
    "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>": _READ,
}

# What there is for the guests of a share, whose only scope is `read`: the page, and what it draws a file with.
GUEST: Final = frozenset(
    {
        *("api.files", "api.datasets", "api.node"),
        *("api.slice_", "api.value", "api.rows", "api.residency", "api.export", "api.cost"),
        *("api.histogram", "api.profile", "api.region", "api.column"),
        # They steer and report the page's own slices.
        *("api.telemetry", "api.prefetch"),
        *("sign_in.choose", _ASSETS),
        *("/", "/_dash-layout", "/_dash-dependencies", "/_dash-update-component"),
        *("/_reload-hash", "/_favicon.ico"),
        "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>",
    }
)


def needed(endpoint: str | None, prefix: str) -> frozenset[Scope]:
    """The scopes of which one is needed for an endpoint; any for an address without a route."""
    if endpoint is None:
        return _ANY
    return SCOPES.get(table_name(endpoint, prefix), _ADMIN)


def table_name(endpoint: str, prefix: str) -> str:
    """The name that the table has for an endpoint of an application below `prefix`."""
    if endpoint.endswith(_ASSETS):
        return _ASSETS
    if not endpoint.startswith("/"):
        return endpoint
    return endpoint.removeprefix(prefix).removeprefix(MONITOR)


def check(person: Person, endpoint: str | None, prefix: str) -> None:
    """Raise `Forbidden` unless the person may use the endpoint, `NotFound` where it does not exist for a guest."""
    if person.shared is not None and not _is_for_guests(endpoint, prefix):
        raise NotFound("There is nothing at this address.")
    scopes = needed(endpoint, prefix)
    if not scopes & person.scopes:
        names = " or ".join(sorted(scopes))
        raise Forbidden(
            f"This needs the scope {names}, which this sign-in does not have; ask the person who runs the server."
        )


def _is_for_guests(endpoint: str | None, prefix: str) -> bool:
    # The monitor's own endpoints have the names of the viewer's in the table.
    return (
        endpoint is not None
        and not endpoint.removeprefix(prefix).startswith(MONITOR)
        and table_name(endpoint, prefix) in GUEST
    )
