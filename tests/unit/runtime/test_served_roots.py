"""The roots of a start, from arguments, `--root` and the configuration file."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import pytest

from dashboard.cli.process import check_startup, warning_of_groups
from dashboard.errors import SetupError
from dashboard.people.accounts import Accounts
from dashboard.people.person import Person
from dashboard.people.store import open_people
from dashboard.runtime.engine import build_engine
from dashboard.runtime.served_roots import check_sign_in, named_roots, served_roots
from dashboard.settings import Settings, load_settings

LIN = Person("lin", frozenset({"imaging"}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b", "with:colon", "with:colon/deep"):
        (tmp_path / name).mkdir()
    h5py.File(tmp_path / "one.h5", "w").close()
    return tmp_path


def configured(folder: Path, text: str, **given: Any) -> Settings:
    path = folder / "lamella.toml"
    path.write_text(text)
    path.chmod(0o600)
    return Settings(config=path, **given)


def test_all_three_together(folder: Path) -> None:
    text = "[roots.conf]\npath = 'b'\ngroups = ['imaging']\n[groups]\nimaging = []"
    settings = configured(
        folder, text, data=(str(folder / "a"),), roots=(f"one={folder}/one.h5:imaging",)
    )
    served = served_roots(settings)
    assert served.paths == {
        "a": folder / "a",
        "one": folder / "one.h5",
        "conf": folder / "b",
    }
    assert served.rights.roots(Person("x")) == {"a"}
    assert served.rights.roots(LIN) == {"a", "one", "conf"}
    assert served.restricted
    assert named_roots(settings) == (
        str(folder / "a"),
        f"one={folder}/one.h5",
        f"conf={folder}/b",
    )


@pytest.mark.parametrize(
    ("given", "path", "seen"),
    [
        ("r={}/a", "a", True),
        ("r={}/a:*", "a", True),
        ("r={}/a:imaging", "a", False),
        ("r={}/a:imaging, beamline", "a", False),
        ("r={}/with:colon:*", "with:colon", True),
        ("r={}/with:colon:imaging", "with:colon", False),
        ("r={}/with:colon/deep", "with:colon/deep", True),
        ("r={}/with:colon/deep:imaging", "with:colon/deep", False),
    ],
)
def test_the_option(folder: Path, given: str, path: str, *, seen: bool) -> None:
    served = served_roots(Settings(roots=(given.format(folder),)))
    assert served.paths == {"r": folder / path}
    assert served.rights.sees(LIN, "r/x.h5")
    assert served.rights.sees(Person("x"), "r/x.h5") is seen


def test_a_path_with_a_colon_is_an_argument_as_before(folder: Path) -> None:
    served = served_roots(
        Settings(data=(str(folder / "with:colon"), f"n={folder}/with:colon/deep"))
    )
    assert list(served.paths) == ["with:colon", "n"]
    assert not served.restricted


def test_the_variable_has_several(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMELLA_ROOTS", f"a={folder}/a:g,h;b={folder}/b")
    assert list(served_roots(load_settings()).paths) == ["a", "b"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{}/a", "is not NAME=PATH"),
        ("={}/a", "is not NAME=PATH"),
        ("r={}/a:", "empty name of a group"),
        ("r={}/a:g,", "empty name of a group"),
        ("r=:g", "empty name of a group"),
        ("r={}/absent", r"--root r: .*/absent does not exist; correct the path"),
        ("r={}/with:colon", r"/with does not exist; .*has a colon in it with :\*"),
    ],
)
def test_what_is_wrong_with_the_option(folder: Path, given: str, expected: str) -> None:
    with pytest.raises(SetupError, match=expected):
        served_roots(Settings(roots=(given.format(folder),)))


def test_an_unknown_group_of_the_option_beside_a_file(folder: Path) -> None:
    settings = configured(folder, "", roots=(f"r={folder}/a:typo",))
    with pytest.raises(SetupError, match=r"--root r names the group 'typo'.*\[groups\]"):
        served_roots(settings)


def test_a_group_of_the_option_that_nobody_is_in(folder: Path) -> None:
    settings = Settings(
        roots=(f"all={folder}/b:*", f"r={folder}/a:imaging,typo"),
        sign_in=True,
        people=folder / "people" / "people.sqlite",
    )
    with closing(open_people(settings.people_file)) as store:
        Accounts(store).add("lin", "a password of lin's", ["imaging"])
    said = warning_of_groups(settings)
    assert said is not None
    assert "Nobody is in the group 'typo' of --root r" in said
    for update in (
        {"roots": settings.roots[:1]},
        {"roots": (f"r={folder}/a:imaging",)},
        {"proxy_header": "X-User", "proxy_groups_header": "X-Groups"},
        {"oidc_issuer": "https://id.example.org"},
    ):
        assert warning_of_groups(settings.model_copy(update=update)) is None


def test_a_root_that_does_not_exist(folder: Path) -> None:
    with pytest.raises(SetupError, match=r"roots\.gone\.path cannot be served; .*does not exist"):
        served_roots(configured(folder, "[roots.gone]\npath = 'gone'"))


def test_names_are_unique(folder: Path) -> None:
    settings = configured(folder, "[roots.a]\npath = 'b'", data=(str(folder / "a"),))
    with pytest.raises(SetupError, match="Two roots are called 'a'"):
        served_roots(settings)


def test_a_root_inside_another_with_other_rights(folder: Path) -> None:
    text = "[roots.outer]\npath = '.'\n[roots.inner]\npath = 'a'\n"
    assert not served_roots(configured(folder, text)).restricted
    with pytest.raises(
        SetupError, match=r"'inner' is inside the root 'outer'.*roots\.inner and roots\.outer"
    ):
        served_roots(configured(folder, text + "people = ['lin']"))
    (folder / "link").symlink_to(folder / "a")
    same = "[roots.one]\npath = 'a'\npeople = ['lin']\n[roots.two]\npath = 'link'"
    with pytest.raises(SetupError, match="is inside the root"):
        served_roots(configured(folder, same))


def test_rights_need_sign_in(folder: Path) -> None:
    for more in ({"roots": (f"r={folder}/a:g",)}, {}):
        settings = Settings(**more) if more else configured(folder, "rights = 'filesystem'")
        with pytest.raises(SetupError, match="asks nobody to sign in: give --sign-in"):
            check_sign_in(settings, served_roots(settings))
        signed = settings.model_copy(update={"sign_in": True})
        check_sign_in(signed, served_roots(signed))
    settings = Settings(roots=(f"r={folder}/a",))
    check_sign_in(settings, served_roots(settings))


def test_a_process_that_serves_nobody_needs_no_sign_in(folder: Path) -> None:
    settings = Settings(roots=(f"r={folder}/a:g",), cache_dir=folder / "cache")
    check_startup(settings, serves=False)
    with pytest.raises(SetupError, match="asks nobody to sign in"):
        check_startup(settings)
    with pytest.raises(SetupError, match="asks nobody to sign in"):
        build_engine(settings, "web")
