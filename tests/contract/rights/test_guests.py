"""Guests, who have the link of a share: one file on every route, as long as the person who shared it sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from dashboard.people.access import Access
from dashboard.people.audit import lines_since
from dashboard.people.person import Scope
from dashboard.people.sessions import KEPT_S
from dashboard.people.shares import DAY_S
from tests.clock import Clock
from tests.contract.rights.conftest import TOKEN
from tests.contract.sign_in.requests import HTML, addresses, ask, session_of, with_session
from tests.people import PASSWORD, make_access, people_file
from tests.web import App, running

FILE: Final = "garnet/volume.h5"
VIEW: Final = f"file={FILE}&dataset=/garnet_values&axis=0&index=3&window=0,9&x=1,5&y=2,7"
OPERATOR: Final = {"Authorization": f"Bearer {TOKEN}"}
# What there is for a guest beside the routes that name a file; all others are 404.
FOR_GUESTS: Final = {
    *("/", "/_dash-layout", "/_dash-dependencies", "/_favicon.ico", "/_reload-hash"),
    *("/_dash-update-component", "/api/v1/files", "/api/v1/telemetry", "/api/v1/prefetch"),
    *("/sign-out", "/assets/favicon.svg", "/assets/css/sign-in.css", "/assets/main.mjs"),
    *("/api/v1/datasets", "/api/v1/slice", "/api/v1/value", "/api/v1/residency"),
}
OPEN: Final = ("/healthz", "/readyz", "/sign-in", "/s/")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(
    folders: Path, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[App]:
    """The application with accounts: ann sees garnet and common, bob cobalt and common, sam is an admin."""
    store = people_file(tmp_path)
    roots = (
        f"garnet={folders}/garnet:garnet",
        f"cobalt={folders}/cobalt:cobalt",
        f"common={folders}/common",
    )
    with running(tmp_path, token=TOKEN, roots=roots, people=tmp_path / "p" / "p.sqlite") as made:
        access = made.services.access
        assert access is not None
        for name, value in vars(make_access(store, TOKEN, clock)).items():
            monkeypatch.setattr(access, name, value)
        access.accounts.add("ann", PASSWORD, ["garnet"])
        access.accounts.add("bob", PASSWORD, ["cobalt"])
        access.accounts.add("sam", PASSWORD, admin=True)
        clock.pass_(KEPT_S)
        yield made


@pytest.fixture
def access(app: App) -> Access:
    assert app.services.access is not None
    return app.services.access


def signed_in(app: App, name: str) -> dict[str, str]:
    form = {"name": name, "password": PASSWORD}
    return with_session(session_of(ask(app, "/sign-in", "POST", data=form)))


def shared(app: App, headers: dict[str, str], view: str = VIEW, **more: Any) -> dict[str, Any]:
    """A share that somebody makes."""
    body = {"view": view, **more}
    response = ask(app, "/api/v1/shares", "POST", headers, json=body)
    assert response.status_code == 201, response.get_data(as_text=True)
    made: dict[str, Any] = response.get_json()
    return made


def guest(app: App, made: dict[str, Any]) -> dict[str, str]:
    """The headers of somebody who follows a link."""
    response = ask(app, made["link"])
    assert response.status_code == 303, response.get_data(as_text=True)
    assert response.headers["Location"] == f"/?{VIEW}"
    return with_session(session_of(response))


def slice_of(app: App, headers: dict[str, str], root: str = "garnet") -> int:
    """The status of a slice."""
    path = f"/api/v1/slice?file={root}/volume.h5&dataset={root}_values&selection=3,:,:"
    return ask(app, path, headers=headers).status_code


def test_a_guest_sees_the_file_and_nothing_else(app: App) -> None:
    headers = guest(app, shared(app, signed_in(app, "ann"), note="for a referee"))
    assert slice_of(app, headers) == 200
    (entry,) = ask(app, "/api/v1/files", headers=headers).get_json()["files"]
    assert entry["file"] == FILE
    assert entry["size"] > 0
    listed = ask(app, f"/api/v1/datasets?file={FILE}", headers=headers)
    assert listed.get_json()["datasets"]
    # Others of the same root, of one that all see, of one that ann does not see; one that does not exist.
    texts = set()
    for file in ("garnet/links.h5", "common/volume.h5", "cobalt/volume.h5", "garnet/none.h5"):
        response = ask(app, f"/api/v1/datasets?file={file}", headers=headers)
        assert response.status_code == 404
        texts.add(response.get_data(as_text=True).replace(file, "FILE"))
    assert len(texts) == 1


def test_every_other_route_does_not_exist_for_guests(app: App) -> None:
    headers = guest(app, shared(app, signed_in(app, "ann")))
    for method, path in sorted(set(addresses(app))):
        plain = path.partition("?")[0]
        if method in ("HEAD", "OPTIONS") or plain.startswith(OPEN) or plain in FOR_GUESTS:
            continue
        if plain.startswith(("/assets/", "/_dash-component-suites/")):
            continue
        if plain == "/healthz/../metrics" or not plain.startswith("/"):
            continue
        response = ask(app, path, method, headers)
        assert response.status_code in (400, 404, 405), (method, path, response.status_code)
        assert "garnet" not in response.get_data(as_text=True)
    for path in ("/monitor", "/status", "/metrics", "/api/v1/stats", "/api/v1/slow"):
        assert ask(app, path, headers=headers).status_code == 404


def test_a_guest_gets_no_figures_from_the_panels(app: App) -> None:
    headers = guest(app, shared(app, signed_in(app, "ann")))
    found = json.loads(ask(app, "/_dash-dependencies", headers=headers).get_data())
    (entry,) = (one for one in found if one["output"] == "panel-parts.data")
    body = {
        "output": entry["output"],
        "outputs": {"id": "panel-parts", "property": "data"},
        "inputs": [
            {"id": one["id"], "property": one["property"], "value": value}
            for one, value in zip(entry["inputs"], (1, "all", "tab-ann"), strict=True)
        ],
        "changedPropIds": ["panels-tick.n_intervals"],
    }
    response = ask(app, "/_dash-update-component", "POST", headers, json=body)
    assert response.get_json()["response"]["panel-parts"]["data"] == {}
    own = ask(app, "/_dash-update-component", "POST", signed_in(app, "ann"), json=body)
    assert own.get_json()["response"]["panel-parts"]["data"]


def test_a_guest_ends_with_the_share(app: App, clock: Clock) -> None:
    ann = signed_in(app, "ann")
    made = shared(app, ann, days=2)
    headers = guest(app, made)
    assert ask(app, f"/api/v1/shares/{made['id']}", "DELETE", ann).status_code == 204
    clock.pass_(KEPT_S)
    assert slice_of(app, headers) == 401
    refused = ask(app, made["link"])
    assert refused.status_code == 401
    assert "This link is not valid any more" in refused.get_data(as_text=True)


def test_a_guest_ends_at_the_date(app: App, clock: Clock) -> None:
    made = shared(app, signed_in(app, "ann"), days=500 / DAY_S)
    headers = guest(app, made)
    clock.pass_(499)
    assert slice_of(app, headers) == 200
    clock.pass_(1)
    assert slice_of(app, headers) == 401


def test_a_guest_sees_no_more_than_the_person_now(
    app: App, access: Access, clock: Clock, tmp_path: Path
) -> None:
    headers = guest(app, shared(app, signed_in(app, "ann")))
    assert slice_of(app, headers) == 200
    with people_file(tmp_path).writing() as database:
        database.execute("UPDATE person SET groups = '[]' WHERE name = 'ann'")
    clock.pass_(KEPT_S)
    assert slice_of(app, headers) == 404
    assert ask(app, "/api/v1/files", headers=headers).get_json()["files"] == []
    access.accounts.remove("ann")
    clock.pass_(KEPT_S)
    assert slice_of(app, headers) == 401


def test_who_is_signed_in_stays_so(app: App) -> None:
    made = shared(app, signed_in(app, "ann"))
    bob = signed_in(app, "bob")
    response = ask(app, made["link"], headers=bob)
    assert (response.status_code, response.headers["Location"]) == (303, f"/?{VIEW}")
    assert not response.headers.getlist("Set-Cookie")
    assert slice_of(app, bob) == 404
    assert slice_of(app, bob, "cobalt") == 200


def test_a_guest_with_an_account_signs_in(app: App) -> None:
    headers = guest(app, shared(app, signed_in(app, "ann")))
    assert ask(app, "/sign-in", headers=headers).status_code == 200
    form = {"name": "bob", "password": PASSWORD}
    bob = session_of(ask(app, "/sign-in", "POST", headers, data=form))
    assert slice_of(app, with_session(bob), "cobalt") == 200
    assert slice_of(app, headers) == 401


def test_a_second_link_takes_the_place_of_the_first(app: App) -> None:
    ann = signed_in(app, "ann")
    first = guest(app, shared(app, ann))
    again = ask(app, shared(app, ann)["link"], headers=first)
    assert slice_of(app, with_session(session_of(again))) == 200
    assert slice_of(app, first) == 401


def test_nobody_shares_what_they_do_not_see_or_what_does_not_exist(app: App) -> None:
    hidden = ("cobalt/volume.h5", "nowhere/volume.h5")
    for headers, files in ((signed_in(app, "ann"), hidden), (OPERATOR, ("nowhere/volume.h5",))):
        texts = set()
        for file in (*files, "garnet/volume.h6", "garnet/*", "garnet"):
            response = ask(app, "/api/v1/shares", "POST", headers, json={"view": f"file={file}"})
            assert response.status_code == 404, file
            texts.add(response.get_data(as_text=True).replace(repr(file), "FILE"))
        assert len(texts) == 1
        assert ask(app, "/api/v1/shares", headers=headers).get_json()["shares"] == []
    assert ask(app, "/api/v1/shares", "POST", json={"view": VIEW}).status_code == 401


def test_an_api_token_makes_no_links(app: App, access: Access) -> None:
    secret = access.tokens.add("script", [Scope.READ], 7, "ann")
    headers = {"Authorization": f"Bearer {secret}"}
    response = ask(app, "/api/v1/shares", "POST", headers, json={"view": VIEW})
    assert response.status_code == 403
    assert ask(app, "/api/v1/shares", headers=headers).get_json()["may_share"] is False
    assert slice_of(app, guest(app, shared(app, OPERATOR))) == 200


def test_lists_have_own_shares_and_all_for_admins(app: App) -> None:
    made = shared(app, signed_in(app, "ann"), note="hers")
    found = ask(app, "/api/v1/shares", headers=signed_in(app, "ann")).get_json()["shares"]
    assert [(one["id"], one["note"], one["file"]) for one in found] == [(made["id"], "hers", FILE)]
    assert made["link"] not in json.dumps(found)
    bob = signed_in(app, "bob")
    assert ask(app, "/api/v1/shares", headers=bob).get_json()["shares"] == []
    assert ask(app, f"/api/v1/shares/{made['id']}", "DELETE", bob).status_code == 404
    sam = signed_in(app, "sam")
    assert len(ask(app, "/api/v1/shares", headers=sam).get_json()["shares"]) == 1
    assert ask(app, f"/api/v1/shares/{made['id']}", "DELETE", sam).status_code == 204


def test_sharing_that_is_switched_off(
    app: App, access: Access, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = signed_in(app, "ann")
    made = shared(app, ann)
    headers = guest(app, made)
    monkeypatch.setattr(access.shares, "allowed", False)
    clock.pass_(KEPT_S)
    refused = ask(app, "/api/v1/shares", "POST", ann, json={"view": VIEW})
    assert refused.status_code == 403
    assert "switched off" in refused.get_data(as_text=True)
    assert slice_of(app, headers) == 401
    assert ask(app, made["link"]).status_code == 401


def test_wrong_links_count_as_failed_attempts(app: App) -> None:
    statuses = [ask(app, f"/s/{'x' * 42}{n}", headers=HTML).status_code for n in range(10)]
    assert statuses == [401] * 10
    assert ask(app, f"/s/{'y' * 43}", headers=HTML).status_code == 429


@pytest.mark.parametrize("scope", [Scope.READ, Scope.ADMIN])
def test_what_belongs_to_others_takes_the_scope(
    app: App, access: Access, tmp_path: Path, scope: Scope
) -> None:
    secret = access.tokens.add("nightly", {Scope.READ, scope}, 7)
    script = {"Authorization": f"Bearer {secret}"}
    ann = signed_in(app, "ann")
    made = shared(app, ann)
    body = {"name": "ours", "view": VIEW, "group": "garnet"}
    kept = ask(app, "/api/v1/bookmarks", "POST", ann, json=body).get_json()
    assert slice_of(app, script) == slice_of(app, script, "cobalt") == 200
    manages = scope is Scope.ADMIN
    shares = ask(app, "/api/v1/shares", headers=script).get_json()["shares"]
    bookmarks = ask(app, "/api/v1/bookmarks", headers=script).get_json()["bookmarks"]
    assert [one["id"] for one in shares] == [made["id"]] * manages
    assert [one["id"] for one in bookmarks] == [kept["id"]] * manages
    assert ask(app, "/api/v1/bookmarks", "POST", script, json=body).status_code == (
        201 if manages else 400
    )
    status = 204 if manages else 404
    assert ask(app, f"/api/v1/shares/{made['id']}", "DELETE", script).status_code == status
    assert ask(app, f"/api/v1/bookmarks/{kept['id']}", "DELETE", script).status_code == status
    found = audited(tmp_path, "share-revoked", "bookmark-deleted")
    whole = [("share-revoked", made["id"]), ("bookmark-deleted", kept["id"])]
    assert [(one["event"], one.get("share") or one["bookmark"]) for one in found] == whole * manages
    assert all((one["name"], one["by"]) == ("ann", "token nightly") for one in found)
    assert all(one["file"] == FILE for one in found if one["event"] == "bookmark-deleted")


def audited(folder: Path, *events: str) -> list[dict[str, Any]]:
    """The audit's lines about these events, without their times."""
    lines = map(json.loads, lines_since(folder / "people" / "people.sqlite", 0.0))
    return [
        {key: value for key, value in line.items() if key != "time"}
        for line in lines
        if line["event"] in events
    ]


