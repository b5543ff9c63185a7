"""The page's ES modules: one import map gives each of them an address that names its state.

Modules import each other by relative paths. Those that a page needs at once come in bundles, a few files of many
modules, since each request costs a slow link its latency. In a bundle each module is a function of its own, so
that names which are not exported meet no others. The map sends their paths to the bundle, and that of a module
which is imported by `import('…')`, and loaded when it is first used, to its own file. All addresses name the state
of what is there, so that browsers may cache it for good; each module is evaluated once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dashboard.errors import SetupError
from dashboard.web.texts import state_of

# Dash would add each file that ends with `js` to the page as a script of its own.
IGNORED: Final = r"\.mjs$"

# Entry modules of the two pages, and of what the viewer has before its scripts.
EARLY: Final = "early.mjs"
VIEWER: Final = "main.mjs"
MONITOR: Final = "monitor.mjs"

_IMPORT = re.compile(r"""^import\s+\{([^}]*)\}\s+from\s+'([^']+)';""", re.MULTILINE)
# A declaration, or names alone.
_EXPORT = re.compile(
    r"^export (?:(?=(?:async )?(?:function|const|class)\s+(\w+))|\{([\w\s,]*)\};)", re.MULTILINE
)
_LATER = re.compile(r"""\bimport\('([^']+)'\)""")


@dataclass(frozen=True)
class ModuleTags:
    """The modules of a page, in bundles."""

    html: str
    """What belongs before all scripts: the import map, and a preload of the first bundle."""
    script_hash: str
    """Of the inline script in it, for the page's policy."""
    addresses: tuple[str, ...]
    """Those of the bundles."""
    files: Mapping[str, str]
    """The text of each bundle by its path."""


def imports_of(folder: Path, module: str) -> list[str]:
    """The modules that a module imports, by their paths below `folder`."""
    found = _IMPORT.findall((folder / module).read_text())
    return [_resolved(module, path) for _, path in found]


def later_imports_of(folder: Path, module: str) -> list[str]:
    """The modules that a module imports when they are first used."""
    return [_resolved(module, path) for path in _LATER.findall((folder / module).read_text())]


def _resolved(module: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(module), path))


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


def bundles_of(folder: Path, entries: Sequence[str]) -> list[list[str]]:
    """The modules of each bundle, imported ones first: all that an entry needs and no earlier bundle has."""
    done: set[str] = set()

    def ordered(module: str) -> list[str]:
        if module in done:
            return []
        done.add(module)
        below = [name for one in imports_of(folder, module) for name in ordered(one)]
        return [*below, module]

    return [ordered(entry) for entry in entries]


def module_tags(folder: Path, prefix: str, *entries: str) -> ModuleTags:
    """The bundles of a page's modules, one for each entry, and where all modules are, below `prefix`/assets/."""
    own = f"{prefix}/assets/"
    bundles = bundles_of(folder, entries)
    bundled = [name for names in bundles for name in names]
    later = {
        name for entry in entries for name in modules_of(folder, entry, later=True)
    }.difference(bundled)
    imports = {own + n: f"{own}{n}?m={(folder / n).stat().st_mtime}" for n in sorted(later)}
    accessed = {
        (name, one) for module in later for name, ones in _imported(folder, module) for one in ones
    }
    accessed |= {(entry, one) for entry in entries for one in _exported(folder, entry)}
    files: dict[str, str] = {}
    addresses: list[str] = []
    for entry, names in zip(entries, bundles, strict=True):
        text = _bundle(folder, own, names, imports, accessed)
        path = f"{own}bundles/{entry}"
        address = f"{path}?m={state_of(text)}"
        imports |= dict.fromkeys((own + name for name in names), address)
        files[path] = text
        addresses.append(address)
    text = json.dumps({"imports": imports}, separators=(",", ":"))
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    # The map comes first: no module may be loaded before it.
    html = (
        f'<script type="importmap">{text}</script>\n        '
        f'<link rel="modulepreload" fetchpriority="high" href="{addresses[0]}">'
    )
    return ModuleTags(html, f"'sha256-{digest}'", tuple(addresses), files)


def _exported(folder: Path, module: str) -> list[str]:
    text = (folder / module).read_text()
    if re.search(r"^export\b", _EXPORT.sub("", text), re.MULTILINE):
        raise SetupError(f"{module} exports something in a way that no bundle can have.")
    found = _EXPORT.findall(text)
    return [
        name.strip() for one, more in found for name in (one or more).split(",") if name.strip()
    ]


def _imported(folder: Path, module: str) -> list[tuple[str, list[str]]]:
    found = _IMPORT.findall((folder / module).read_text())
    names = [
        (path, [one.split()[0] for one in text.split(",") if one.strip()]) for text, path in found
    ]
    return [(_resolved(module, path), ones) for path, ones in names]


def _bundle(
    folder: Path,
    own: str,
    modules: Sequence[str],
    imports: Mapping[str, str],
    accessed: Collection[tuple[str, str]],
) -> str:
    """The text of the bundle of `modules`, which come after those that they import.

    Modules of earlier bundles are where `imports` has them. `accessed` are the exports, each with its module, that
    are imported from outside of all bundles: raises `SetupError` where two of them have one name.
    """
    places = {module: f"m{number}" for number, module in enumerate(modules)}
    before = sorted(
        {imports[own + n] for m in modules for n in imports_of(folder, m) if n not in places}
    )
    others = {address: f"b{number}" for number, address in enumerate(before)}
    parts = [f"import {{ bundled as {b} }} from '{address}';" for address, b in others.items()]
    for module, place in places.items():

        def bound(found: re.Match[str], module: str = module) -> str:
            name = _resolved(module, found[2])
            source = places.get(name) or f"{others[imports[own + name]]}['{name}']"
            return f"const {{{found[1].replace(' as ', ': ')}}} = {source};"

        def later(found: re.Match[str], module: str = module) -> str:
            return f"import('{own}{_resolved(module, found[1])}')"

        text = _IMPORT.sub(bound, (folder / module).read_text())
        body = _LATER.sub(later, _EXPORT.sub("", text))
        names = ", ".join(_exported(folder, module))
        parts.append(f"const {place} = (() => {{\n{body}\nreturn {{ {names} }};\n}})();")
    listed = ", ".join(f"'{module}': {place}" for module, place in places.items())
    parts.append(f"export const bundled = {{ {listed} }};")
    outside = [(module, name) for module, name in sorted(accessed) if module in places]
    if len({name for _, name in outside}) < len(outside):
        raise SetupError(f"Two of these exports of modules have one name: {outside}.")
    parts += [f"export const {{ {name} }} = {places[module]};" for module, name in outside]
    return "\n".join(parts) + "\n"
