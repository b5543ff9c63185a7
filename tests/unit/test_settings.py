"""Settings come from arguments, the environment, then defaults; an invalid one is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from dashboard.errors import SetupError
from dashboard.settings import PREFIX, Settings, describe, is_loopback, load_settings


def test_defaults() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.url_prefix) == ("127.0.0.1", 8050, "")
    assert settings.data == ()
    assert settings.brick_cache_bytes is None
    assert settings.frame_cache_bytes == 2**30
    assert settings.decode_threads == len(os.sched_getaffinity(0))
    assert settings.cache_dir.name == "lamella"


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMELLA_PORT", "9000")
    assert load_settings().port == 9000
    assert load_settings({"port": "9001"}).port == 9001
    assert load_settings({"port": None}).port == 9000


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMELLA_BRICK_CACHE_BYTES", "")
    monkeypatch.setenv("LAMELLA_CACHE_DIR", "")
    assert load_settings().brick_cache_bytes is None
    assert load_settings().cache_dir.name == "lamella"


def test_paths_are_split_at_the_path_separator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMELLA_DATA", os.pathsep.join(["/a", "scan=/b c", "", "d.h5"]))
    assert load_settings().data == ("/a", "scan=/b c", "d.h5")


def test_a_path_given_as_argument_is_not_split() -> None:
    assert load_settings({"data": ("a:b.h5",)}).data == ("a:b.h5",)


def test_hosts_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMELLA_ALLOWED_HOSTS", "Scans.example, lab")
    assert load_settings().allowed_hosts == ("scans.example", "lab")
    assert load_settings({"allowed_hosts": ("X",)}).allowed_hosts == ("x",)


@pytest.mark.parametrize(
    ("text", "size"), [("512MiB", 2**29), ("2 GiB", 2**31), ("1GB", 10**9), ("1048576", 2**20)]
)
def test_sizes_have_units(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv("LAMELLA_FRAME_CACHE_BYTES", text)
    assert load_settings().frame_cache_bytes == size


@pytest.mark.parametrize(
    ("given", "prefix"),
    [("", ""), ("/", ""), ("lamella", "/lamella"), ("/a/b/", "/a/b")],
)
def test_the_prefix_has_one_form(given: str, prefix: str) -> None:
    assert load_settings({"url_prefix": given}).url_prefix == prefix


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "abc"),
        ("port", "0"),
        ("port", "65536"),
        ("web_processes", "0"),
        ("brick_cache_bytes", "12 bananas"),
        ("frame_cache_bytes", "-5"),
        ("max_chunk_bytes", "5"),
        ("child_seconds", "nan"),
        ("wait_seconds", "-1"),
        ("url_prefix", "a b"),
        ("url_prefix", "/a/../b"),
        ("url_prefix", "//evil?x"),
        ("public", "maybe"),
        ("log_level", "loud"),
    ],
)
def test_a_bad_value_is_named_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(PREFIX + name.upper(), value)
    with pytest.raises(SetupError) as caught:
        load_settings()
    message = caught.value.message
    assert PREFIX + name.upper() in message
    assert "\n" not in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    "given",
    [
        {"public": True},
        {"sign_in": True},
        {"token": "Zq8hT2mXv4LrWp9KcYd7"},
        {"people": "people.sqlite"},
    ],
    ids=lambda given: next(iter(given)),
)
def test_where_several_people_come_each_core_has_a_web_process(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    for cores, alone, several in ((1, 1, 1), (2, 1, 2), (4, 2, 4), (64, 4, 4)):
        monkeypatch.setattr("dashboard.processors.cores", lambda count=cores: count)
        assert load_settings().web_processes == alone
        assert load_settings(given).web_processes == several
        assert load_settings(given | {"web_processes": 3}).web_processes == 3


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(SetupError, match="LAMELLA_PROT"):
        load_settings({"prot": 1})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LAMELLA_SIGNIN", " Is LAMELLA_SIGN_IN meant?"),
        ("LAMELLA_PROXY_PEER", " Is LAMELLA_PROXY_PEERS meant?"),
        ("lamella_tokn", " Is LAMELLA_TOKEN meant?"),
        ("LAMELLA_BACKGROUND", ""),
    ],
)
def test_a_variable_that_would_be_ignored_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SetupError) as caught:
        load_settings()
    assert caught.value.message == (
        f"The variable {name.upper()} is no setting: correct its name, or unset it.{meant}"
    )


@pytest.mark.parametrize(
    "token",
    ["a" * 32, "changemechangeme", "1234567890123456", "ABCDEFGHIJKLMNOP", "qwertyuiopasdfgh"],
)
def test_a_token_that_is_easy_to_guess_is_refused(token: str) -> None:
    with pytest.raises(SetupError, match=r"LAMELLA_TOKEN is not valid: it is easy.*; take random"):
        load_settings({"token": token})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1


def test_another_bind_than_loopback_wants_public() -> None:
    with pytest.raises(SetupError, match="--public"):
        load_settings({"host": "0.0.0.0"})
    assert load_settings({"host": "0.0.0.0", "public": True}).public


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("[::1]", True),
        ("LocalHost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_the_cache_directory_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load_settings({"cache_dir": "c"}).cache_dir == tmp_path / "c"
    assert load_settings({"cache_dir": "~/c"}).cache_dir == tmp_path / "home" / "c"


def test_every_setting_is_described() -> None:
    for name in Settings.model_fields:
        assert describe(name), name
        assert not describe(name).endswith("."), name
