"""The layers: imports run downwards only, and libhdf5 and Dash are used in their packages alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dashboard

ROOT = Path(dashboard.__file__).parent

# From the lowest up. Packages on one floor do not import each other.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset(
        {
            "__init__",
            "errors",
            "assets_path",
            "log_limit",
            "log_format",
            "rate_limit",
            "once",
            "processors",
            "time_slice",
            "weak_secrets",
        }
    ),
    frozenset({"sign_in_settings", "cluster_settings", "variables", "blocking", "disconnects"}),
    frozenset({"addressing", "settings", "bulkhead"}),
    frozenset({"meter"}),
    frozenset({"storage", "http", "codecs", "samples", "meaning"}),
    frozenset({"telemetry", "files", "people", "cluster"}),
    frozenset({"hdf5"}),
    frozenset({"catalog"}),
    frozenset({"decoding"}),
    frozenset({"bricks"}),
    frozenset({"frames", "prefetch"}),
    frozenset({"analysis", "export"}),
    frozenset({"jobs"}),
    frozenset({"runtime"}),
    frozenset({"web", "app"}),
    # Clients of the finished product.
    frozenset({"benchmarking", "client", "notebook"}),
    frozenset({"cli", "wsgi", "__main__"}),
)
# The app is made of the composition root and the web room.
NEIGHBOURS = {("app", "web"), ("wsgi", "cli"), ("__main__", "cli")}

WEB_LIBRARIES = {"dash", "dash_mantine_components", "flask", "flask_compress", "werkzeug"}
ALLOWED_WEB = {
    # The type of what it returns.
    "wsgi.py": {"flask"},
    # The backend is one of flask-caching's; it needs no Flask application.
    "frames/cache.py": {"flask_caching"},
}
# Made files only, and a process of its own that plain h5py is measured in: what somebody else made is
# opened in the child process.
MAY_LOAD_HDF5 = {"samples/generator.py", "benchmarking/h5py_reader.py"}

READING = {"addressing", "codecs", "files", "hdf5", "catalog", "decoding", "bricks", "meaning"}

FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def package(file: str) -> str:
    return file.split("/", maxsplit=1)[0].removesuffix(".py")


def floor(name: str) -> int:
    found = [number for number, rooms in enumerate(FLOORS) if name in rooms]
    assert found, f"{name} has no floor yet"
    return found[0]


def imports(file: str) -> Iterator[str]:
    """Full names of the modules (and what is taken from them) that a file imports, wherever it does."""
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize("file", FILES)
def test_imports_run_downwards(file: str) -> None:
    here = package(file)
    for name in imports(file):
        if name.split(".")[0] != "dashboard" or name == "dashboard.__version__":
            continue
        there = name.split(".")[1]
        if (ROOT / there).exists() or (ROOT / f"{there}.py").exists():
            allowed = there == here or (here, there) in NEIGHBOURS or floor(there) < floor(here)
            assert allowed, f"{file} imports {name}, which lies above or beside it"


@pytest.mark.parametrize("file", FILES)
def test_web_libraries_stay_in_the_web_package(file: str) -> None:
    if package(file) in ("web", "app"):
        return
    used = {name.split(".")[0] for name in imports(file)}
    assert used & (WEB_LIBRARIES | {"flask_caching"}) <= ALLOWED_WEB.get(file, set())


@pytest.mark.parametrize("file", FILES)
def test_libhdf5_stays_in_the_child(file: str) -> None:
    if file.startswith("hdf5/worker/") or file in MAY_LOAD_HDF5:
        return
    used = {name.split(".")[0] for name in imports(file)}
    assert not used & {"h5py", "hdf5plugin"}


@pytest.mark.parametrize(
    "modules", ["dashboard.app", "dashboard.runtime.container", "dashboard.cli"]
)
def test_a_process_that_serves_does_not_load_libhdf5(modules: str) -> None:
    script = (
        f"import {modules}, sys; sys.exit('h5py' in sys.modules or 'hdf5plugin' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_importing_the_rooms_that_read_is_light() -> None:
    rooms = [
        ".".join(("dashboard", *Path(file).with_suffix("").parts))
        for file in FILES
        if package(file) in READING and "/worker/" not in file and "__init__" not in file
    ]
    script = f"import sys, {', '.join(rooms)}; sys.exit(bool({{'h5py', 'dash', 'flask'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_the_process_above_the_others_is_light() -> None:
    """NumPy alone would be a quarter of the supervisor's memory, and of that of gunicorn's first process."""
    script = "import sys, dashboard.cli.serve, dashboard.cli.web; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_nothing_happens_at_import(tmp_path: Path) -> None:
    script = "import dashboard.wsgi, dashboard.cli, dashboard.settings"
    environment = {"HOME": str(tmp_path), "LAMELLA_PORT": "not a number"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("file", FILES)
def test_no_file_is_longer_than_can_be_kept_in_mind(file: str) -> None:
    assert len((ROOT / file).read_text().splitlines()) <= 400


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_pickled(file: str) -> None:
    assert not {name.split(".")[0] for name in imports(file)} & {"pickle", "marshal", "shelve"}
