"""A child may read the data roots and the interpreter's libraries, and nothing else."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from dashboard import errors
from dashboard.hdf5 import pool as module
from dashboard.hdf5.pool import Hdf5WorkerPool
from dashboard.hdf5.worker import confine
from tests import files
from tests.parts import Parts, make_children
from tests.unit.hdf5.stand_ins import preceded

ROOT = str(Path(module.__file__).resolve().parents[2])

# What a container does that forbids Landlock's system calls.
FORBID = f"confine.deny_calls((444, 445, 446), {errno.ENOSYS})"


def has_landlock() -> bool:
    """Whether this kernel confines a child."""
    program = "from dashboard.hdf5.worker import confine; print(confine.confine([]))"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return found.stdout == "True\n"


LANDLOCK = has_landlock()
landlock = pytest.mark.skipif(not LANDLOCK, reason="this kernel has no Landlock")

# Attempts, each of which must fail once confined; the numbers of the errors are printed.
ATTEMPTS = """
import os, socket, sys
from pathlib import Path
from dashboard.hdf5.worker import confine
inside, outside, other = sys.argv[1:]
{before}
print(confine.confine([Path(inside).parent]))
held = os.open(inside, os.O_RDONLY)

def attempt(act):
    try:
        act()
        return 0
    except OSError as error:
        return error.errno

print(
    attempt(lambda: open(inside).read()),
    attempt(lambda: os.listdir(os.path.dirname(inside))),
    attempt(lambda: open(outside).read()),
    attempt(lambda: open(f"/proc/self/fd/{{held}}").read()),
    attempt(lambda: open(inside, "a")),
    attempt(lambda: os.unlink(inside)),
    attempt(lambda: os.mkdir(inside + "d")),
    attempt(lambda: os.listdir(os.path.dirname(outside))),
    attempt(lambda: open(f"/proc/{{other}}/environ").read()),
)
print(
    attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
    attempt(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
    attempt(lambda: socket.socket(socket.AF_UNIX)),
    attempt(lambda: os.execv("/bin/sh", ["sh"])),
)
print(Path("/proc/self/status").read_text().partition("NoNewPrivs:")[2].split()[0])
"""


def attempts(tmp_path: Path, before: str = "") -> list[str]:
    for folder in ("inside", "outside"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text(folder)
    command = [sys.executable, "-c", ATTEMPTS.format(before=before)]
    paths = [str(tmp_path / "inside" / "a"), str(tmp_path / "outside" / "a")]
    found = subprocess.run(
        [*command, *paths, str(os.getpid())], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return found.stdout.splitlines()


@landlock
def test_only_the_roots_can_be_read_and_nothing_written(tmp_path: Path) -> None:
    confined, reached, others, privileges = attempts(tmp_path)
    assert confined == "True"
    assert reached == "0 0 13 0 13 13 13 13 13"
    assert others == "13 13 13 13"
    assert privileges == "1"


def test_sockets_and_programs_are_denied_without_landlock_as_well(tmp_path: Path) -> None:
    confined, reached, others, privileges = attempts(tmp_path, FORBID)
    assert confined == "False"
    assert reached.startswith("0 0 0 0")
    assert others == "13 13 13 13"
    assert privileges == "1"


def test_the_interpreter_and_its_packages_are_among_what_is_read() -> None:
    allowed = confine.libraries()
    for path in (np.__file__, h5py.__file__, os.__file__, "/proc/self/statm"):
        assert any(Path(os.path.abspath(path)).is_relative_to(place) for place in allowed), path
    assert Path("/") not in allowed


def write(folder: Path) -> None:
    """A file whose values lie in itself, in another one (virtual, external, linked)."""
    values = np.arange(12, dtype="i4").reshape(3, 4)
    files.write(folder / "source.h5", x=values)
    values.tofile(folder / "raw.bin")
    with h5py.File(folder / "a.h5", "w") as file:
        file["own"] = values
        file["linked"] = h5py.ExternalLink("source.h5", "/x")
        for name, source in (("virtual", "source.h5"), ("itself", ".")):
            layout = h5py.VirtualLayout((3, 4), "i4")
            layout[...] = h5py.VirtualSource(source, "x" if source != "." else "own", (3, 4))
            file.create_virtual_dataset(name, layout)
        file.create_dataset("external", (3, 4), "i4", external=[("raw.bin", 0, 48)])


@pytest.fixture
def unconfined(pool: Hdf5WorkerPool) -> Hdf5WorkerPool:
    """A child that cannot be confined: Landlock's system calls are forbidden to it."""
    preceded(pool, FORBID)
    return pool


@landlock
@pytest.mark.parametrize("name", ["own", "linked", "virtual", "itself", "external"])
def test_files_below_the_roots_are_read(here: Parts, data: Path, name: str) -> None:
    write(data)
    frame = here.frame("data/a.h5", name, ":,:")
    assert np.frombuffer(frame.frame.body, "<i4").tolist() == list(range(12))


@pytest.mark.parametrize("name", ["own", "linked", "itself"])
def test_what_the_library_opens_by_no_name_is_read_without_landlock(
    here: Parts, data: Path, unconfined: Hdf5WorkerPool, name: str
) -> None:
    write(data)
    here.library.hdf5 = unconfined
    frame = here.frame("data/a.h5", name, ":,:")
    assert np.frombuffer(frame.frame.body, "<i4").tolist() == list(range(12))


@pytest.mark.parametrize("name", ["virtual", "external"])
def test_sources_in_other_files_are_refused_without_landlock(
    here: Parts, data: Path, unconfined: Hdf5WorkerPool, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(data)
    here.library.hdf5 = unconfined
    for _ in range(2):
        with pytest.raises(errors.CannotShow, match=r"only where the kernel has Landlock"):
            here.library.volume("data/a.h5", name)
    warnings = [r for r in caplog.records if "Landlock is unavailable" in r.getMessage()]
    assert len(warnings) == 1


@landlock
@pytest.mark.parametrize("name", ["virtual", "external"])
def test_what_was_described_with_landlock_is_not_read_without_it(
    here: Parts, data: Path, unconfined: Hdf5WorkerPool, name: str
) -> None:
    write(data)
    volume = here.library.volume("data/a.h5", name)
    here.library.hdf5 = unconfined
    with pytest.raises(errors.CannotShow, match="Landlock"):
        here.frame("data/a.h5", name, ":,:")
    assert volume.dependencies


@landlock
def test_a_root_that_was_made_anew_is_read_by_another_child(
    here: Parts, data: Path, tmp_path: Path
) -> None:
    write(data)
    pool = make_children([data], tmp_path / "empty")
    here.library.hdf5 = pool
    assert len(here.library.datasets("data/a.h5")) == 5
    data.rename(tmp_path / "old")
    data.mkdir()
    files.write(data / "a.h5", x=np.zeros((2, 3)))
    assert [d["dataset"] for d in here.library.datasets("data/a.h5")] == ["/x"]
    pool.close()
