"""Several web processes of one server: what one of them refuses or ends counts in the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard.people.accounts import Accounts
from dashboard.people.attempts import FAILURES
from dashboard.people.person import Scope
from dashboard.people.shared_limit import DESCRIPTOR, new_memory
from dashboard.people.tokens import Tokens
from tests.contract.sign_in.requests import SLICE, TOKEN, ask, bearer, session
from tests.people import PASSWORD, people_file, quick_passwords
from tests.web import running


def test_the_limit_of_failed_sign_ins_is_one_for_all_processes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = new_memory()
    monkeypatch.setenv(DESCRIPTOR, str(descriptor))
    people = tmp_path / "people" / "people.sqlite"
    with (
        running(tmp_path / "first", data, token=TOKEN, people=people) as first,
        running(tmp_path / "second", data, token=TOKEN, people=people) as second,
    ):
        for number in range(FAILURES):
            app = (first, second)[number % 2]
            assert ask(app, "/api/v1/files", headers=bearer(f"wrong {number}")).status_code == 401
        for app in (first, second):
            refused = ask(app, "/api/v1/files", headers=bearer(TOKEN))
            assert refused.status_code == 429
            assert 0 < int(refused.headers["Retry-After"]) <= 60
    os.close(descriptor)


def test_what_ends_in_one_process_ends_at_once_in_the_others(data: Path, tmp_path: Path) -> None:
    store = people_file(tmp_path)
    accounts, tokens = Accounts(store, quick_passwords()), Tokens(store)
    accounts.add("ann", PASSWORD)
    accounts.add("bob", PASSWORD)
    secret = bearer(tokens.add("script", [Scope.READ], 1.0, "bob"))
    with (
        running(tmp_path / "first", data, people=store.path) as first,
        running(tmp_path / "second", data, people=store.path) as second,
    ):
        ann, bob = session(first, "ann"), session(first, "bob")

        def seen() -> list[int]:
            return [ask(second, SLICE, headers=who).status_code for who in (ann, bob, secret)]

        assert seen() == [200, 200, 200]
        assert ask(first, "/sign-out", "POST", ann, data={"everywhere": "1"}).status_code == 303
        assert seen() == [401, 200, 200]
        tokens.revoke("script")
        assert seen() == [401, 200, 401]
        accounts.remove("bob")
        assert seen() == [401, 401, 401]
    store.close()
