"""Bad input of every kind gets its status and one sentence, never a traceback or a path of the server."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import dash
import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests import files
from tests.examples import examples
from tests.web import HOST, App

CODES = {
    400: "bad_request",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "changed",
    413: "too_large",
    421: "wrong_host",
    422: "cannot_show",
    503: "busy",
}


def sentence(response: TestResponse, status: int, app: App) -> str:
    """The message of an error, which has to have the contract's form."""
    text = response.get_data(as_text=True)
    assert response.status_code == status, text
    assert response.content_type == "application/json"
    found = response.get_json()
    assert set(found) == {"error"}
    assert set(found["error"]) == {"code", "message"}
    assert found["error"]["code"] == CODES[status]
    message: str = found["error"]["message"]
    assert message
    assert message[0] == message[0].upper()
    assert message.endswith(".")
    assert "\n" not in message
    assert "Traceback" not in text
    for root in (*app.services.catalog.roots, app.services.settings.cache_dir):
        assert str(root) not in text
    assert response.headers["Cache-Control"] == "no-store"
    return message


@pytest.fixture(scope="module")
def broken(data: Path) -> Path:
    """A folder below `data` with files that cannot be shown for every reason there is."""
    folder = data / "broken"
    folder.mkdir(exist_ok=True)
    good = files.write(folder / "good.h5", x=(np.zeros((4, 6, 7), "u2"), {"chunks": (2, 3, 7)}))
    content = good.read_bytes()
    (folder / "truncated.h5").write_bytes(content[: len(content) // 2])
    (folder / "empty.h5").touch()
    (folder / "text.h5").write_text("no HDF5 at all")
    (folder / "old.nc").write_bytes(b"CDF\x01" + bytes(500))
    (folder / "noise.h5").write_bytes(content[:8] + os.urandom(4000))
    os.mkfifo(folder / "pipe.h5")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(folder / "socket.h5"))
    (folder / "out.h5").symlink_to("/etc/hostname")
    with h5py.File(folder / "links.h5", "w") as file:
        file["out"] = h5py.ExternalLink("/etc/hostname", "/x")
        file["gone"] = h5py.ExternalLink("gone.h5", "/x")
        file["nowhere"] = h5py.SoftLink("/nothing")
        file.create_group("group")
    files.declare(
        folder / "huge.h5",
        {
            "wide": ((10, 10**7, 10**7), "f8", (1, 1000, 1000)),
            "chunk": ((10, 10**5, 10**5), "u1", (1, 50_000, 50_000)),
            "beyond": ((2**40, 2**40, 2**40), "f8", (1, 2, 2)),
        },
    )
    return folder


GOOD = {"file": "data/volume.h5", "dataset": "volume", "selection": "7,:,:"}

SLICES: list[tuple[dict[str, Any], int, str]] = [
    # what is asked is malformed or out of range
    ({"file": None}, 400, "'file' is missing"),
    ({"file": ""}, 400, "'file' is missing"),
    ({"dataset": None}, 400, "'dataset' is missing"),
    ({"selection": None}, 400, "'selection' is missing"),
    ({"file": "\0"}, 400, "not the name of a file"),
    ({"file": "x" * 2000}, 400, "not the name of a file"),
    ({"dataset": "\0"}, 400, "not the name of a dataset"),
    ({"dataset": "x" * 3000}, 400, "not the name of a dataset"),
    ({"selection": "nonsense"}, 400, "1 entries"),
    ({"selection": "7,:"}, 400, "2 entries, but the dataset has 3"),
    ({"selection": "7,:,:,:"}, 400, "4 entries"),
    ({"selection": "24,:,:"}, 400, "out of range"),
    ({"selection": "7,0:41,:"}, 400, "out of range"),
    ({"selection": "7,7,7"}, 400, "exactly two slices, and this one has 0"),
    ({"selection": ":,:,:"}, 400, "exactly two slices, and this one has 3"),
    ({"selection": "7,5:5,:"}, 400, "empty"),
    ({"selection": "7,::0,:"}, 400, "step"),
    ({"selection": "7,::-1,:"}, 400, "step"),
    ({"selection": "7,...,:"}, 400, "no integer or slice"),
    ({"selection": "7,:,<img onerror=alert(1)>"}, 400, "no integer or slice"),
    ({"format": "jpeg"}, 400, "raw, u8, npy, png"),
    ({"norm": "gamma"}, 400, "linear, log, symlog, sqrt, asinh"),
    ({"pool": "median"}, 400, "nearest, mean, max"),
    ({"part": "arg"}, 400, "abs, real, imag, phase"),
    ({"window": "nan,1"}, 400, "finite"),
    ({"window": "0,inf"}, 400, "finite"),
    ({"window": "5,1"}, 400, "below"),
    ({"window": "1,1"}, 400, "below"),
    ({"window": "wide"}, 400, "LO,HI"),
    ({"window": "0,1", "norm": "log"}, 400, "above zero"),
    ({"window": "-1,1", "norm": "sqrt"}, 400, "from zero"),
    ({"viewer": "no spaces"}, 400, "viewer"),
    ({"viewer": ""}, 400, "viewer"),
    ({"ahead": "yes"}, 400, "0 or 1"),
    # what is not there
    ({"file": "data/missing.h5"}, 404, "There is no file"),
    ({"file": "data/broken"}, 404, "There is no file"),
    ({"file": "data/broken/pipe.h5"}, 404, "There is no file"),
    ({"file": "data/broken/socket.h5"}, 404, "There is no file"),
    ({"file": "data/broken/out.h5"}, 404, "There is no file"),
    ({"file": "data/../../etc/passwd"}, 404, "There is no file"),
    ({"file": "/etc/passwd"}, 404, "There is no file"),
    ({"file": "data/%2e%2e/volume.h5"}, 404, "There is no file"),
    ({"dataset": "gone"}, 404, "nothing at '/gone'"),
    ({"dataset": "group"}, 404, "group, not a dataset"),
    ({"dataset": "/"}, 404, "group, not a dataset"),
    ({"dataset": "volume/below"}, 404, "nothing"),
    # what is too large
    ({"file": "data/broken/huge.h5", "dataset": "wide"}, 413, "one answer at most"),
    ({"file": "data/broken/huge.h5", "dataset": "chunk"}, 413, "LAMELLA_MAX_CHUNK_BYTES"),
    ({"file": "data/broken/huge.h5", "dataset": "beyond"}, 413, "numbered"),
    # what cannot be shown
    ({"file": "data/broken/truncated.h5"}, 422, "truncated"),
    ({"file": "data/broken/empty.h5"}, 422, "not an HDF5 file"),
    ({"file": "data/broken/text.h5"}, 422, "not an HDF5 file"),
    ({"file": "data/broken/old.nc"}, 422, "not an HDF5 file"),
    ({"file": "data/broken/noise.h5"}, 422, "HDF5"),
    ({"file": "data/broken/links.h5", "dataset": "out"}, 422, "outside the data roots"),
    ({"file": "data/broken/links.h5", "dataset": "gone"}, 422, "'gone.h5', which is missing"),
    (
        {"file": "data/broken/links.h5", "dataset": "nowhere"},
        422,
        "'/nothing', which does not exist",
    ),
    *(
        ({"file": "data/unshowable.h5", "dataset": name}, 422, word)
        for name, word in files.UNSHOWABLE.items()
    ),
]


@pytest.mark.parametrize(("changes", "status", "words"), SLICES, ids=str)
def test_a_slice_that_cannot_be(
    app: App, broken: Path, changes: dict[str, Any], status: int, words: str
) -> None:
    asked = GOOD | {"viewer": "v"} | changes
    query = {key: value for key, value in asked.items() if value is not None}
    response = app.get("/api/v1/slice", **query)
    assert words in sentence(response, status, app)
    assert "total;dur=" in response.headers["Server-Timing"]


@pytest.mark.parametrize(
    ("path", "query", "status", "words"),
    [
        ("datasets", {}, 400, "'file' is missing"),
        ("datasets", {"file": "data/missing.h5"}, 404, "There is no file"),
        ("datasets", {"file": "data/broken/pipe.h5"}, 404, "There is no file"),
        ("datasets", {"file": "data/broken/text.h5"}, 422, "not an HDF5 file"),
        ("datasets", {"file": "data/broken/truncated.h5"}, 422, "truncated"),
        ("residency", GOOD, 400, "'axis' is missing"),
        ("residency", GOOD | {"axis": "1"}, 400, "that the selection fixes (0)"),
        ("residency", GOOD | {"axis": "x"}, 400, "that the selection fixes"),
        ("residency", GOOD | {"axis": "0", "selection": "99,:,:"}, 400, "out of range"),
        ("residency", GOOD | {"axis": "0", "dataset": "gone"}, 404, "nothing"),
        ("stats", {"window": "yesterday"}, 400, "number of seconds"),
        ("stats", {"window": "-1"}, 400, "number of seconds"),
        ("stats", {"window": "nan"}, 400, "number of seconds"),
    ],
    ids=str,
)
def test_other_questions_that_cannot_be(
    app: App, broken: Path, path: str, query: dict[str, str], status: int, words: str
) -> None:
    assert words in sentence(app.get(f"/api/v1/{path}", **query), status, app)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1", 404),
        ("GET", "/api/v2/slice", 404),
        ("POST", "/api/v1/slice", 405),
        ("DELETE", "/api/v1/files", 405),
        ("GET", "/api/v1/telemetry", 405),
        ("PUT", "/metrics", 405),
    ],
)
def test_what_is_no_route(app: App, method: str, path: str, status: int) -> None:
    sentence(app.client.open(path, method=method, base_url=HOST), status, app)