def test_the_audit_says_who_removed_what(app: App, access: Access, tmp_path: Path) -> None:
    ann, sam = signed_in(app, "ann"), signed_in(app, "sam")
    for headers in (ann, sam, OPERATOR):
        for kind in ("shares", "bookmarks"):
            body = {"view": VIEW} | ({"name": "x"} if kind == "bookmarks" else {})
            made = ask(app, f"/api/v1/{kind}", "POST", ann, json=body)
            path = f"/api/v1/{kind}/{made.get_json()['id']}"
            assert ask(app, path, "DELETE", headers).status_code == 204
    found = audited(tmp_path, "share-revoked", "bookmark-deleted")
    assert [(one["event"], one["name"], one["by"]) for one in found] == [
        ("share-revoked", "ann", "ann"),
        ("share-revoked", "ann", "sam"),
        ("bookmark-deleted", "ann", "sam"),
        ("share-revoked", "ann", "start token"),
        ("bookmark-deleted", "ann", "start token"),
    ]


def test_a_guest_signs_out_alone(app: App) -> None:
    made = shared(app, signed_in(app, "ann"))
    one, other = guest(app, made), guest(app, made)
    page = ask(app, "/sign-out", headers=one).get_data(as_text=True)
    assert "Sign out" in page
    assert "everywhere" not in page
    assert ask(app, "/sign-out", "POST", one, data={"everywhere": "1"}).status_code == 303
    assert slice_of(app, one) == 401
    assert slice_of(app, other) == 200


