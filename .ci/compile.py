"""Compiles what is in C if there is a C compiler.

Without it, gzip and LZF are decoded more slowly, standard deviations of slices take longer, waiting for the
interpreter lock counts as reading, and chunks are listed more slowly.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

# Each of a package's C files, and further ones on the machines that they are for.
EXTENSIONS = {
    "dashboard.codecs.compiled._native": "dashboard/codecs/paired_inflate",
    "dashboard.decoding.timed_read._native": None,
    "dashboard.frames.integer_moments._native": None,
    "dashboard.hdf5.worker.chunk_list._native": None,
}
PAIRED_INFLATE_MACHINES = ("x86_64", "AMD64")


class Compiling(BuildHookInterface):
    """Adds the compiled module to its package, for a wheel as well as for an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds."""
        for name, more in EXTENSIONS.items():
            folder = Path(self.root, *name.split(".")[:-1])
            for old in folder.glob(f"_native.{sys.implementation.cache_tag}-*"):
                old.unlink()
            sources = list(folder.glob("*.c"))
            if more and platform.machine() in PAIRED_INFLATE_MACHINES:
                sources += Path(self.root, more).glob("*.c")
            with tempfile.TemporaryDirectory() as built:
                try:
                    made = _compile(name, sources, Path(built))
                except (BaseError, CCompilerError) as error:
                    self.app.display_warning(f"{name} is not compiled: {error}")
                    continue
                shutil.copy(made, folder)
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["artifacts"].append(f"{folder.relative_to(self.root)}/{made.name}")


def _compile(name: str, sources: list[Path], built: Path) -> Path:
    extension = Extension(
        name,
        sorted(map(str, sources)),
        # No square root is vectorized that may set `errno`.
        extra_compile_args=["-std=c11", "-O2", "-fno-math-errno", "-fvisibility=hidden"],
    )
    command = build_ext(Distribution({"name": "lamella", "ext_modules": [extension]}))
    command.build_lib = str(built)
    command.build_temp = str(built / "temp")
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath(name))
