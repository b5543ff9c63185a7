"""The page's ES modules: one import map gives each of them an address that names its state.

Modules import each other by relative paths. The map sends those to addresses with the time of change, as Dash
gives to the other assets, so that browsers may cache them for good; each module has one address and is evaluated
once. What is imported by `import('…')` is in the map, and is loaded when it is first used.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Dash would add each file that ends with `js` to the page as a script of its own.
IGNORED: Final = r"\.mjs$"

# Entry modules of the two pages.
VIEWER: Final = "main.mjs"
MONITOR: Final = "monitor.mjs"

_IMPORT = re.compile(r"""(?:^|\n)(?:import|export)\b[^;]*?\bfrom\s+'([^']+)'""")

_LATER = re.compile(r"""\bimport\('([^']+)'\)""")


@dataclass(frozen=True)
class ModuleTags:
    """HTML that belongs before all scripts, the CSP hash of the inline script in it, and the entry's address."""

    html: str
    script_hash: str
    entry: str


def imports_of(folder: Path, module: str) -> list[str]:
    """The modules that a module imports, by their paths below `folder`."""
    return _named(_IMPORT, folder, module)


def later_imports_of(folder: Path, module: str) -> list[str]:
    """The modules that a module imports when they are first used."""
    return _named(_LATER, folder, module)


def _named(pattern: re.Pattern[str], folder: Path, module: str) -> list[str]:
    names = pattern.findall((folder / module).read_text())
    return [posixpath.normpath(posixpath.join(posixpath.dirname(module), name)) for name in names]


def modules_of(folder: Path, entry: str, *, later: bool = False) -> list[str]:
    """All modules that a page with this entry module needs, in the order of their names.

    Those that are loaded at first use are among them with `later`.
    """
    found: set[str] = set()
    todo = [entry]
    while todo:
        module = todo.pop()
        if module not in found:
            found.add(module)
            todo.extend(imports_of(folder, module))
            if later:
                todo.extend(later_imports_of(folder, module))
    return sorted(found)


def module_tags(folder: Path, prefix: str, entry: str = VIEWER) -> ModuleTags:
    """The import map of a page's modules, served at `prefix`/assets/, and preloads of those needed at once."""
    imports = {
        f"{prefix}/assets/{name}": f"{prefix}/assets/{name}?m={(folder / name).stat().st_mtime}"
        for name in modules_of(folder, entry, later=True)
    }
    text = json.dumps({"imports": imports}, separators=(",", ":"))
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    # The map comes first: no module may be loaded before it.
    tags = [f'<script type="importmap">{text}</script>']
    tags += [
        f'<link rel="modulepreload" href="{imports[f"{prefix}/assets/{name}"]}">'
        for name in modules_of(folder, entry)
    ]
    address = imports[f"{prefix}/assets/{entry}"]
    return ModuleTags("\n        ".join(tags), f"'sha256-{digest}'", address)