def test_a_directory_that_is_read_again_says_nothing_of_the_server(app: App, broken: Path) -> None:
    response = app.get("/api/v1/files")
    names = {entry["file"] for entry in response.get_json()["files"]}
    assert "data/broken/good.h5" in names
    assert not names & {f"data/broken/{n}.h5" for n in ("pipe", "socket", "out")}
    for root in app.services.catalog.roots:
        assert str(root) not in response.get_data(as_text=True)


def test_errors_are_not_counted(app: App, broken: Path) -> None:
    before = app.stats()["demand"]
    for changes, _, _ in SLICES[:3] + SLICES[-3:]:
        query = {key: value for key, value in (GOOD | changes).items() if value is not None}
        app.get("/api/v1/slice", **(query | {"viewer": "v"}))
    assert app.stats()["demand"] == before


WORDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "data/volume.h5",
            "data/below/storages.h5",
            "volume",
            "gzip",
            "/",
            "..",
            "7,:,:",
            ":,:",
            "0,0:1,0:1",
            "-1,::3,::3",
            "raw",
            "u8",
            "png",
            "slice",
            "0,1",
            "1e400,2",
            "log",
            "mean",
            "1",
            "<img onerror=alert(1)>",
            "\0",
            "%00",
            "é\u202e",
            "all",
            "9" * 60,
        ]
    ),
)
PARAMETERS = "file dataset selection format window norm pool part viewer ahead axis".split()
ROUTES = ["slice", "files", "datasets", "residency", "stats"]


