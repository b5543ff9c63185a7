"""Paths are resolved from the roots' descriptors, and no exchange of directories leads out of them."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial as bind
from pathlib import Path

import pytest

from dashboard import errors
from dashboard.addressing.addresses import Fingerprint
from dashboard.files.catalog import Catalog, parse_roots
from dashboard.files.roots import UNREACHABLE_ERRNOS, Roots, out_of_reach
from tests.files import open_below


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file two folders below, and another file outside that has the same name."""
    for name, text in (("root/a/b", b"inside"), ("outside/b", b"outside, and longer")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x.h5").write_bytes(text)
    (tmp_path / "root" / "y.h5").write_bytes(b"y")
    return tmp_path / "root"


@contextmanager
def descriptors_stay(root: Path) -> Iterator[None]:
    """Nothing beside or below the root is left open; threads of earlier tests may open files elsewhere."""
    before = len(open_below(root.parent))
    yield
    assert len(open_below(root.parent)) <= before


def number_of(act: Callable[[], object]) -> int | None:
    """The number of the `OSError` that is raised, None without one."""
    try:
        act()
    except OSError as error:
        return error.errno
    return None


def contents(roots: Roots, path: Path) -> bytes:
    with roots.open(path) as source:
        assert source.fingerprint == Fingerprint.of(path.stat())
        assert os.readlink(f"/proc/self/fd/{source.folder}") == str(path.parent)
        return os.pread(source.fd, 100, 0)


def test_files_below_a_root_are_opened(root: Path) -> None:
    roots = Roots([root])
    with descriptors_stay(root):
        assert contents(roots, root / "a" / "b" / "x.h5") == b"inside"
        assert contents(roots, root / "y.h5") == b"y"
        assert roots.stat(root / "y.h5") == (root / "y.h5").stat()
        assert roots.stat(root).st_ino == root.stat().st_ino


def test_a_root_that_is_a_file_gives_that_file_alone(root: Path) -> None:
    roots = Roots([root / "y.h5"])
    with descriptors_stay(root):
        assert contents(roots, root / "y.h5") == b"y"
        for other in (root, root / "a", root / "y.h5" / "z", root / "y.h5x"):
            assert number_of(bind(roots.stat, other)) == errno.ENOENT


@pytest.mark.parametrize(
    "replace",
    [
        lambda root: (root / "a").rename(root / "old"),
        lambda root: (root / "a" / "b").rename(root / "old"),
        lambda root: (root / "a" / "b" / "x.h5").rename(root / "old"),
    ],
    ids=["folder", "folder below", "file"],
)
def test_no_link_is_followed_wherever_it_is(root: Path, replace: Callable[[Path], None]) -> None:
    replace(root)
    outside = root.parent / "outside"
    for place, target in (
        (root / "a", outside),
        (root / "a" / "b", outside / "b"),
        (root / "a" / "b" / "x.h5", outside / "b" / "x.h5"),
    ):
        if not place.exists():
            place.symlink_to(target)
            break
    assert (root / "a" / "b" / "x.h5").read_bytes() == b"outside, and longer"
    roots = Roots([root])
    with descriptors_stay(root):
        for act in (roots.open, roots.stat):
            assert number_of(bind(act, root / "a" / "b" / "x.h5")) in (errno.ELOOP, errno.ENOTDIR)


def test_what_is_outside_is_not_there(root: Path) -> None:
    roots = Roots([root])
    for path in (root.parent / "outside" / "b" / "x.h5", root.parent, Path("/"), Path(f"{root}x")):
        with pytest.raises(FileNotFoundError):
            roots.stat(path)
        assert not roots.contains(path)


def test_pipes_and_folders_are_not_opened(root: Path) -> None:
    os.mkfifo(root / "pipe")
    roots = Roots([root])
    with descriptors_stay(root):
        for path in (root / "pipe", root / "a", root):
            assert number_of(bind(roots.open, path)) == errno.ENXIO


def test_the_file_system_may_be_a_root() -> None:
    roots = Roots([Path("/")])
    assert roots.contains(Path("/etc/hostname"))
    assert roots.stat(Path("/dev/null")) is not None
    assert roots.stat(Path("/")).st_ino == os.stat("/").st_ino


def test_a_root_that_was_made_anew_is_opened_again(root: Path) -> None:
    roots = Roots([root])
    before = roots.identity()
    with descriptors_stay(root):
        root.rename(root.parent / "old")
        with pytest.raises(FileNotFoundError):
            roots.stat(root / "y.h5")
        root.mkdir()
        (root / "y.h5").write_bytes(b"new")
        assert contents(roots, root / "y.h5") == b"new"
    assert roots.identity() != before


def test_a_link_in_place_of_a_root_is_not_followed(root: Path) -> None:
    roots = Roots([root])
    root.rename(root.parent / "old")
    (root.parent / "outside" / "y.h5").write_bytes(b"secret")
    root.symlink_to(root.parent / "outside")
    for act in (roots.open, roots.stat):
        with pytest.raises(NotADirectoryError):
            act(root / "y.h5")


def test_a_root_that_comes_later_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    folder.mkdir()
    roots = Roots([folder])
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        roots.stat(folder / "a.h5")
    folder.mkdir()
    (folder / "a.h5").write_bytes(b"a")
    assert contents(roots, folder / "a.h5") == b"a"


def test_hard_links_are_files_of_the_root(root: Path) -> None:
    os.link(root.parent / "outside" / "b" / "x.h5", root / "hard.h5")
    assert contents(Roots([root]), root / "hard.h5") == b"outside, and longer"


def test_a_name_with_links_is_resolved_again_when_folders_are_exchanged(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between resolving and walking, what was resolved becomes a link out of the root."""
    (root / "link").symlink_to("a/b")
    catalog = Catalog({"r": root})
    resolve, resolved = Path.resolve, []

    def racing(path: Path, strict: bool = False) -> Path:
        found = resolve(path, strict=strict)
        if not path.is_relative_to(root):
            return found  # Of a thread that another test left.
        resolved.append(found)
        if len(resolved) == 1:
            (root / "a").rename(root / "c")
            (root / "a").symlink_to(root.parent / "outside")
            (root / "link").unlink()
            (root / "link").symlink_to("c/b")
        return found

    monkeypatch.setattr(Path, "resolve", racing)
    with catalog.source("r/link/x.h5") as source:
        assert os.pread(source.fd, 100, 0) == b"inside"
    assert resolved == [root / "a" / "b" / "x.h5", root / "c" / "b" / "x.h5"]


def test_a_name_is_resolved_three_times_at_most(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "link").symlink_to("a/b")
    catalog = Catalog({"r": root})
    resolve, count = Path.resolve, []

    def racing(path: Path, strict: bool = False) -> Path:
        found = resolve(path, strict=strict)
        count.append(found)
        (root / "a").rename(root / "c")
        (root / "a").symlink_to(root.parent / "outside")

        def back() -> None:
            (root / "a").unlink()
            (root / "c").rename(root / "a")

        undo.append(back)
        return found

    undo: list[Callable[[], None]] = []
    stat = catalog.beneath.stat

    def after(path: Path) -> os.stat_result:
        try:
            return stat(path)
        finally:
            while undo:
                undo.pop()()

    monkeypatch.setattr(Path, "resolve", racing)
    monkeypatch.setattr(catalog.beneath, "stat", after)
    with pytest.raises(errors.NotFound):
        catalog.fingerprint("r/link/x.h5")
    assert len(count) == 3


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE])
def test_what_the_machine_lacks_is_no_missing_file(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    catalog = Catalog(parse_roots([str(root)]))

    def fail(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number), "/secret/path")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        for ask in (
            lambda: catalog.source("root/y.h5"),
            lambda: catalog.fingerprint("root/a/b/x.h5"),
            catalog.listed,
            lambda: catalog.linked(root / "y.h5"),
            lambda: catalog.holds([(root / "a" / "b" / "x.h5", Fingerprint(0, 0, 0, 0))]),
        ):
            with pytest.raises(errors.Busy, match="try again") as caught:
                ask()
            assert "/secret" not in caught.value.message
    assert len(catalog.listed()[0]) == 2
    catalog.source("root/y.h5").close()


def test_only_what_says_nothing_of_the_file_is_out_of_reach() -> None:
    assert not any(out_of_reach(OSError(n, "")) for n in (errno.ENOENT, errno.ELOOP, errno.EACCES))
    assert all(out_of_reach(OSError(n, "")) for n in UNREACHABLE_ERRNOS)


def test_threads_share_the_descriptors_while_a_root_is_replaced(root: Path) -> None:
    roots = Roots([root])
    wrong: list[object] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            try:
                with roots.open(root / "y.h5") as source:
                    if (found := os.pread(source.fd, 100, 0)) != b"y":
                        wrong.append(found)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                    wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    with descriptors_stay(root):
        for thread in threads:
            thread.start()
        for number in range(200):
            made = root.parent / f"new{number}"
            made.mkdir()
            (made / "y.h5").write_bytes(b"y")
            root.rename(root.parent / f"old{number}")
            made.rename(root)
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_links_may_lead_to_some_roots_only(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    for folder in (one, two, three):
        folder.mkdir()
    every = Roots([one, two, three])
    assert every.linked_from(one / "x.h5") is every
    assert every.reaches == [every]
    roots = Roots([one, two, three], {one: [one, three], two: [two, three], three: [three]})
    assert roots.linked_from(one / "x.h5").paths == (one, three)
    assert roots.linked_from(one / "below" / "x.h5") is roots.linked_from(one / "y.h5")
    assert roots.linked_from(three / "x.h5").paths == (three,)
    assert roots.linked_from(tmp_path / "x.h5") is roots
    assert len(roots.reaches) == 3
    same = Roots([one, two, three], {one: [one, two], two: [one, two]})
    assert [reach.paths for reach in same.reaches] == [(one, two), (one, two, three)]
    assert Roots([]).reaches
