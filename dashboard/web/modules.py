"""The page's ES modules: one import map gives each of them an address that names its state.

Modules import each other by relative paths. The map sends those to addresses with the time of change, as Dash
gives to the other assets, so that browsers may cache them for good; each module has one address and is evaluated
once.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

# Dash would add each file that ends with `js` to the page as a script of its own.
IGNORED = r"\.mjs$"


@dataclass(frozen=True)
class ModuleTags:
    """HTML that belongs before all scripts, and the CSP hash of the inline script in it."""

    html: str
    script_hash: str


def module_tags(folder: Path, prefix: str) -> ModuleTags:
    """The import map of all modules below `folder`, which is served at `prefix`/assets/, and their preloads."""
    addresses = {
        f"{prefix}/assets/{path.relative_to(folder).as_posix()}": path.stat().st_mtime
        for path in sorted(folder.rglob("*.mjs"))
    }
    imports = {address: f"{address}?m={changed}" for address, changed in addresses.items()}
    text = json.dumps({"imports": imports}, separators=(",", ":"))
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    # The map comes first: no module may be loaded before it.
    tags = [f'<script type="importmap">{text}</script>']
    tags += [f'<link rel="modulepreload" href="{address}">' for address in imports.values()]
    return ModuleTags("\n        ".join(tags), f"'sha256-{digest}'")