@given(route=st.sampled_from(ROUTES), query=st.dictionaries(st.sampled_from(PARAMETERS), WORDS))
@settings(
    max_examples=examples(120),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_question_is_answered_or_refused(app: App, route: str, query: dict[str, str]) -> None:
    if route in ("slice", "residency"):
        query = GOOD | query
    response = app.get(f"/api/v1/{route}", **query)
    if response.status_code != 200:
        sentence(response, response.status_code, app)
        assert response.status_code in (400, 404, 413, 422)


@given(raw=st.binary(max_size=60), route=st.sampled_from(ROUTES))
@settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_query_string_is_answered_or_refused(app: App, raw: bytes, route: str) -> None:
    text = raw.decode("latin-1")
    response = app.client.get(f"/api/v1/{route}", query_string=text, base_url=HOST)
    if response.status_code != 200:
        sentence(response, response.status_code, app)


@given(body=st.one_of(st.binary(max_size=80), st.text(max_size=40).map(str.encode)))
@settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_report_is_taken_or_refused(app: App, body: bytes) -> None:
    response = app.client.post("/api/v1/telemetry", data=body, base_url=HOST)
    if response.status_code != 204:
        sentence(response, 400, app)


CALL = "/_dash-update-component"
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@given(
    body=st.one_of(VALUES, st.dictionaries(st.sampled_from(["output", "inputs", "state"]), VALUES))
)
@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_what_is_no_call_of_the_page_is_refused(app: App, body: Any) -> None:
    response = app.client.post(CALL, json=body, base_url=HOST)
    assert "Unknown or malformed callback request" in sentence(response, 400, app)


@given(data=st.data())
@settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_page_s_calls_stand_any_value(app: App, data: st.DataObject) -> None:
    calls = [
        entry
        for entry in app.client.get("/_dash-dependencies", base_url=HOST).get_json()
        if not entry.get("clientside_function")
    ]
    entry = data.draw(st.sampled_from(calls))
    names = entry["output"].strip(".").split("...")
    outputs = [dict(zip(("id", "property"), n.rsplit(".", 1), strict=True)) for n in names]
    body = {
        "output": entry["output"],
        "outputs": outputs if entry["output"].startswith("..") else outputs[0],
        "inputs": [one | {"value": data.draw(VALUES)} for one in entry["inputs"]],
        "state": [one | {"value": data.draw(VALUES)} for one in entry["state"]],
        "changedPropIds": ["{id}.{property}".format(**one) for one in entry["inputs"]],
    }
    response = app.client.post(CALL, json=body, base_url=HOST)
    assert response.status_code in (200, 204), response.get_data(as_text=True)
    assert str(app.services.catalog.roots[0]) not in response.get_data(as_text=True)


@pytest.mark.parametrize("page", ["/", "/monitor"])
def test_a_page_whose_files_are_gone_says_so(
    app: App, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory", "/opt/lamella/assets/a.css")

    monkeypatch.setattr(dash.resources.Css, "get_all_css", gone)
    response = app.client.get(page, base_url=HOST)
    assert "restarted" in sentence(response, 503, app)
    assert "/opt" not in response.get_data(as_text=True)
