"""The files of `deploy/`, each checked by the program that reads it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dashboard.settings import load_settings
from dashboard.storage.redis_rows import RedisRows
from dashboard.storage.redis_store import RedisStore
from tests import certificates, hardened, nginx, redis_server
from tests.conftest import unused_port
from tests.nginx import REPOSITORY, Nginx
from tests.programs import needed
from tests.waits import WITHIN_S

pytestmark = pytest.mark.stress

DEPLOY = REPOSITORY / "deploy"
HOSTING = REPOSITORY / "docs" / "how-to" / "hosting"


def checked(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WITHIN_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_haproxy(tmp_path: Path) -> None:
    certificate = certificates.make(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.certfile.read_bytes() + certificate.keyfile.read_bytes())
    text = (DEPLOY / "haproxy.cfg").read_text()
    assert text.count("/etc/haproxy/scans.example.pem") == 1
    file = tmp_path / "haproxy.cfg"
    file.write_text(text.replace("/etc/haproxy/scans.example.pem", str(both)))
    assert checked(needed("haproxy"), "-c", "-q", "-f", str(file)) == ""


def test_nginx(tmp_path: Path) -> None:
    made = Nginx(unused_port(), unused_port(), tmp_path / "nginx")
    certificate = certificates.make(tmp_path)
    text = nginx.site(None, certificate, made.http, made.https, nginx.several())
    config = nginx.configured(made, text)
    assert "hash $lamella_slab consistent;" in text
    said = checked(needed("nginx"), "-t", "-p", str(made.folder), "-c", str(config))
    assert "warn" not in said


def test_systemd(tmp_path: Path) -> None:
    unit = tmp_path / "lamella.service"
    text = (HOSTING / "lamella.service").read_text()
    unit.write_text(text.replace("/opt/lamella/current/bin/lamella", shutil.which("true") or ""))
    (tmp_path / "lamella.service.d").mkdir()
    shutil.copy(DEPLOY / "node.conf", tmp_path / "lamella.service.d")
    # Without the socket of one machine alone.
    assert checked(needed("systemd-analyze"), "verify", "--man=no", str(unit)) == ""
    socket = hardened.directives((HOSTING / "lamella.socket").read_text())
    assert socket["RequiredBy"] == ["lamella.service"]
    # A machine that is asked to leave answers for 6 s, and has what `lamella serve` gives its processes.
    changed = hardened.directives((DEPLOY / "node.conf").read_text())
    assert int(changed["TimeoutStopSec"][0]) > 45


def test_settings_of_a_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for file in (HOSTING / "environment", DEPLOY / "node.environment"):
        for line in file.read_text().splitlines():
            if not line.startswith("#"):
                name, _, value = line.partition("=")
                monkeypatch.setenv(name, value)
    # As it is given there, it would be refused.
    monkeypatch.setenv("LAMELLA_NODE_TOKEN", "pR3sD6fG1hJ5cV0b")
    settings = load_settings()
    assert (settings.bind, settings.host, settings.url_prefix) == (None, "10.0.0.1", "")
    assert settings.people_elsewhere(settings.node_name) is None
    assert settings.people_elsewhere("b") == ("a", "http://10.0.0.1:8050")
    assert settings.people_host == settings.host


def test_redis(tmp_path: Path) -> None:
    lines = [
        line
        for line in (DEPLOY / "redis.conf").read_text().splitlines()
        if not re.match("#|port|tls-|user default", line)
    ]
    # After the package's own, by which nobody else reaches it.
    before = ("--bind", "127.0.0.1", "-::1", "--protected-mode", "yes")
    options = [part for line in lines for part in f"--{line}".split()]
    with redis_server.running(tmp_path, *before, *options) as server:
        url = f"redis://lamella:PASSWORD@127.0.0.2:{server.port}"
        rows = RedisRows(RedisStore(url), "plans")
        RedisStore(url).compare_clocks()
        assert rows.set("a", b"1", 9.0)
        assert rows.replace((), {"b": b"2"}, {})
        assert rows.get("a") == b"1"
        assert rows.keys_with_prefix("") == ["a", "b"]
        assert rows.delete("a")
        rows.remove_expired()
        for forbidden in (("CONFIG", "GET", "*"), ("GET", "other"), ("FLUSHALL",)):
            with pytest.raises(Exception, match="permission"):
                RedisStore(url).client.execute_command(*forbidden)


def test_each_file_is_in_a_how_to() -> None:
    page = (REPOSITORY / "docs" / "how-to" / "run-on-several-machines.md").read_text()
    assert set(re.findall(r"deploy/([\w.-]+)", page)) == {one.name for one in DEPLOY.iterdir()}
