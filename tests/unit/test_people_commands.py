"""`lamella user`, `token` and `audit`: what they print, what they refuse, and what the audit has of them."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest

from dashboard.cli.audit import moment
from dashboard.people import accounts as accounts_module
from dashboard.people.person import OPERATOR
from dashboard.people.shares import Shares
from dashboard.people.store import open_people
from dashboard.people.view import View
from tests.people import PASSWORD, quick_passwords
from tests.terminal import refused, run

Capsys = pytest.CaptureFixture[str]


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The people file that the environment names."""
    path = tmp_path / "people" / "people.sqlite"
    monkeypatch.setenv("LAMELLA_PEOPLE", str(path))
    monkeypatch.setattr(accounts_module, "Passwords", quick_passwords)
    return path


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standard input with a password."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))


def again(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_users(people: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    again(monkeypatch, f"{PASSWORD}\r\n")
    added = run(capsys, "user", "add", "ann", "--group", "imaging", "--group", "beam", "--admin")
    assert added == (0, "Added ann.\n", "")
    again(monkeypatch, PASSWORD)
    assert run(capsys, "user", "add", "bob")[0] == 0
    _, out, _ = run(capsys, "user", "list")
    head, ann, bob = out.splitlines()
    assert head.split("  ")[0] == "name"
    assert ann.startswith("ann   beam, imaging  yes    20")
    assert bob.startswith("bob ")
    _, out, _ = run(capsys, "user", "list", "--json")
    assert [one["name"] for one in json.loads(out)] == ["ann", "bob"]
    assert PASSWORD not in out
    assert "argon2" not in out
    again(monkeypatch, "other words of hers\n")
    assert "has to sign in again" in run(capsys, "user", "passwd", "ann")[1]
    assert run(capsys, "user", "sign-out", "ann")[1] == "Ended 0 sessions of ann.\n"
    assert run(capsys, "user", "remove", "ann")[1] == "Removed ann.\n"
    assert stat.S_IMODE(people.stat().st_mode) == 0o600
    lines = run(capsys, "audit")[1].splitlines()
    events = [json.loads(line) for line in lines]
    assert [(one["event"], one["name"], one["way"]) for one in events] == [
        ("user-added", "ann", "command"),
        ("user-added", "bob", "command"),
        ("password-changed", "ann", "command"),
        ("sessions-ended", "ann", "command"),
        ("user-removed", "ann", "command"),
    ]
    assert events[0]["groups"] == ["beam", "imaging"]
    assert events[0]["by"]
    assert PASSWORD not in "".join(lines)
    assert run(capsys, "audit", "--since", "1h")[1].splitlines() == lines
    assert run(capsys, "audit", "--since", "2199-01-01")[1] == ""


def test_changes(people: Path, typed: None, capsys: Capsys) -> None:
    def listed() -> dict[str, object]:
        (found,) = json.loads(run(capsys, "user", "list", "--json")[1])
        return {name: found[name] for name in ("groups", "admin")}

    run(capsys, "user", "add", "ann", "--group", "imaging")
    assert run(capsys, "user", "change", "ann", "--admin") == (0, "Changed ann.\n", "")
    assert listed() == {"groups": ["imaging"], "admin": True}
    run(capsys, "user", "change", "ann", "--group", "b", "--group", "a", "--no-admin")
    assert listed() == {"groups": ["a", "b"], "admin": False}
    run(capsys, "user", "change", "ann", "--no-groups")
    assert listed() == {"groups": [], "admin": False}
    lines = run(capsys, "audit")[1].splitlines()
    changes = [json.loads(line) for line in lines if "user-changed" in line]
    assert [(one.get("groups"), one.get("admin")) for one in changes] == [
        (None, "yes"),
        (["a", "b"], "no"),
        ("none", None),
    ]


def test_tokens(people: Path, typed: None, capsys: Capsys) -> None:
    run(capsys, "user", "add", "ann")
    status, secret, _ = run(capsys, "token", "add", "prometheus", "--scope", "metrics")
    assert status == 0
    assert secret.startswith("lam_")
    run(capsys, "token", "add", "hers", "--scope", "read", "--days", "0.00001", "--user", "ann")
    _, out, _ = run(capsys, "token", "list")
    assert secret.strip() not in out
    assert "prometheus  (operator)  metrics" in out
    _, out, _ = run(capsys, "token", "list", "--json")
    assert [(one["name"], one["person"], one["scopes"]) for one in json.loads(out)] == [
        ("hers", "ann", ["read"]),
        ("prometheus", "", ["metrics"]),
    ]
    assert run(capsys, "token", "revoke", "prometheus")[1] == "Revoked prometheus.\n"
    run(capsys, "user", "remove", "ann")
    assert len(run(capsys, "token", "list")[1].splitlines()) == 1
    lines = run(capsys, "audit")[1]
    assert '"event": "token-added", "token": "hers", "name": "ann", "scopes": ["read"]' in lines
    assert '"event": "token-revoked", "token": "prometheus"' in lines
    assert secret.strip() not in lines


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["user", "add", "a b"], "cannot be the name of a person"),
        (["user", "add", "ann"], "There is an account ann already"),
        (["user", "add", "eve", "--group", "a b"], "cannot be the name of a group"),
        (["user", "remove", "eve"], "no account eve"),
        (["user", "change", "eve", "--admin"], "no account eve"),
        (["user", "change", "ann"], "Give --group NAME"),
        (["user", "change", "ann", "--group", "a", "--no-groups"], "Give --group NAME"),
        (["user", "change", "ann", "--group", "a b"], "cannot be the name of a group"),
        (["user", "passwd", "eve"], "no account eve"),
        (["user", "sign-out", "eve"], "no account eve"),
        (["token", "add", "x", "--scope", "fly"], "'fly' is not one of"),
        (["token", "add", "x"], "give --scope read"),
        (["token", "add", "x", "--scope", "read", "--days", "0"], "valid for more than 0"),
        (["token", "add", "x", "--scope", "admin", "--user", "ann"], "ann may not do what"),
        (["token", "add", "x", "--scope", "read", "--user", "eve"], "no account eve"),
        (["token", "revoke", "x"], "no token x"),
        (["audit", "--since", "yesterday"], "'yesterday' is no time"),
        (["user", "list", "--people", ""], "is empty"),
    ],
)
def test_what_is_refused(
    people: Path, typed: None, capsys: Capsys, arguments: list[str], reason: str
) -> None:
    run(capsys, "user", "add", "ann")
    assert reason in refused(arguments, capsys)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "The standard input has no password"),
        ("\n", "choose one of at least 12"),
        ("short\nsecond line that is long enough\n", "choose one of at least 12"),
    ],
)
def test_weak_passwords(
    people: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys, text: str, reason: str
) -> None:
    again(monkeypatch, text)
    assert reason in refused(["user", "add", "ann"], capsys)
    assert run(capsys, "user", "list")[1].count("\n") == 1


