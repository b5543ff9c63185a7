"""Scripts are compressed once; what changes is not kept."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import flask
import flask_compress
import pytest

from dashboard.web import weight

BODY = "let a = 1;\n" * 400


def site() -> tuple[flask.Flask, list[str]]:
    """A server with a script, an asset and figures, and the paths that it was asked for."""
    server = flask.Flask("weight", static_folder=None)
    weight.register(server)
    asked: list[str] = []

    @server.get("/<path:path>")
    def answer(path: str) -> flask.Response:
        asked.append(path)
        kind = "application/json" if path == "figures" else "text/javascript"
        return flask.Response(BODY + f"// {len(asked)}", content_type=kind)

    return server, asked


def unpacked(server: flask.Flask, path: str) -> str:
    with server.test_client().get(path, headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        return gzip.decompress(response.data).decode()


def test_a_script_is_compressed_once() -> None:
    server, asked = site()
    first = unpacked(server, "/_dash-component-suites/plotly.v1.min.js")
    assert unpacked(server, "/_dash-component-suites/plotly.v1.min.js") == first
    assert first.endswith("// 1")
    assert unpacked(server, "/_dash-component-suites/plotly.v2.min.js").endswith("// 3")
    assert len(asked) == 3


def test_what_changes_is_not_kept() -> None:
    server, _ = site()
    assert unpacked(server, "/figures").endswith("// 1")
    assert unpacked(server, "/figures").endswith("// 2")


def test_an_asset_is_compressed_once_for_each_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = flask.Flask("weight", static_folder=None)
    weight.register(server)
    asset = tmp_path / "ring.js"
    compressed: list[bytes] = []
    compress = flask_compress.flask_compress._compress_data

    def counted(app: flask.Flask, data: bytes, algorithm: str) -> bytes:
        compressed.append(data)
        return bytes(compress(app, data, algorithm))

    monkeypatch.setattr(flask_compress.flask_compress, "_compress_data", counted)

    @server.get("/assets/ring.js")
    def ring() -> flask.Response:
        return flask.send_file(asset)

    for text, changed in ((BODY, 1_000_000_000), (BODY + "// new", 1_000_000_001)):
        asset.write_text(text)
        os.utime(asset, (changed, changed))
        for _ in range(3):
            assert unpacked(server, "/assets/ring.js?m=1") == text
    assert compressed == [BODY.encode(), (BODY + "// new").encode()]
    client = server.test_client()
    headers = {"Accept-Encoding": "gzip"}
    with client.get("/assets/ring.js", headers=headers) as first:
        headers["If-None-Match"] = first.headers["ETag"]
    with client.get("/assets/ring.js", headers=headers) as again:
        assert again.status_code == 304
        assert again.data == b""


def test_only_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight, "MAX_KEPT_BYTES", 10)
    kept = weight.Kept()
    kept.set(f"gzip;{weight.SUITES}a", b"12345678")
    kept.set(f"gzip;{weight.SUITES}b", b"12345678")
    assert kept.get(f"gzip;{weight.SUITES}a") == b"12345678"
    assert kept.get(f"gzip;{weight.SUITES}b") is None


def test_an_asset_with_its_time_of_change_lasts() -> None:
    server, _ = site()
    client = server.test_client()
    assert "immutable" in client.get("/assets/ring.js?m=17").headers["Cache-Control"]
    assert "Cache-Control" not in client.get("/assets/ring.js").headers
