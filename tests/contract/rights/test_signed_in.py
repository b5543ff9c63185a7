"""Rights of people who sign in by name, and of their scripts: the whole way, from the form to the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.people.audit import lines_since
from dashboard.people.person import Admins, Scope
from dashboard.people.sessions import KEPT_S
from tests.clock import Clock
from tests.contract.rights.conftest import TOKEN
from tests.contract.sign_in.requests import ask, session_of, with_session
from tests.people import PASSWORD, make_access, people_file
from tests.web import App, running

CONFIG = """
admins = ["ada"]
[roots.garnet]
path = "garnet"
groups = ["garnet"]
[roots.cobalt]
path = "cobalt"
people = ["bob"]
[roots.common]
path = "common"
[groups]
garnet = ["lin"]
"""


@pytest.fixture
def app(folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The application with accounts: ann is in the group garnet by her account, lin by the configuration."""
    config = folders / "lamella.toml"
    config.write_text(CONFIG)
    config.chmod(0o600)
    store = people_file(tmp_path)
    clock = Clock()
    with running(tmp_path, token=TOKEN, config=config, people=tmp_path / "p" / "p.sqlite") as made:
        access = made.services.access
        assert access is not None
        admins = Admins(made.services.rights.admins)
        for name, value in vars(make_access(store, TOKEN, clock, admins=admins)).items():
            monkeypatch.setattr(access, name, value)
        for name, groups in (("ann", ["garnet"]), ("lin", []), ("bob", []), ("ada", [])):
            access.accounts.add(name, PASSWORD, groups)
        access.accounts.add("sam", PASSWORD, admin=True)
        clock.pass_(KEPT_S)
        yield made


def roots(app: App, headers: dict[str, str]) -> set[str]:
    """The roots of which files are listed."""
    found = ask(app, "/api/v1/files", headers=headers).get_json()["files"]
    return {entry["file"].partition("/")[0] for entry in found}


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("ann", {"garnet", "common"}),
        ("lin", {"garnet", "common"}),
        ("bob", {"cobalt", "common"}),
        ("ada", {"garnet", "cobalt", "common"}),
        ("sam", {"garnet", "cobalt", "common"}),
    ],
)
def test_who_signs_in_sees_what_the_configuration_says(app: App, name: str, seen: set[str]) -> None:
    form = {"name": name, "password": PASSWORD}
    headers = with_session(session_of(ask(app, "/sign-in", "POST", data=form)))
    assert roots(app, headers) == seen
    for root in ("garnet", "cobalt", "common"):
        path = f"/api/v1/slice?file={root}/volume.h5&dataset={root}_values&selection=3,:,:"
        assert ask(app, path, headers=headers).status_code == (200 if root in seen else 404)


def test_an_admin_of_the_configuration_does_what_admins_do(app: App) -> None:
    ann, ada = (
        with_session(
            session_of(ask(app, "/sign-in", "POST", data={"name": name, "password": PASSWORD}))
        )
        for name in ("ann", "ada")
    )
    body = {"view": "file=garnet/volume.h5"}
    made = ask(app, "/api/v1/shares", "POST", ann, json=body).get_json()
    assert ask(app, "/people", headers=ann).status_code == 403
    page = ask(app, "/people", headers=ada)
    assert page.status_code == 200
    assert "<td>by the configuration</td>" in page.get_data(as_text=True)
    (listed,) = ask(app, "/api/v1/shares", headers=ada).get_json()["shares"]
    assert (listed["id"], listed["person"]) == (made["id"], "ann")
    assert ask(app, f"/api/v1/shares/{made['id']}", "DELETE", ada).status_code == 204


def test_tokens_of_an_admin_of_the_configuration_may_what_they_are_made_for(app: App) -> None:
    access = app.services.access
    assert access is not None
    for scopes, seen, status in (
        ({Scope.READ}, {"common"}, 403),
        ({Scope.READ, Scope.ADMIN}, {"garnet", "cobalt", "common"}, 200),
    ):
        secret = access.tokens.add(f"script{len(scopes)}", scopes, 30.0, "ada")
        headers = {"Authorization": f"Bearer {secret}"}
        assert roots(app, headers) == seen
        assert ask(app, "/people", headers=headers).status_code == status


def test_a_token_sees_what_its_person_sees(app: App) -> None:
    access = app.services.access
    assert access is not None
    secret = access.tokens.add("script", {Scope.READ}, 30.0, "ann")
    headers = {"Authorization": f"Bearer {secret}"}
    assert roots(app, headers) == {"garnet", "common"}
    assert roots(app, {"Authorization": f"Bearer {TOKEN}"}) == {"garnet", "cobalt", "common"}


def test_the_audit_has_the_rights_of_a_start(app: App, tmp_path: Path) -> None:
    assert app.services.access is not None
    lines = [json.loads(line) for line in lines_since(tmp_path / "p" / "p.sqlite", 0.0)]
    (line,) = (line for line in lines if line["event"] == "rights-changed")
    assert "cobalt is seen by bob and admins" in line["rights"]