def test_the_audit(app: App, access: Access, tmp_path: Path) -> None:
    ann = signed_in(app, "ann")
    made = shared(app, ann)
    guest(app, made)
    ask(app, f"/api/v1/shares/{made['id']}", "DELETE", ann)
    text = "\n".join(lines_since(tmp_path / "people" / "people.sqlite", 0.0))
    assert made["link"].rpartition("/")[2] not in text
    found = [json.loads(line) for line in text.splitlines()]
    events = [(one["event"], one.get("name"), one.get("way")) for one in found]
    assert ("share-added", "ann", None) in events
    assert ("sign-in", f"share:{made['id']}", "share") in events
    assert ("share-revoked", "ann", None) in events


def test_bookmarks_and_rights(app: App) -> None:
    ann, bob, sam = (signed_in(app, name) for name in ("ann", "bob", "sam"))
    path = "/api/v1/bookmarks"

    def add(headers: dict[str, str], **body: str) -> Any:
        return ask(app, path, "POST", headers, json={"name": "x", "view": VIEW, **body})

    def names(headers: dict[str, str]) -> list[str]:
        return [one["name"] for one in ask(app, path, headers=headers).get_json()["bookmarks"]]

    assert add(ann, name="mine").status_code == 201
    made = add(ann, name="ours", group="garnet").get_json()
    assert add(ann, group="cobalt").status_code == 400
    assert add(bob).status_code == 404
    # A bookmark for a group says nothing of a file that somebody of the group does not see.
    assert add(sam, name="odd", group="cobalt").status_code == 201
    assert names(ann) == ["mine", "ours"]
    assert names(bob) == []
    assert names(sam) == ["odd", "ours"]
    assert ask(app, f"{path}/{made['id']}", "DELETE", bob).status_code == 404
    assert ask(app, f"{path}/{made['id']}", "DELETE", sam).status_code == 204
    assert names(ann) == ["mine"]


def test_an_open_server_has_bookmarks_of_everybody(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with running(tmp_path, folders / "garnet") as app:
        assert ask(app, "/api/v1/bookmarks").get_json() == {
            "bookmarks": [], "groups": [], "may_add": True
        }  # fmt: skip
        assert not (tmp_path / "data").exists()
        body = {"name": "x", "view": VIEW, "note": "n"}
        made = ask(app, "/api/v1/bookmarks", "POST", json=body).get_json()
        (found,) = ask(app, "/api/v1/bookmarks").get_json()["bookmarks"]
        assert found == made
        assert ask(app, f"/api/v1/bookmarks/{made['id']}", "DELETE").status_code == 204
        refused = ask(app, "/api/v1/shares", "POST", json={"view": VIEW})
        assert refused.status_code == 403
        assert ask(app, "/api/v1/shares").get_json() == {"shares": [], "may_share": False}
    with running(tmp_path, folders / "garnet", public=True, host="0.0.0.0") as app:
        assert ask(app, "/api/v1/bookmarks", "POST", json=body).status_code == 403
