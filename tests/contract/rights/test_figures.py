"""What people learn of others' load and work: figures, reports, panels, pauses, warming and drops."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.jobs import queue
from dashboard.people.person import Person, Scope
from dashboard.telemetry.groups import By
from tests.contract.rights.conftest import PEOPLE, Guarded
from tests.contract.rights.requests import ABSENT, HIDDEN, attributes, comparable, report
from tests.contract.rights.test_routes import FIGURES
from tests.services import add_up


@pytest.fixture(scope="module")
def busy(guarded: Guarded) -> Guarded:
    """Both people have looked at slices of theirs."""
    for who, root in (("ann", "garnet"), ("bob", "cobalt")):
        for index in (3, 4, 12):
            query = {
                "file": f"{root}/volume.h5",
                "dataset": f"{root}_values",
                "viewer": f"tab-{who}",
            }
            response = guarded.ask(
                who, "/api/v1/slice", query={**query, "selection": f"{index},:,:"}
            )
            assert response.status_code == 200
    guarded.app.services.activity.drain()
    add_up(guarded.app.services)
    return guarded


@pytest.mark.parametrize("route", FIGURES)
def test_no_figure_names_what_is_hidden(busy: Guarded, route: tuple[str, str]) -> None:
    method, path = route
    for query in FIGURES[route]:
        texts = {}
        for who in PEOPLE:
            response = busy.ask(who, path, method, query={**query, "viewer": f"tab-{who}"})
            assert response.status_code == 200
            texts[who] = response.get_data(as_text=True)
        for who, other, root in (("ann", "bob", "cobalt"), ("bob", "ann", "garnet")):
            assert root not in texts[who], (who, query)
            assert f"tab-{other}" not in texts[who], (who, query)
        by = query.get("by")
        if by == By.VOLUME or path.endswith(("slow", "contents", "files")):
            for who, root in (("ann", "garnet"), ("bob", "cobalt")):
                assert f"{root}/volume.h5" in texts[who]
                assert f"{root}/volume.h5" in texts["root"]
        if by == By.VIEWER or path.endswith(("slow", "horizons")):
            for who in ("ann", "bob"):
                assert f"tab-{who}" in texts[who]
                assert f"tab-{who}" in texts["root"]


@pytest.mark.parametrize("scope", [Scope.READ, Scope.METRICS])
def test_a_token_of_the_operator_learns_no_viewers(
    busy: Guarded, monkeypatch: pytest.MonkeyPatch, scope: Scope
) -> None:
    monkeypatch.setitem(PEOPLE, "script", Person("", scopes=frozenset({scope})))
    texts = {}
    for (method, path), queries in FIGURES.items():
        for query in queries:
            response = busy.ask("script", path, method, query={**query, "viewer": "tab-ann"})
            text = texts[path, query.get("by")] = response.get_data(as_text=True)
            assert response.status_code == 200
            assert "tab-bob" not in text, (path, query)
    assert "tab-ann" in texts["/api/v1/stats", By.VIEWER]
    # It sees all files.
    for path, by in (("/api/v1/stats", By.VOLUME), ("/api/v1/slow", None)):
        assert "garnet/volume.h5" in texts[path, by]
        assert "cobalt/volume.h5" in texts[path, by]


def test_the_load_of_what_is_hidden_is_other(busy: Guarded) -> None:
    whole = busy.ask("root", "/api/v1/stats", query={"by": "volume"}).get_json()["groups"]
    seen = busy.ask("ann", "/api/v1/stats", query={"by": "volume"}).get_json()["groups"]
    assert set(seen) == {"garnet/volume.h5/garnet_values", "other"}
    assert seen["garnet/volume.h5/garnet_values"] == whole["garnet/volume.h5/garnet_values"]
    assert seen["other"] == whole["cobalt/volume.h5/cobalt_values"]
    query = {"by": "volume", "from": "-60"}
    steps = busy.ask("ann", "/api/v1/stats/series", query=query).get_json()["groups"]
    assert sum(steps["other"]["count"]) == seen["other"]["count"] == 3
    cached = busy.ask("ann", "/api/v1/contents").get_json()["contents"]
    assert {group["volume"] for group in cached} == {"garnet/volume.h5/garnet_values", "other"}


def test_viewers_of_others_have_no_names_in_volumes_that_both_see(busy: Guarded) -> None:
    for who in ("ann", "bob"):
        query = {"file": "common/volume.h5", "dataset": "common_values", "selection": "3,:,:"}
        busy.ask(who, "/api/v1/slice", query={**query, "viewer": f"tab-{who}"})
    add_up(busy.app.services)
    found = busy.ask("ann", "/api/v1/slow", query={"viewer": "tab-ann"}).get_json()["slices"]
    shared = [one["viewer"] for one in found if one["volume"].startswith("common/")]
    assert sorted(shared) == ["other", "tab-ann"]
    # The list is cut after what is hidden is left out.
    one = busy.ask("ann", "/api/v1/slow", query={"n": "1"}).get_json()["slices"]
    assert len(one) == 1


def test_cached_frames_and_304_are_behind_the_check(busy: Guarded) -> None:
    query = {"file": HIDDEN, "dataset": "cobalt_values", "selection": "3,:,:"}
    first = busy.ask("bob", "/api/v1/slice", query=query)
    again = {"If-None-Match": first.headers["ETag"]}
    assert busy.ask("bob", "/api/v1/slice", headers=again, query=query).status_code == 304
    refused = busy.ask("ann", "/api/v1/slice", headers=again, query=query)
    assert refused.status_code == 404
    assert "ETag" not in refused.headers
    assert "X-Volume-Version" not in refused.headers


def test_reports_about_hidden_volumes_are_unknown(busy: Guarded) -> None:
    def counted() -> dict[str, Any]:
        add_up(busy.app.services)
        found: dict[str, Any] = busy.ask(
            "root", "/api/v1/stats", query={"window": "all"}
        ).get_json()
        return found["reports"]

    before = counted()
    for file in (HIDDEN, ABSENT):
        assert report(busy, "ann", file).status_code == 204
    after = counted()
    assert after["unknown"] == before["unknown"] + 2
    assert after["accepted"] == before["accepted"]
    report(busy, "bob", HIDDEN)
    assert counted()["accepted"] == before["accepted"] + 1


def test_attributes(guarded: Guarded) -> None:
    assert "of cobalt" in attributes(guarded, "bob", HIDDEN)
    hidden, absent = (attributes(guarded, "ann", file) for file in (HIDDEN, ABSENT))
    assert "There is no file" in hidden
    assert hidden.replace(HIDDEN, "FILE") == absent.replace(ABSENT, "FILE")


def test_panels_name_no_volume(busy: Guarded) -> None:
    body = {
        "output": "panel-parts.data",
        "outputs": {"id": "panel-parts", "property": "data"},
        "inputs": [
            {"id": "panels-tick", "property": "n_intervals", "value": 1},
            {"id": "hit-rate-whose", "property": "value", "value": "mine"},
            {"id": "panel-viewer", "property": "data", "value": "tab-ann"},
        ],
        "changedPropIds": ["panels-tick.n_intervals"],
    }
    registered = json.loads(busy.ask("ann", "/_dash-dependencies").get_data())
    (entry,) = (one for one in registered if "data" in one["output"] and "parts" in one["output"])
    body["inputs"] = [
        {"id": one["id"], "property": one["property"], "value": value}
        for one, value in zip(entry["inputs"], (1, "mine", "tab-ann"), strict=True)
    ]
    owner, _, prop = entry["output"].rpartition(".")
    body |= {"output": entry["output"], "outputs": {"id": owner, "property": prop}}
    body["changedPropIds"] = [f"{one['id']}.{one['property']}" for one in entry["inputs"][:1]]
    response = busy.ask("ann", "/_dash-update-component", "POST", json=body)
    assert response.status_code == 200
    text = response.get_data(as_text=True)
    assert "cobalt" not in text
    assert "tab-bob" not in text


def test_a_pause_says_nothing_about_viewers(busy: Guarded) -> None:
    for viewer in ("tab-bob", "tab-nobody"):
        body = {"viewer": viewer, "pause_s": 0}
        response = busy.ask("ann", "/api/v1/prefetch", "POST", json=body)
        assert (response.status_code, response.get_data()) == (204, b"")


def test_what_is_hidden_is_not_dropped(busy: Guarded) -> None:
    path = "/api/v1/contents/drop"
    for volume in ("cobalt/volume.h5/cobalt_values", "nowhere/volume.h5/cobalt_values", "other"):
        dropped = busy.ask("ann", path, "POST", json={"volume": volume})
        assert dropped.get_json() == {"bricks": 0, "bytes": 0}
    body = {"volume": "cobalt/volume.h5/cobalt_values"}
    assert busy.ask("bob", path, "POST", json=body).get_json()["bricks"] > 0


def warm(guarded: Guarded, who: str, file: str) -> Any:
    body = {"kind": "warm", "file": file, "dataset": "cobalt_values", "axis": "0"}
    return guarded.ask(who, "/api/v1/jobs", "POST", json=body)


def test_what_is_hidden_is_not_warmed(busy: Guarded) -> None:
    hidden, absent = (warm(busy, "ann", file) for file in (HIDDEN, ABSENT))
    assert hidden.status_code == 404
    assert comparable(hidden, HIDDEN) == comparable(absent, ABSENT)
    job = warm(busy, "bob", HIDDEN).get_json()
    assert job["state"] == "queued"
    for who, seen in (("ann", 0), ("bob", 1), ("root", 1)):
        assert len(busy.ask(who, "/api/v1/jobs").get_json()["jobs"]) == seen
    for method, end in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
        refused = [
            busy.ask("ann", f"/api/v1/jobs/{found}{end}", method) for found in (job["id"], "0" * 16)
        ]
        assert [response.status_code for response in refused] == [404, 404]
        assert refused[0].get_data() == refused[1].get_data()
    assert busy.ask("bob", f"/api/v1/jobs/{job['id']}").get_json()["file"] == HIDDEN
    assert busy.ask("bob", f"/api/v1/jobs/{job['id']}", "DELETE").status_code == 204


def test_one_person_leaves_the_others_a_place(busy: Guarded) -> None:
    def ask(who: str, start: int) -> Any:
        volume = {"file": "common/volume.h5", "dataset": "common_values"}
        body = {"kind": "warm", **volume, "axis": "0", "start": start}
        return busy.ask(who, "/api/v1/jobs", "POST", json=body)

    def listed(who: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = busy.ask(who, "/api/v1/jobs").get_json()["jobs"]
        return found

    def cancel(who: str, job: str) -> Any:
        return busy.ask(who, f"/api/v1/jobs/{job}", "DELETE")

    jobs = [ask("ann", start) for start in range(queue.MAX_OF_PERSON)]
    assert {response.status_code for response in jobs} == {202}
    refused = ask("ann", 10)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "for you" in refused.get_json()["error"]["message"]
    jobs.append(ask("bob", 10))
    assert jobs[-1].status_code == 202
    last = jobs.pop().get_json()["id"]
    # Both see the file, but each cancels what is their own, and an admin everything.
    may = {who: [one["may_cancel"] for one in listed(who)] for who in ("ann", "bob", "root")}
    own = queue.MAX_OF_PERSON
    assert may == {
        "ann": [True] * own + [False],
        "bob": [False] * own + [True],
        "root": [True] * (own + 1),
    }
    refused, none = cancel("ann", last), cancel("ann", "0" * 16)
    assert (refused.status_code, refused.get_data()) == (404, none.get_data())
    assert last in {one["id"] for one in listed("bob")}
    assert cancel("root", last).status_code == 204
    for response in jobs:
        assert cancel("ann", response.get_json()["id"]).status_code == 204
    assert listed("root") == []


def test_warming_takes_the_scope(busy: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEOPLE, "bob", Person("bob", PEOPLE["bob"].groups, frozenset({Scope.READ})))
    assert warm(busy, "bob", HIDDEN).status_code == 403
    assert busy.ask("bob", "/api/v1/jobs").get_json()["may_ask"] is False
    cancel = busy.ask("bob", f"/api/v1/jobs/{'0' * 16}", "DELETE")
    assert cancel.status_code == 403
