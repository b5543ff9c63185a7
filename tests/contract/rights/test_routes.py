"""Every route of the server: nothing to nobody, 404 to who may not see, data to who may.

The routes are found by walking the URL map, those of Dash included; one without an entry here fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.telemetry.groups import By
from tests.contract.rights.conftest import PEOPLE, Guarded
from tests.contract.rights.requests import ABSENT, HIDDEN, attributes, comparable, report

# What nobody has to sign in for: it has no data and no figures.
OPEN: Final = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/sign-out"),
    ("GET", "/sign-in/provider"),
    ("GET", "/sign-in/callback"),
    # A link that is not valid gets the sign-in page.
    ("GET", "/s/<secret>"),
}
# The same for everybody who is signed in: pages without data, and their scripts.
PAGES: Final = {
    ("GET", "/"),
    ("GET", "/<path:path>"),
    ("GET", "/monitor"),
    ("GET", "/sign-out"),
    ("GET", "/status"),
    # For administrators alone.
    ("GET", "/people"),
    ("GET", "/monitor/"),
    ("GET", "/monitor/<path:path>"),
    ("GET", "/_dash-layout"),
    ("GET", "/_dash-dependencies"),
    ("GET", "/_favicon.ico"),
    ("GET", "/_reload-hash"),
    ("GET", "/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>"),
    ("GET", "/assets/<path:filename>"),
    ("GET", "/monitor/_dash-layout"),
    ("GET", "/monitor/_dash-dependencies"),
    ("GET", "/monitor/_favicon.ico"),
    ("GET", "/monitor/_reload-hash"),
    ("GET", "/monitor/_dash-component-suites/<string:package_name>/<path:fingerprinted_path>"),
    ("GET", "/monitor/assets/<path:filename>"),
    # The monitor has no callbacks.
    ("POST", "/monitor/_dash-update-component"),
    ("GET", "/api/<path:rest>"),
    ("GET", "/api/v1/openapi.json"),
}
# The parameter `file` names a file; the other parameters that it takes.
FILES: Final[dict[tuple[str, str], dict[str, str]]] = {
    ("GET", "/api/v1/datasets"): {},
    ("GET", "/api/v1/node"): {"path": "/cobalt_values"},
    ("GET", "/api/v1/slice"): {"selection": "3,:,:"},
    ("GET", "/api/v1/value"): {"index": "3,4,5"},
    ("GET", "/api/v1/rows"): {"columns": "0:2"},
    ("GET", "/api/v1/export"): {"selection": "3:5,:,:"},
    ("GET", "/api/v1/histogram"): {"selection": "3,:,:"},
    ("GET", "/api/v1/profile"): {"selection": "3,:,:", "from": "1,1", "to": "5,9"},
    ("GET", "/api/v1/region"): {"selection": "3,:,:", "points": "1,1,5,9"},
    ("GET", "/api/v1/column"): {"axis": "0", "at": "3,1,1"},
    ("GET", "/api/v1/cost"): {"selection": "3,:,:"},
    ("GET", "/api/v1/residency"): {"selection": "3,:,:", "axis": "0"},
}
# Figures and lists, in which hidden volumes and other people's viewers have no names.
FIGURES: Final = {
    ("GET", "/api/v1/files"): [{}],
    ("GET", "/api/v1/stats"): [{}, *({"by": by} for by in By), {"by": "volume", "window": "all"}],
    ("GET", "/api/v1/stats/series"): [
        {},
        *({"by": by} for by in By),
        {"by": "volume", "format": "csv"},
        {"by": "viewer", "format": "csv"},
    ],
    ("GET", "/api/v1/slow"): [{}, {"order": "latest"}],
    ("GET", "/api/v1/horizons"): [{}],
    ("GET", "/api/v1/contents"): [{}],
    ("GET", "/api/v1/jobs"): [{}],
    ("GET", "/api/v1/shares"): [{}],
    ("GET", "/api/v1/bookmarks"): [{}],
    ("GET", "/metrics"): [{}],
}
# Routes that are called with a body, or change something; each has a test below, or in `test_guests.py`.
BODIES: Final = {
    ("POST", "/_dash-update-component"),
    ("POST", "/api/v1/telemetry"),
    ("POST", "/api/v1/prefetch"),
    ("POST", "/api/v1/contents/drop"),
    ("POST", "/api/v1/jobs"),
    ("GET", "/api/v1/jobs/<id>"),
    ("GET", "/api/v1/jobs/<id>/file"),
    ("DELETE", "/api/v1/jobs/<id>"),
    ("POST", "/api/v1/shares"),
    ("DELETE", "/api/v1/shares/<id>"),
    ("POST", "/api/v1/bookmarks"),
    ("DELETE", "/api/v1/bookmarks/<id>"),
}
KNOWN: Final = OPEN | PAGES | FILES.keys() | FIGURES.keys() | BODIES


def routes(guarded: Guarded) -> Iterator[tuple[str, str]]:
    """Method and rule of each route."""
    for rule in guarded.app.client.application.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield method, rule.rule


def test_every_route_has_an_entry(guarded: Guarded) -> None:
    found = set(routes(guarded))
    assert found - KNOWN == set(), "say here what the new route may tell, and to which people"
    # Dash has some of them in certain versions only.
    assert {rule for rule in KNOWN - found if "/_" not in rule[1]} == set()


def test_nobody_gets_anything(guarded: Guarded) -> None:
    for method, rule in set(routes(guarded)) - OPEN:
        path = rule.replace("<path:", "<").replace("<string:", "<")
        path = "/".join("x" if part.startswith("<") else part for part in path.split("/"))
        for query in FIGURES.get((method, rule), [{"file": "common/volume.h5", **asked(rule)}]):
            response = guarded.ask(None, path, method, query=query)
            assert response.status_code == 401, (method, path)


def asked(rule: str) -> dict[str, str]:
    return FILES.get(("GET", rule), {})


@pytest.mark.parametrize("route", FILES)
def test_hidden_is_as_absent(guarded: Guarded, route: tuple[str, str]) -> None:
    method, path = route
    whole = {"dataset": "cobalt_values", **FILES[route]}
    # With parameters missing, malformed and superfluous: at no point is a hidden file treated otherwise.
    variants = [whole, {}, *({k: v for k, v in whole.items() if k != name} for name in whole)]
    variants += [{**whole, name: "\0nonsense"} for name in whole]
    variants += [{**whole, "viewer": "a b"}, {**whole, "format": "none"}, {**whole, "ahead": "2"}]
    seen = guarded.ask("bob", path, method, query={"file": HIDDEN, **whole})
    assert seen.status_code == 200
    etag = seen.headers.get("ETag", '"x"')
    for query in variants:
        for headers in ({}, {"If-None-Match": etag}):
            hidden, absent = (
                guarded.ask("ann", path, method, headers, query={"file": file, **query})
                for file in (HIDDEN, ABSENT)
            )
            assert hidden.status_code == 404, query
            assert comparable(hidden, HIDDEN) == comparable(absent, ABSENT)


@pytest.mark.parametrize(
    "file", [f"cobalt/{'x' * 2000}", "cobalt/\0", "cobalt/../cobalt/volume.h5"]
)
def test_names_that_are_malformed(guarded: Guarded, file: str) -> None:
    there = file.replace("cobalt", "nowhere")
    hidden, absent = (
        guarded.ask("ann", "/api/v1/datasets", query={"file": name}) for name in (file, there)
    )
    assert hidden.status_code in (400, 404)
    assert hidden.get_data(as_text=True).replace("cobalt", "nowhere") == absent.get_data(
        as_text=True
    )


def test_neither_what_is_hidden_nor_what_is_absent_is_accessed(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their times are equal because what is done is: nothing."""
    services = guarded.app.services

    def fail(*_: Any, **__: Any) -> Any:
        raise AssertionError("a hidden file was looked up")

    for part, names in {
        services.catalog: ("fingerprint", "source", "path", "listed"),
        services.metadata: ("volume", "listed", "one", "version", "known"),
        services.nodes: ("node", "meaning"),
        services.frames: ("get",),
        services.bricks: ("existing",),
    }.items():
        for name in names:
            monkeypatch.setattr(part, name, fail)
    for file in (HIDDEN, ABSENT, "cobalt/absent.h5"):
        for (method, path), more in FILES.items():
            query = {"file": file, "dataset": "cobalt_values", **more}
            assert guarded.ask("ann", path, method, query=query).status_code == 404
        assert report(guarded, "ann", file).status_code == 204
        assert "There is no file" in attributes(guarded, "ann", file)


