"""An application with two roots that different people see, one that all see, and people admitted by a header."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import flask
import h5py
import numpy as np
import pytest
from werkzeug.test import TestResponse

from dashboard.people.person import Person, Scope
from dashboard.web import person
from tests import files
from tests.web import HOST, App, running

TOKEN: Final = "correct-horse-battery-staple"
SCOPES: Final = frozenset(Scope) - {Scope.ADMIN}
PEOPLE: Final = {
    "ann": Person("ann", frozenset({"garnet"}), SCOPES),
    "bob": Person("bob", frozenset({"cobalt"}), SCOPES),
    "root": Person("root", frozenset(), frozenset(Scope)),
}
VALUES: Final = np.random.default_rng(3).integers(0, 4000, (24, 40, 50)).astype("u2")
CHUNKED: Final = {"chunks": (8, 16, 16), "compression": "gzip"}


@dataclass
class Guarded:
    """An application, and requests to it by name of a person; None for somebody who is not signed in."""

    app: App

    def ask(
        self,
        who: str | None,
        path: str,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> TestResponse:
        """The response to a person; `query` has the parameters."""
        signed = {} if who is None else {"Authorization": f"Bearer {TOKEN}", "X-Person": who}
        client = self.app.client.application.test_client(use_cookies=False)
        more["query_string"] = more.pop("query", None)
        response = client.open(
            path, method=method, headers={**signed, **(headers or {})}, base_url=HOST, **more
        )
        response.get_data()
        response.close()
        return response


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `garnet`, `cobalt` and `common`, each with a volume; those of `garnet` link to the others."""
    home = tmp_path_factory.mktemp("rights")
    for name in ("garnet", "cobalt", "common"):
        (home / name).mkdir()
        path = files.write(home / name / "volume.h5", **{f"{name}_values": (VALUES, CHUNKED)})
        with h5py.File(path, "a") as file:
            file[f"{name}_values"].attrs["note"] = f"of {name}"
    (home / "garnet" / "link.h5").symlink_to(home / "cobalt" / "volume.h5")
    (home / "garnet" / "fine.h5").symlink_to(home / "common" / "volume.h5")
    with h5py.File(home / "garnet" / "links.h5", "w") as file:
        for name in ("cobalt", "common"):
            there = str(home / name / "volume.h5")
            file[f"to_{name}"] = h5py.ExternalLink(there, f"/{name}_values")
            layout = h5py.VirtualLayout(VALUES.shape, VALUES.dtype)
            layout[:] = h5py.VirtualSource(there, f"{name}_values", VALUES.shape)
            file.create_virtual_dataset(f"virtual_{name}", layout)
            raw = home / name / "raw.bin"
            raw.write_bytes(VALUES.tobytes())
            file.create_dataset(
                f"external_{name}",
                VALUES.shape,
                VALUES.dtype,
                external=[(str(raw), 0, VALUES.nbytes)],
            )
    return home


@pytest.fixture(scope="module")
def guarded(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """The application; `ann` sees garnet and common, `bob` sees cobalt and common, `root` is an admin."""
    with serving(folders, tmp_path_factory.mktemp("home")) as made:
        yield made


@contextmanager
def serving(folders: Path, home: Path) -> Iterator[Guarded]:
    """The same, over folders of a test's own."""
    roots = (
        f"garnet={folders}/garnet:garnet",
        f"cobalt={folders}/cobalt:cobalt",
        f"common={folders}/common",
    )
    with running(home, token=TOKEN, roots=roots) as app:
        pretend(app.client.application)
        yield Guarded(app)


def pretend(server: flask.Flask) -> None:
    """Let the header `X-Person` say who somebody with the token is."""

    def admit() -> None:
        name = flask.request.headers.get("X-Person")
        if name is not None and person.current().may(Scope.ADMIN):
            person.admit(PEOPLE[name])

    server.before_request_funcs.setdefault(None, []).append(admit)
