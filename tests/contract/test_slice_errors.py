"""`GET /api/v1/slice` of what is malformed, missing, or cannot be shown."""

from __future__ import annotations

import pytest

from tests import files
from tests.contract.test_slice import FILE
from tests.web import App, assert_error

BAD_SELECTIONS = [
    "24,:,:",
    "-25,:,:",
    "0,:",
    "0,:,:,:",
    ":,:,:",
    "0,0,:",
    "0,0,0",
    "0,...",
    "...",
    "0,::0,:",
    "0,::-1,:",
    "0,5:5,:",
    "0,9:3,:",
    "0,:41,:",
    "0,-41:,:",
    "0,:,:51",
    "x,:,:",
    "0,a:b,:",
    "0, ,:",
    "",
    "0,:,:,",
    "1.5,:,:",
    "0,:::,:",
    "0,1_0:,:",
    "٣,:,:",
    "0,:,:" + "0" * 500,
    "0,%00,:",
    "99999999999999999999,:,:",
]


@pytest.mark.parametrize("text", BAD_SELECTIONS)
def test_a_bad_selection_is_a_400(app: App, text: str) -> None:
    assert_error(app.slice(FILE, "volume", text), 400)


@pytest.mark.parametrize(
    "query",
    [
        {"window": "5,2"},
        {"window": "nan,2"},
        {"window": "1,inf"},
        {"window": "1"},
        {"window": "1,2,3"},
        {"window": "low,high"},
        {"window": "3,3"},
        {"window": "0,5", "norm": "log"},
        {"window": "-1,5", "norm": "sqrt"},
        {"norm": "cube"},
        {"format": "tiff"},
        {"pool": "median"},
        {"part": "half"},
        {"viewer": "<img>"},
        {"viewer": "x" * 65},
        {"viewer": ""},
        {"ahead": "yes"},
    ],
)
def test_a_bad_parameter_is_a_400(app: App, query: dict[str, str]) -> None:
    assert_error(app.slice(FILE, "volume", "0,:,:", format=query.pop("format", "u8"), **query), 400)


@pytest.mark.parametrize("name", ["file", "dataset", "selection"])
def test_a_missing_parameter_is_a_400(app: App, name: str) -> None:
    query = {"file": FILE, "dataset": "volume", "selection": "0,:,:"}
    del query[name]
    assert_error(app.get("/api/v1/slice", **query), 400)


@pytest.mark.parametrize(("name", "word"), files.UNSHOWABLE.items())
def test_what_cannot_be_shown_is_a_422_with_the_reason(app: App, name: str, word: str) -> None:
    message = assert_error(app.slice("data/unshowable.h5", name, "0,:,:"), 422)
    assert word in message


def test_a_missing_filter_says_what_to_do(app: App) -> None:
    message = assert_error(app.slice("data/unshowable.h5", "filter-missing", ":,:"), 422)
    assert "32099" in message
    assert "hdf5plugin" in message


@pytest.mark.parametrize(
    ("file", "dataset"),
    [("data/none.h5", "x"), ("none", "x"), (FILE, "none"), (FILE, "volume/below"), ("data", "x")],
)
def test_what_is_not_there_is_a_404(app: App, file: str, dataset: str) -> None:
    assert_error(app.slice(file, dataset, "0,:,:"), 404)


def test_a_group_is_no_dataset(app: App) -> None:
    assert_error(app.slice(FILE, "group", "0,:,:"), 404)


@pytest.mark.parametrize(
    "file",
    ["data/../volume.h5", "/etc/passwd", "data//etc/passwd", "data/%2e%2e/x", ".."],
)
def test_nothing_outside_is_reached(app: App, file: str) -> None:
    # The same answer as for a file that is nowhere: it does not reveal whether one exists.
    assert assert_error(app.slice("data/none.h5", "x", "0,:,:"), 404) == (
        "There is no file 'data/none.h5'."
    )
    assert assert_error(app.slice(file, "x", "0,:,:"), 404) == f"There is no file {file!r}."


def test_a_name_too_long_for_a_file_is_refused(app: App) -> None:
    message = assert_error(app.slice("a" * 2000, "x", "0,:,:"), 400)
    assert message == "That is not the name of a file."


def test_markup_in_names_is_inert(app: App) -> None:
    response = app.slice("<img onerror=alert(1)>", "x", "0,:,:")
    assert response.status_code == 404
    assert response.content_type == "application/json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
