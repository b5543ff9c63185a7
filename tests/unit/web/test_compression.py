"""Scripts are compressed once; responses that change are not cached."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import dash
import flask
import pytest

from dashboard.web import compression

BODY = "let a = 1;\n" * 400


def site() -> tuple[flask.Flask, list[str]]:
    """A server with a script, an asset and figures, and the paths that it was asked for."""
    server = flask.Flask("weight", static_folder=None)
    compression.register(server)
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
    assert unpacked(server, "/_dash-component-suites/other.v1.min.js").endswith("// 3")
    assert len(asked) == 3


def test_scripts_of_the_page_lose_their_comments(tmp_path: Path) -> None:
    server = flask.Flask("weight", static_folder=None)
    compression.register(server)
    source = (
        "/** What it is. */\nconst text = `// kept\n  as it is`;\n// Why.\n"
        + "export { text };\n" * 100
    )

    @server.get("/assets/<path:name>")
    def asset(name: str) -> flask.Response:
        (tmp_path / name).write_text(source)
        return flask.send_file(tmp_path / name)

    sent = unpacked(server, "/assets/one.mjs")
    assert sent == "const text=`// kept\n  as it is`;" + "export{text};" * 100
    with server.test_client().get("/assets/one.mjs") as response:
        assert response.get_data(as_text=True) == sent
        assert response.content_length == len(sent.encode())
    assert unpacked(server, "/assets/one.svg") == source


def test_what_changes_is_not_kept() -> None:
    server, _ = site()
    assert unpacked(server, "/figures").endswith("// 1")
    assert unpacked(server, "/figures").endswith("// 2")


class Recorded(compression.CompressedAssetCache):
    """A cache that lists the bodies that were compressed."""

    def __init__(self) -> None:
        super().__init__()
        self.compressed: list[str] = []

    def set(self, key: str, body: bytes) -> None:
        # A body out of this cache comes back as well.
        if self.get(key) is not body:
            self.compressed.append(gzip.decompress(body).decode())
        super().set(key, body)


def test_an_asset_is_compressed_once_for_each_state(tmp_path: Path) -> None:
    server = flask.Flask("weight", static_folder=None)
    cache = Recorded()
    compression.register(server, cache)
    asset = tmp_path / "ring.js"

    @server.get("/assets/ring.js")
    def ring() -> flask.Response:
        return flask.send_file(asset)

    states = [("let a=1;" * 400 + new, 1_000_000_000 + len(new)) for new in ("", "let b;")]
    for text, changed in states:
        asset.write_text(text)
        os.utime(asset, (changed, changed))
        for _ in range(3):
            assert unpacked(server, "/assets/ring.js?m=1") == text
    assert cache.compressed == [text for text, _ in states]
    client = server.test_client()
    headers = {"Accept-Encoding": "gzip"}
    with client.get("/assets/ring.js", headers=headers) as first:
        headers["If-None-Match"] = first.headers["ETag"]
    with client.get("/assets/ring.js", headers=headers) as again:
        assert again.status_code == 304
        assert again.data == b""


def test_only_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MAX_CACHED_BYTES", 10)
    kept = compression.CompressedAssetCache()
    kept.set(f"gzip;{compression.SUITES}a", b"12345678")
    kept.set(f"gzip;{compression.SUITES}b", b"12345678")
    assert kept.get(f"gzip;{compression.SUITES}a") == b"12345678"
    assert kept.get(f"gzip;{compression.SUITES}b") is None


def cache_control(server: flask.Flask, path: str, **headers: str) -> str | None:
    with server.test_client().get(path, headers=headers) as response:
        return response.headers.get("Cache-Control")


def test_only_an_asset_with_its_own_time_of_change_lasts(tmp_path: Path) -> None:
    server = flask.Flask("weight", static_folder=None)
    compression.register(server)
    (tmp_path / "ring.js").write_text(BODY)
    changed = os.stat(tmp_path / "ring.js").st_mtime

    @server.get("/assets/<path:filename>")
    def asset(filename: str) -> flask.Response:
        return flask.send_from_directory(tmp_path, filename)

    lasting = f"/assets/ring.js?m={changed}"
    assert "immutable" in str(cache_control(server, lasting))
    with server.test_client().get(lasting) as first:
        etag = first.headers["ETag"]
    assert "immutable" in str(cache_control(server, lasting, **{"If-None-Match": etag}))
    for other in ("", "?m=", "?m=1", f"?m={changed + 1}", "?m=%00", "?x=1"):
        assert cache_control(server, f"/assets/ring.js{other}") == "no-cache"
    assert cache_control(server, lasting, Range="bytes=0-3") == "no-cache"
    assert cache_control(server, f"/assets/gone.js?m={changed}") is None


def test_only_a_script_with_its_own_fingerprint_lasts() -> None:
    server = flask.Flask("weight", static_folder=None)
    compression.register(server)
    app = dash.Dash("weight", server=server, serve_locally=True)
    app.layout = dash.html.Div(dash.dcc.Graph())
    client = server.test_client()
    with client.get("/") as page:
        found = re.findall(r'/_dash-component-suites/[^"]+\.js', page.text)
    assert len(found) > 4
    for address in found:
        assert "immutable" in str(cache_control(server, address)), address
        wrong = re.sub(r"\.v[\w-]+m[0-9]+\.", ".v0m1.", address)
        assert wrong != address
        assert cache_control(server, wrong) == "no-cache"
    # What scripts load later is named by the time at which it was built.
    version = dash.__version__.replace(".", "_")
    later = "/_dash-component-suites/dash/dcc/async-graph.{}m1784647828.js"
    assert "immutable" in str(cache_control(server, later.format(f"v{version}")))
    assert cache_control(server, later.format("v1_0_0")) == "no-cache"


def test_a_script_under_other_fingerprints_is_kept_once() -> None:
    server, _ = site()
    first = unpacked(server, "/_dash-component-suites/plotly/plotly.v1m1.min.js")
    assert unpacked(server, "/_dash-component-suites/plotly/plotly.v2m3.min.js") == first
