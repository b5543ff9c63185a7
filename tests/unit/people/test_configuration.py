"""The configuration file: what is in it, and one sentence for each thing that is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard.errors import SetupError
from dashboard.people.configuration import TEXT, Decision, load_configuration, path_of, taken_up

WHOLE = """
admins = ["ada"]
rights = "roots"

[roots.scans]
path = "scans"
groups = ["imaging"]
people = ["grace"]

[roots.shared]
path = "/data/shared"

[groups]
imaging = ["lin", "mei"]
beamline = []
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "lamella.toml"
    path.write_text(text)
    path.chmod(0o644)
    return path


def test_all_keys(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    found = load_configuration(path)
    assert found.admins == ("ada",)
    assert found.rights is Decision.ROOTS
    assert found.groups == {"imaging": ("lin", "mei"), "beamline": ()}
    scans, shared = found.roots.values()
    assert (scans.groups, scans.people) == (("imaging",), ("grace",))
    assert (shared.groups, shared.people) == (None, None)
    assert path_of(scans, path) == tmp_path / "scans"
    assert path_of(shared, path) == Path("/data/shared")


def test_an_empty_file_restricts_nothing(tmp_path: Path) -> None:
    found = load_configuration(write(tmp_path, ""))
    assert (found.roots, found.groups, found.admins) == ({}, {}, ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[roots.a]\npath = 'x'\ngroup = ['g']",
            r"roots\.a\.group is unknown.* path, groups, people",
        ),
        ("admin = ['ada']", r"key admin is unknown.* roots, groups, admins, rights"),
        ("[roots.a]\ngroups = ['g']", r"roots\.a\.path is missing"),
        (
            "[roots.a]\npath = 'x'\ngroups = ['g']",
            r"roots\.a\.groups names the group 'g'.*\[groups\]",
        ),
        ("[roots.a]\npath = 'x'\ngroups = 'g'", r"roots\.a\.groups is not valid"),
        ("[roots.a]\npath = 3", r"roots\.a\.path is not valid"),
        ("[roots.a]\npath = ''", r"roots\.a\.path is not valid"),
        ("[roots.'a/b']\npath = 'x'", r"roots\.a/b is not valid.*no / and no ="),
        ("[groups]\n'a,b' = []", r"groups\.a,b is not valid.*no comma"),
        ("[groups]\na = ['']", r"groups\.a\.0 is not valid"),
        ("admins = ['ada ']", r"admins\.0 is not valid"),
        ("rights = 'none'", r"rights is not valid.*'roots' or 'filesystem'"),
        ("roots = 3", r"key roots is not valid"),
        ("admins = [", r"no valid TOML"),
        ("admins = 'ada'", r"key admins is not valid; correct it: it has to be a list\.$"),
        ("groups.a = 'ada'", r"key groups\.a is not valid; correct it: it has to be a list\.$"),
        ("groups = 'a'", r"key groups is not valid; correct it: it has to be a table\.$"),
        ("roots.a = 'x'", r"key roots\.a is not valid; correct it: it has to be a table\.$"),
        (
            "quotas.request_per_second = 3",
            r"quotas\.request_per_second is unknown; there may be requests_per_second, cold",
        ),
        ("quotas.requests_per_second = true", r"quotas\.requests_per_second .* true or false"),
        ("quotas.cold_bytes_per_minute = true", r"cold_bytes_per_minute .* true or false"),
        ("[roots.a]\npath = 'x'\nbrick_cache_bytes = false", r"brick_cache_bytes .* true or false"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_the_key(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SetupError, match=expected) as raised:
        load_configuration(path)
    assert str(path) in raised.value.message
    assert "\n" not in raised.value.message


def test_no_text(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b"admins = ['\xff']")
    with pytest.raises(SetupError, match="no valid TOML"):
        load_configuration(path)


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path, WHOLE)
    path.chmod(mode)
    with pytest.raises(SetupError, match=r"Other accounts can write .*chmod go-w .*lamella\.toml"):
        load_configuration(path)


def test_a_folder_in_which_others_can_replace_the_file_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    path = write(folder, WHOLE)
    folder.chmod(0o777)
    with pytest.raises(SetupError, match=r"Other accounts can write .*chmod go-w .*etc"):
        load_configuration(path)
    folder.chmod(0o1777)
    load_configuration(path)


def test_a_link_is_as_safe_as_the_folders_that_it_leads_through(tmp_path: Path) -> None:
    for name in ("own", "etc", "far"):
        (tmp_path / name).mkdir()
    write(tmp_path / "far", WHOLE)
    (tmp_path / "etc" / "link").symlink_to("../far/lamella.toml")
    path = tmp_path / "own" / "lamella.toml"
    path.symlink_to(tmp_path / "etc" / "link")
    load_configuration(path)
    for name in ("own", "etc", "far"):
        (tmp_path / name).chmod(0o777)
        with pytest.raises(SetupError, match=rf"Other accounts can write .*{name}$"):
            load_configuration(path)
        (tmp_path / name).chmod(0o755)


def test_a_text_that_is_taken_up_stays_until_the_next_one(tmp_path: Path) -> None:
    path = write(tmp_path, "admins = ['ada']")
    try:
        with taken_up(path):
            assert load_configuration(path).admins == ("ada",)
        write(tmp_path, "admins = ['eve']")
        assert load_configuration(path).admins == ("ada",)
        for text in ("admins = [", "admin = []"):
            write(tmp_path, text)
            with pytest.raises(SetupError), taken_up(path):
                load_configuration(path)
        path.chmod(0o666)
        with pytest.raises(SetupError), taken_up(path):
            pytest.fail("the text of others is taken up")
        assert load_configuration(path).admins == ("ada",)
        write(tmp_path, "admins = ['lin']")
        with taken_up(path):
            assert load_configuration(path).admins == ("lin",)
        assert load_configuration(path).admins == ("lin",)
    finally:
        with taken_up(None):
            pass
    assert TEXT not in os.environ


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another account")
def test_a_file_of_another_account_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    os.chown(path, 12345, 12345)
    with pytest.raises(SetupError, match="belongs to another account"):
        load_configuration(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="does not exist"):
        load_configuration(tmp_path / "lamella.toml")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SetupError, match="no regular file"):
        load_configuration(tmp_path / "pipe")
    with pytest.raises(SetupError, match="cannot be read"):
        load_configuration(tmp_path)
    with pytest.raises(SetupError, match="larger than 1 MiB"):
        load_configuration(write(tmp_path, "#" * (2**20 + 1)))
