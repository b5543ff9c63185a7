"""The machine and the versions that the figures apply to."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import h5py

from dashboard import __version__
from dashboard.codecs import compiled
from dashboard.storage.private_directory import filesystem_type

PACKAGES = (
    "numpy",
    "imagecodecs",
    "h5py",
    "hidefix",
    "pyfive",
    "virtualizarr",
    "zarr",
    "hdf5plugin",
    "h5grove",
    "flask",
    "gunicorn",
    "diskcache",
)


def machine(folder: Path) -> dict[str, str]:
    """Properties of the machine that affect the figures, as text."""
    cores = len(os.sched_getaffinity(0))
    return {
        "processor": f"{_first('/proc/cpuinfo', 'model name')}, {cores} cores",
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "disk": filesystem_type(folder.resolve()) or "unknown",
        "load": "at the start {:.1f}, {:.1f}, {:.1f} (1, 5, 15 minutes)".format(*os.getloadavg()),
    }


def versions() -> dict[str, str]:
    """Versions of Lamella and of the packages that it is compared with."""
    found = {
        "lamella": f"{__version__} ({_commit()})",
        "Python": platform.python_version(),
        "HDF5": h5py.version.hdf5_version,
        "gzip": "paired inflate" if compiled.inflates() else "libdeflate",
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _first(path: str, name: str) -> str:
    try:
        for line in Path(path).read_text().splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return "0"


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "no commit"