def test_pages_name_no_root(guarded: Guarded) -> None:
    for path in ("/", "/monitor", "/status", "/_dash-layout", "/monitor/_dash-layout"):
        for who in PEOPLE:
            text = guarded.ask(who, path).get_data(as_text=True)
            assert not any(name in text for name in ("garnet", "cobalt", "common/"))


@settings(max_examples=150, deadline=None)
@given(
    rest=st.one_of(
        st.text(max_size=40),
        st.lists(st.sampled_from(["/", "..", ".", "volume.h5", "\0", "%2e", "x"])).map("".join),
        st.integers(1000, 1030).map("x".__mul__),
    ),
    more=st.dictionaries(
        st.sampled_from(["dataset", "selection", "axis", "index", "window", "viewer"]),
        st.sampled_from(["", "values", "3,:,:", "0", "3,4,5", "\0"]),
    ),
    path=st.sampled_from([path for _, path in FILES]),
)
def test_no_spelling_of_a_hidden_name_is_answered_otherwise(
    guarded: Guarded, rest: str, more: dict[str, str], path: str
) -> None:
    hidden, absent = (
        guarded.ask("ann", path, query={"file": f"{root}{rest}", **more})
        for root in ("cobalt", "nowher")
    )
    texts = [
        one.get_data(as_text=True).replace(root, "ROOT")
        for one, root in ((hidden, "cobalt"), (absent, "nowher"))
    ]
    assert hidden.status_code == absent.status_code >= 400
    assert texts[0] == texts[1]
