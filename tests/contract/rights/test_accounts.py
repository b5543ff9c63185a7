"""`rights = "filesystem"`: of a root's files, each person sees those that the account of that name may read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import pytest

from dashboard.errors import SetupError
from dashboard.files.roots import OUTSIDE
from dashboard.people.file_rights import DESCRIPTOR
from dashboard.people.person import Person, Scope, Shared
from tests import files
from tests.accounts import give, helper, needs_root, open_folder
from tests.contract.rights.conftest import (
    CHUNKED,
    PEOPLE,
    SCOPES,
    TOKEN,
    VALUES,
    Guarded,
    pretend,
)
from tests.services import add_up
from tests.web import running

pytestmark = needs_root

SLICE = "/api/v1/slice"


@dataclass
class Kernel:
    """An application over `data`, and the process of its helper."""

    guarded: Guarded
    data: Path
    process: Any

    def slice(self, who: str, file: str, **more: str) -> Any:
        query = {"file": f"data/{file}", "dataset": "x", "selection": "3,:,:", **more}
        return self.guarded.ask(who, SLICE, query=query)

    def files(self, who: str) -> set[str]:
        found = self.guarded.ask(who, "/api/v1/files").get_json()["files"]
        return {entry["file"].removeprefix("data/") for entry in found}

    def forget(self) -> None:
        """As if a minute had passed."""
        accounts = self.guarded.app.services.file_rights
        assert accounts is not None
        accounts.forget()


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    with open_folder() as home, helper() as (control, process):
        data = home / "data"
        data.mkdir()
        for name, owner, mode in (
            ("ann.h5", "ann", 0o600),
            ("bob.h5", "bob", 0o600),
            ("free.h5", "bob", 0o644),
            ("closed/free.h5", "bob", 0o644),
            ("unlisted/free.h5", "bob", 0o644),
        ):
            (data / name).parent.mkdir(exist_ok=True)
            give(files.write(data / name, x=(VALUES, CHUNKED)), owner, mode)
        give(data / "closed", "bob", 0o700)
        give(data / "unlisted", "bob", 0o711)
        config = home / "lamella.toml"
        config.write_text(f"rights = 'filesystem'\n[roots.data]\npath = '{data}'")
        config.chmod(0o600)
        monkeypatch.setenv(DESCRIPTOR, str(control.fileno()))
        with running(tmp_path, token=TOKEN, config=config) as app:
            pretend(app.client.application)
            yield Kernel(Guarded(app), data, process)


def test_people_see_what_their_accounts_may_read(kernel: Kernel) -> None:
    every = {"ann.h5", "bob.h5", "free.h5", "closed/free.h5", "unlisted/free.h5"}
    assert kernel.files("ann") == {"ann.h5", "free.h5"}
    assert kernel.files("bob") == every - {"ann.h5"}
    assert kernel.files("root") == every
    for name in every:
        # A folder that cannot be listed, but passed: who knows the name may open it.
        open_to_ann = name in ("ann.h5", "free.h5", "unlisted/free.h5")
        assert kernel.slice("ann", name).status_code == (200 if open_to_ann else 404), name
        assert kernel.slice("bob", name).status_code == (200 if name != "ann.h5" else 404), name
        assert kernel.slice("root", name).status_code == 200


def test_hidden_is_as_absent(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernel.slice("bob", "bob.h5").status_code == 200

    def fail(*_: Any, **__: Any) -> Any:
        raise AssertionError("a hidden file was looked up")

    for name in ("fingerprint", "source"):
        monkeypatch.setattr(kernel.guarded.app.services.catalog, name, fail)
    for hidden, absent in (("bob.h5", "gone.h5"), ("closed/free.h5", "closed/gone.h5")):
        for more in ({}, {"selection": "nonsense"}, {"dataset": "\0"}):
            here, there = (kernel.slice("ann", name, **more) for name in (hidden, absent))
            assert here.status_code == there.status_code == 404
            assert here.get_data(as_text=True).replace(hidden, absent) == there.get_data(
                as_text=True
            )


def test_figures(kernel: Kernel) -> None:
    for who in ("ann", "bob"):
        assert kernel.slice(who, f"{who}.h5", viewer=f"tab-{who}").status_code == 200
    add_up(kernel.guarded.app.services)
    found = kernel.guarded.ask("ann", "/api/v1/stats", query={"by": "volume"}).get_json()["groups"]
    assert set(found) == {"data/ann.h5/x", "other"}
    cached = kernel.guarded.ask("bob", "/api/v1/contents").get_json()["contents"]
    assert {group["volume"] for group in cached} == {"data/bob.h5/x", "other"}


def test_a_right_that_is_taken_away_ends_within_a_minute(kernel: Kernel) -> None:
    assert kernel.slice("ann", "free.h5").status_code == 200
    (kernel.data / "free.h5").chmod(0o600)
    kernel.forget()
    # The frame is in the cache, and for bob it still is.
    assert kernel.slice("ann", "free.h5").status_code == 404
    assert "free.h5" not in kernel.files("ann")
    assert kernel.slice("bob", "free.h5").status_code == 200


def test_a_link_that_is_exchanged_after_the_answer_leads_nowhere(kernel: Kernel) -> None:
    link = kernel.data / "link.h5"
    link.symlink_to("ann.h5")
    assert kernel.slice("ann", "link.h5").status_code == 200
    link.unlink()
    link.symlink_to("bob.h5")
    assert kernel.slice("ann", "link.h5").status_code == 404
    kernel.forget()
    assert kernel.slice("ann", "link.h5").status_code == 404
    assert kernel.slice("root", "link.h5").status_code == 200


def test_a_file_that_is_replaced_is_seen_at_once(kernel: Kernel) -> None:
    assert kernel.slice("ann", "ann.h5").status_code == 200
    for mode, status in ((0o600, 200), (0o000, 404), (0o600, 200)):
        new = files.write(kernel.data / "new", x=(VALUES, CHUNKED))
        give(new, "ann", mode).replace(kernel.data / "ann.h5")
        assert kernel.slice("ann", "ann.h5").status_code == status
        if status == 404:
            kernel.forget()


def test_links_between_files_are_not_followed(kernel: Kernel) -> None:
    with h5py.File(kernel.data / "links.h5", "w") as file:
        file["to_bob"] = h5py.ExternalLink("bob.h5", "/x")
        layout = h5py.VirtualLayout(VALUES.shape, VALUES.dtype)
        layout[:] = h5py.VirtualSource("bob.h5", "x", VALUES.shape)
        file.create_virtual_dataset("virtual", layout)
        file["own"] = VALUES
        file["soft"] = h5py.SoftLink("/own")
    give(kernel.data / "links.h5", "ann", 0o600)
    for name in ("to_bob", "virtual"):
        refused = kernel.slice("ann", "links.h5", dataset=name)
        assert refused.status_code == 422
        assert OUTSIDE in refused.get_data(as_text=True)
    for name in ("own", "soft"):
        assert kernel.slice("ann", "links.h5", dataset=name).status_code == 200


def test_without_the_helper_nothing_is_open(kernel: Kernel) -> None:
    assert kernel.slice("ann", "ann.h5").status_code == 200
    assert "rights" not in kernel.guarded.ask("ann", "/readyz").get_json()["degraded"]
    kernel.process.kill()
    kernel.process.wait()
    kernel.forget()
    for path, query in (
        (SLICE, {"file": "data/ann.h5", "dataset": "x", "selection": "3,:,:"}),
        ("/api/v1/files", {}),
        ("/api/v1/datasets", {"file": "data/ann.h5"}),
    ):
        refused = kernel.guarded.ask("ann", path, query=query)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
    assert kernel.slice("root", "ann.h5").status_code == 200
    assert "rights" in kernel.guarded.ask(None, "/readyz").get_json()["degraded"]
    assert "It cannot be found out" in kernel.guarded.ask("ann", "/status").get_data(as_text=True)


def test_a_name_without_an_account_sees_nothing(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("daemon", "zoe"):
        monkeypatch.setitem(PEOPLE, name, Person(name, frozenset(), SCOPES))
        assert kernel.files(name) == set()
        assert kernel.slice(name, "free.h5").status_code == 404


def test_the_helper_is_needed(
    tmp_path: Path, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DESCRIPTOR)
    config = kernel.data.parent / "lamella.toml"
    with (
        pytest.raises(SetupError, match="needs a helper"),
        running(tmp_path / "other", token=TOKEN, config=config),
    ):
        pass


def test_a_guest_reads_what_the_account_of_the_person_reads(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file, status in (("ann.h5", 200), ("bob.h5", 404)):
        shared = Shared(f"data/{file}", PEOPLE["ann"])
        monkeypatch.setitem(
            PEOPLE, "guest", Person("share:1", scopes=frozenset({Scope.READ}), shared=shared)
        )
        assert kernel.slice("guest", file).status_code == status
        assert kernel.files("guest") == ({file} if status == 200 else set())
        assert kernel.slice("guest", "free.h5").status_code == 404
