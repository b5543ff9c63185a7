"""Options of the serving commands: how they become settings, reach the children, and open or close the server."""

from __future__ import annotations

import pwd
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard.cli import commands, main
from dashboard.cli.options import serving_environment
from dashboard.cli.process import has_other_accounts, sign_in_link, with_token
from dashboard.cli.serve import (
    command,
)
from dashboard.errors import SetupError
from dashboard.people.accounts import Accounts
from dashboard.runtime.container import build_services
from dashboard.settings import Settings, load_settings
from tests.people import PASSWORD, people_file, quick_passwords
from tests.terminal import refused, run

MakeSettings = Callable[..., Settings]

TOKEN = "correct-horse-battery"


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "v.h5"
    with h5py.File(path, "w") as file:
        file["scan"] = np.zeros((4, 5, 6), "u2")
    return path


def test_options_become_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr("dashboard.cli.serve.run", seen.append)
    monkeypatch.setenv("LAMELLA_WEB_THREADS", "3")
    arguments = ["serve", "a.h5", "b=c", "--host", "0.0.0.0", "--port", "81", "--public"]
    arguments += ["--cache-dir", str(tmp_path), "--url-prefix", "x"]
    arguments += ["--allowed-host", "A", "--allowed-host", "b"]
    with pytest.raises(SystemExit):
        main(arguments)
    settings = seen[0]
    assert settings.data == ("a.h5", "b=c")
    assert (settings.host, settings.port, settings.public) == ("0.0.0.0", 81, True)
    assert (settings.cache_dir, settings.url_prefix) == (tmp_path, "/x")
    assert settings.allowed_hosts == ("a", "b")
    assert settings.web_threads == 3


def test_without_arguments_the_environment_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr("dashboard.cli.serve.run", seen.append)
    monkeypatch.setenv("LAMELLA_DATA", "/from/environment")
    monkeypatch.setenv("LAMELLA_PUBLIC", "1")
    monkeypatch.setenv("LAMELLA_ALLOWED_HOSTS", "c")
    with pytest.raises(SystemExit):
        main(["serve"])
    assert seen[0].data == ("/from/environment",)
    assert seen[0].public
    assert seen[0].allowed_hosts == ("c",)


def test_children_get_the_given_settings(make_settings: MakeSettings) -> None:
    settings = make_settings(
        host="::1", port=81, url_prefix="x", allowed_hosts=("a", "b"), data=("-odd.h5", "n=p")
    )
    line = command(settings, "web", "--parent", "1")
    assert line[:4] == [sys.executable, "-m", "dashboard", "web"]
    assert line[-3:] == ["--", "-odd.h5", "n=p"]
    assert "--public" not in line
    with commands.web.make_context("web", line[4:]) as context:
        assert context.params["host"] == "::1"
        assert context.params["port"] == "81"
        assert context.params["allowed_hosts"] == ("a", "b")
        assert context.params["paths"] == ("-odd.h5", "n=p")
        assert context.params["parent"] == 1


def test_each_option_reaches_the_children(make_settings: MakeSettings, tmp_path: Path) -> None:
    values = {
        "host": "::1",
        "port": 81,
        "bind": "unix:/run/x.sock",
        "certfile": tmp_path / "certificate",
        "keyfile": tmp_path / "key",
        "log_format": "json",
        "node": "a",
        "balancer": "https://scans.example",
        "dask": "tls://dask.example:8786",
        "people_node": "a=https://scans.example",
        "cache_dir": tmp_path / "elsewhere",
        "url_prefix": "/x",
        "public": True,
        "sign_in": True,
        "people": tmp_path / "people.sqlite",
        "proxy_header": "X-User",
        "proxy_groups_header": "X-Groups",
        "proxy_peers": ("unix", "192.0.2.1"),
        "insecure_http": True,
        "allowed_hosts": ("a", "b"),
        "frame_ancestors": ("https://a", "http://b:*"),
        "config": tmp_path / "lamella.toml",
        "roots": ("a=/a:g,h", "b=/b:*"),
    }
    # An option that is added later needs a value here, other than its default.
    options = [option for option in commands.serve.params if option.name not in ("paths", "parent")]
    assert {option.name for option in options} == {*values, "token", "cluster"}
    assert all(value != getattr(make_settings(), name) for name, value in values.items())
    line = command(make_settings(**values), "worker")
    with commands.worker.make_context("worker", line[4:]) as context:
        given = {name: context.params[name] for name in values}
    # Not by `load_settings`, which refuses sign-in on a public server.
    assert Settings(**given).model_dump(include=set(values)) == values


def test_secrets_reach_the_children_by_the_environment(make_settings: MakeSettings) -> None:
    store = "redis://:p4ss@localhost"
    settings = make_settings(token=TOKEN, cluster=store)
    assert not any(TOKEN in part or "p4ss" in part for part in command(settings, "web"))
    assert serving_environment(settings) == {"LAMELLA_TOKEN": TOKEN, "LAMELLA_CLUSTER": store}
    assert serving_environment(make_settings()) == {}


def test_a_token_is_made_where_sign_in_is_asked_for(make_settings: MakeSettings) -> None:
    assert with_token(make_settings()).token is None
    given = make_settings(token=TOKEN, sign_in=True)
    assert with_token(given) is given
    asking = make_settings(sign_in=True, url_prefix="x")
    first, second = with_token(asking), with_token(asking)
    assert first.token is not None
    assert second.token is not None
    made = first.token.get_secret_value()
    assert made != second.token.get_secret_value()
    assert len(made) >= 32
    assert sign_in_link(first) == f"http://127.0.0.1:8050/x/?token={made}"
    # A made token is as good as any to the settings.
    assert make_settings(token=made).token == first.token


