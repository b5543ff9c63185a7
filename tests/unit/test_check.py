"""`lamella check`: what a person sees and why, in words."""

from __future__ import annotations

import pwd
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.cli import main
from dashboard.people.accounts import Accounts
from tests.people import PASSWORD, people_file, quick_passwords

TEXT = """
admins = ["ada"]
[roots.scans]
path = "scans"
groups = ["imaging", "guests"]
[roots.hers]
path = "hers"
people = ["grace"]
[roots.shared]
path = "shared"
[groups]
imaging = ["lin"]
guests = []
unused = []
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("scans", "hers", "shared"):
        (tmp_path / name).mkdir()
    path = tmp_path / "lamella.toml"
    path.write_text(TEXT)
    path.chmod(0o600)
    monkeypatch.setenv("LAMELLA_CONFIG", str(path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # Without accounts of other tests.
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    out, err = capsys.readouterr()
    return int(str(ended.value.code)), out.splitlines(), err


def test_the_roots(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, _ = run(capsys)
    folder = config.parent
    assert status == 0
    assert lines[:4] == [
        f"scans: {folder}/scans, seen by the groups guests, imaging and admins.",
        f"hers: {folder}/hers, seen by grace and admins.",
        f"shared: {folder}/shared, seen by everybody who is signed in.",
        "Who sees a root sees all files in it.",
    ]
    assert any("give --sign-in" in line for line in lines)
    assert (
        "Note: no root names the group unused; add it to the groups of one, or remove it." in lines
    )
    assert any(line.startswith("Note: links from shared to hers, scans are not") for line in lines)


def test_a_person(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = config.parent
    _, lines, _ = run(capsys, "--as", "lin")
    assert lines[:4] == [
        "lin is in the group imaging.",
        f"lin sees scans ({folder}/scans): the root names the group imaging.",
        f"lin does not see hers ({folder}/hers): it is seen by grace and admins.",
        f"lin sees shared ({folder}/shared): everybody who is signed in may.",
    ]
    _, lines, _ = run(capsys, "--as", "grace", "--group", "guests")
    assert "grace is in the group guests." in lines
    assert f"grace sees scans ({folder}/scans): the root names the group guests." in lines
    assert f"grace sees hers ({folder}/hers): the people of the root name this person." in lines
    _, lines, _ = run(capsys, "--as", "ada")
    assert lines[0] == "ada is in no group."
    assert sum("the key admins names this person" in line for line in lines) == 3


def test_an_account_counts_as_it_does_in_the_server(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = config.parent
    with closing(people_file(folder)) as store:
        monkeypatch.setenv("LAMELLA_PEOPLE", str(store.path))
        accounts = Accounts(store, quick_passwords())
        accounts.add("mei", PASSWORD, ["imaging"])
        accounts.add("root", PASSWORD, admin=True)
    _, lines, _ = run(capsys, "--as", "mei")
    assert lines[:2] == [
        "mei is in the group imaging.",
        f"mei sees scans ({folder}/scans): the root names the group imaging.",
    ]
    assert not any("no account" in line for line in lines)
    _, lines, _ = run(capsys, "--as", "root")
    assert sum(line.startswith("root sees") for line in lines) == 3
    _, lines, _ = run(capsys, "--as", "meii")
    assert "Note: there is no account meii; `lamella user add meii` makes one." in lines
    store.path.chmod(0o666)
    status, lines, _ = run(capsys, "--as", "mei")
    assert status == 0
    assert any(line.startswith("Note: the account of mei was not looked at.") for line in lines)


def test_what_is_wrong(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(TEXT.replace("people", "peple"))
    status, lines, err = run(capsys)
    assert (status, lines) == (2, [])
    assert err.startswith(
        f"lamella: {config}: the key roots.hers.peple is unknown; there may be path, "
    )
    assert err.count("\n") == 1
    status, _, err = run(capsys, "--group", "guests", "--config", "/nowhere.toml")
    assert status == 2
    assert "/nowhere.toml does not exist" in err


def test_groups_are_those_of_a_person(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert config.exists()
    status, _, err = run(capsys, "--group", "guests")
    assert status == 2
    assert "name one with --as" in err
    for arguments in (("--as", ""), ("--as", "lin", "--group", "")):
        status, lines, err = run(capsys, *arguments)
        assert (status, lines) == (2, [])
        assert "is empty" in err


def test_nothing_to_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAMELLA_DATA", raising=False)
    assert run(capsys)[0] == 2
    (tmp_path / "a").mkdir()
    status, lines, _ = run(capsys, str(tmp_path / "a"), "--root", f"b={tmp_path}/a:*")
    assert status == 0
    assert lines[0] == f"a: {tmp_path}/a, seen by everybody who is signed in."


def test_accounts(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = pwd.struct_passwd(("ada", "x", 1500, 1500, "", "/home/ada", "/bin/sh"))

    def account(name: str) -> pwd.struct_passwd:
        if name == "ada":
            return entry
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", account)
    config.write_text(f"rights = 'filesystem'\n{TEXT}")
    _, lines, _ = run(capsys)
    assert (
        "Of the files in a root, people see those that the account of the same name may read."
        in lines
    )
    _, lines, _ = run(capsys, "--as", "there-is-no-such-account")
    assert any("sees no file: this machine has no account of that name" in line for line in lines)
    _, lines, _ = run(capsys, "--as", "ada")
    assert not any("the account" in line or "no account" in line for line in lines)
