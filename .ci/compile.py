"""Compiles what is in C if there is a C compiler.

Without it, gzip and LZF are decoded more slowly, standard deviations of slices take longer, and waiting for the
interpreter lock counts as reading.
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

# Each of a package's C files; the machines that it is for, all without any.
EXTENSIONS = {
    "dashboard.codecs.paired_inflate._native": ("x86_64", "AMD64"),
    "dashboard.codecs.compiled._native": (),
    "dashboard.decoding.timed_read._native": (),
    "dashboard.frames.integer_moments._native": (),
}


class Compiling(BuildHookInterface):
    """Adds the compiled module to its package, for a wheel as well as for an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds."""
        for name, machines in EXTENSIONS.items():
            folder = Path(self.root, *name.split(".")[:-1])
            for old in folder.glob(f"_native.{sys.implementation.cache_tag}-*"):
                old.unlink()
            if machines and platform.machine() not in machines:
                continue
            with tempfile.TemporaryDirectory() as built:
                try:
                    made = _compile(name, folder, Path(built))
                except (BaseError, CCompilerError) as error:
                    self.app.display_warning(f"{name} is not compiled: {error}")
                    continue
                shutil.copy(made, folder)
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            build_data["artifacts"].append(f"{folder.relative_to(self.root)}/{made.name}")


def _compile(name: str, folder: Path, built: Path) -> Path:
    extension = Extension(
        name,
        sorted(str(path) for path in folder.glob("*.c")),
        # No square root is vectorized that may set `errno`.
        extra_compile_args=["-std=c11", "-O2", "-fno-math-errno", "-fvisibility=hidden"],
    )
    command = build_ext(Distribution({"name": "lamella", "ext_modules": [extension]}))
    command.build_lib = str(built)
    command.build_temp = str(built / "temp")
    command.ensure_finalized()
    command.run()
    return Path(command.get_ext_fullpath(name))