def test_a_terminal_asks_twice_without_echo(
    people: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    answers = iter([PASSWORD, "something else", PASSWORD, PASSWORD])
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return next(answers)

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("click.termui.hidden_prompt_func", answer)
    status, out, err = run(capsys, "user", "add", "ann")
    assert (status, out) == (0, "Added ann.\n")
    assert len(asked) == 4
    assert PASSWORD not in out + err


def test_a_people_file_that_others_can_write(
    people: Path, typed: None, capsys: Capsys, tmp_path: Path
) -> None:
    run(capsys, "user", "add", "ann")
    people.chmod(0o660)
    assert "Others can write to the people file" in refused(["user", "list"], capsys)
    (tmp_path / "v").mkdir()
    arguments = ["serve", "--sign-in", "--cache-dir", str(tmp_path / "cache"), str(tmp_path / "v")]
    assert "Others can write to the people file" in refused(arguments, capsys)


def test_an_empty_variable(monkeypatch: pytest.MonkeyPatch, capsys: Capsys) -> None:
    monkeypatch.setenv("LAMELLA_PEOPLE", "")
    assert "LAMELLA_PEOPLE is empty" in refused(["user", "list"], capsys)


def test_times() -> None:
    assert moment("2026-11-29") == moment("2026-11-29T00:00Z") == 1_795_910_400.0
    assert moment("2026-11-29T01:00+01:00") == moment("2026-11-29")
    assert 0 < moment("1d") < moment("12h") < moment("90m")


def test_shares(people: Path, capsys: Capsys) -> None:
    store = open_people(people)
    share, secret = Shares(store).add(View("a.h5", "file=a.h5"), OPERATOR, 7, "for\na referee")
    _, out, _ = run(capsys, "share", "list")
    assert out.splitlines()[0].split() == ["id", "of", "file", "added", "expires", "used", "note"]
    assert out.splitlines()[1].startswith(f"{share.id}  (operator)  a.h5")
    assert out.splitlines()[1].endswith("never  for a referee")
    (found,) = json.loads(run(capsys, "share", "list", "--json")[1])
    assert (found["id"], found["view"]) == (share.id, "file=a.h5")
    assert run(capsys, "share", "revoke", share.id) == (0, f"Revoked {share.id}.\n", "")
    assert Shares(store).opened(secret) is None
    assert "There is no share" in refused(["share", "revoke", share.id], capsys)
    assert "ID" in (said := refused(["share", "revoke", ""], capsys))
    assert "is empty" in said
    (line,) = run(capsys, "audit")[1].splitlines()
    assert json.loads(line)["event"] == "share-revoked"
    store.close()