@pytest.mark.parametrize("name", ["serve", "web", "worker"])
@pytest.mark.parametrize(
    ("arguments", "environment", "reason"),
    [
        (["--token", "short"], {}, "LAMELLA_TOKEN is not valid: it has 16 to 1024"),
        (["--token", "with spaces in the middle"], {}, "LAMELLA_TOKEN is not valid"),
        (["--token", "ümläuts-and-so-on-and-on"], {}, "LAMELLA_TOKEN is not valid"),
        (["--token", "new-line-in-the\n-middle"], {}, "LAMELLA_TOKEN is not valid"),
        (["--token", "x" * 1025], {}, "LAMELLA_TOKEN is not valid"),
        (["--token", ""], {}, "is empty"),
        ([], {"LAMELLA_TOKEN": ""}, "LAMELLA_TOKEN is empty"),
        ([], {"lamella_token": ""}, "LAMELLA_TOKEN is empty"),
        ([], {"LAMELLA_TOKEN": "short"}, "LAMELLA_TOKEN is not valid"),
        (["--host", "0.0.0.0"], {}, "--sign-in"),
        (["--host", "0.0.0.0", "--sign-in"], {}, "--insecure-http"),
        (["--host", "0.0.0.0", "--insecure-http"], {}, "--sign-in"),
        (["--host", "0.0.0.0", "--people", "people.sqlite"], {}, "--insecure-http"),
        (["--host", "0.0.0.0", "--token", TOKEN], {}, "--insecure-http"),
        (["--host", "0.0.0.0"], {"LAMELLA_TOKEN": TOKEN}, "--insecure-http"),
        (["--public"], {"LAMELLA_TOKEN": TOKEN}, "one or the other"),
        (["--public", "--sign-in"], {}, "one or the other"),
        (["--public", "--people", "people.sqlite"], {}, "one or the other"),
        (["--people", ""], {}, "is empty"),
        ([], {"LAMELLA_PEOPLE": ""}, "LAMELLA_PEOPLE is empty"),
        (["--keyfile", "/etc/hostname"], {}, "--certfile"),
        (["--certfile", "/none"], {}, "/none cannot be read"),
        (["--certfile", "/none", "--bind", "unix:/x"], {}, "the certificate to the proxy"),
    ],
)
def test_access_that_is_refused(
    name: str,
    arguments: list[str],
    environment: dict[str, str],
    reason: str,
    volume: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    message = refused([name, *arguments, str(volume)], capsys)
    assert reason in message
    given = [*arguments[1::2], *environment.values()] if "/none" not in arguments else []
    assert not any(
        len(text) > 4 and text in message
        for text in given
        if text != "0.0.0.0" and not text.startswith("--")
    )


def test_access_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    away = {"host": "0.0.0.0", "token": TOKEN, "insecure_http": True}
    assert load_settings(away).any_host
    assert not load_settings(away | {"allowed_hosts": ("a",)}).any_host
    assert not load_settings({"token": TOKEN}).any_host
    # With HTTPS nobody on the way reads the token.
    assert load_settings({"host": "0.0.0.0", "token": TOKEN, "certfile": "x.pem"}).any_host
    assert load_settings({"sign_in": True}).asks_sign_in
    monkeypatch.setenv("LAMELLA_TOKEN", TOKEN)
    assert load_settings().asks_sign_in
    assert TOKEN not in repr(load_settings())


@pytest.mark.parametrize(
    ("uid", "shell", "other"),
    [
        (1000, "/bin/bash", True),
        (60_000, "/usr/bin/fish", True),
        (1000, "/usr/sbin/nologin", False),
        (1000, "/bin/false", False),
        (33, "/bin/sh", False),
        (65_534, "/bin/sh", False),
    ],
)
def test_other_accounts_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, uid: int, shell: str, other: bool
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1234)
    account = pwd.struct_passwd(("name", "x", uid, uid, "", "/", shell))
    own = pwd.struct_passwd(("me", "x", 1234, 1234, "", "/", "/bin/sh"))
    assert has_other_accounts([own, account]) is other
    assert not has_other_accounts([own])


def test_no_token_is_made_where_there_are_accounts(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    store = people_file(tmp_path)
    asking = make_settings(people=store.path)
    assert asking.asks_sign_in
    assert with_token(asking).token is not None
    Accounts(store, quick_passwords()).add("ann", PASSWORD)
    store.close()
    assert with_token(asking) is asking


def test_another_server_with_sign_in_needs_a_token_or_an_account(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    store = people_file(tmp_path)
    settings = make_settings(people=store.path)
    with pytest.raises(SetupError, match="lamella user add NAME`, or set LAMELLA_TOKEN"):
        build_services(settings, role="web")
    Accounts(store, quick_passwords()).add("ann", PASSWORD)
    store.close()
    build_services(settings, role="web").close()


def test_help_does_not_show_the_token(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMELLA_TOKEN", TOKEN)
    status, out, err = run(capsys, "serve", "--help")
    assert status == 0
    assert "--token TOKEN" in out
    assert TOKEN not in out + err
