"""The page's modules: their layers, their addresses, and that they scale values as the server does."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rjsmin import jsmin

from dashboard.app import create_app
from dashboard.assets_path import assets_folder
from dashboard.errors import SetupError
from dashboard.frames.quantize import Norm, quantize_u8
from dashboard.settings import Settings
from dashboard.web import modules
from dashboard.web.modules import module_tags

ASSETS = assets_folder()
MODULES = sorted(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.mjs"))
# From the ground up; modules of one layer may import each other, though not in a circle.
LAYERS = ("model", "data", "render", "ui", "early.mjs", "main.mjs", "monitor.mjs")
ENTRIES = (modules.EARLY, modules.VIEWER, modules.MONITOR)
QUANTIZE = Path(__file__).parents[2] / "js" / "quantize-values.mjs"


def imports(module: str) -> list[str]:
    """The modules that a module imports, at first use or before."""
    text = (ASSETS / module).read_text()
    later = modules.later_imports_of(ASSETS, module)
    assert len(later) == text.count("import(")
    found = modules.imports_of(ASSETS, module)
    assert len(found) == len(re.findall(r"^import\b", text, re.MULTILINE))
    found += later
    assert all(name.endswith(".mjs") and not name.startswith("..") for name in found)
    return found


def type_imports(module: str) -> list[str]:
    """The modules whose types a module names in its comments, which no browser reads."""
    text = (ASSETS / module).read_text()
    names = re.findall(r"@import \{[^}]+\} from '([^']+)'", text)
    assert len(names) == text.count("@import")
    return [os.path.normpath(os.path.join(os.path.dirname(module), name)) for name in names]


def layer(module: str) -> int:
    return LAYERS.index(module.partition("/")[0])


def test_imports_lead_downwards_only() -> None:
    seen = 0
    for module in MODULES:
        for name in imports(module) + type_imports(module):
            assert name in MODULES, (module, name)
            assert layer(name) <= layer(module), f"{module} imports {name}"
            seen += 1
    assert seen > 50


def test_no_module_imports_itself_by_a_detour() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " imports ".join((*path, module))
        if module not in done:
            for name in imports(module):
                visit(name, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_every_module_is_needed_by_a_page() -> None:
    found = {
        module for entry in ENTRIES for module in modules.modules_of(ASSETS, entry, later=True)
    }
    assert sorted(found) == MODULES


def test_the_viewer_loads_nothing_of_the_monitor() -> None:
    viewer = modules.modules_of(ASSETS, modules.VIEWER)
    assert [name for name in viewer if "monitor" in name] == []
    monitor = modules.modules_of(ASSETS, modules.MONITOR)
    assert [
        name for name in monitor if name.startswith(("ui/", "render/")) and "monitor" not in name
    ] == ["render/dom.mjs", "ui/session.mjs"]


@pytest.mark.parametrize("folder", ["ui/tools/", "ui/views/", "ui/palette/", "ui/histogram/"])
def test_what_looks_closer_is_loaded_at_first_use(folder: str) -> None:
    at_once = modules.modules_of(ASSETS, modules.VIEWER)
    later = set(modules.modules_of(ASSETS, modules.VIEWER, later=True)) - set(at_once)
    assert {name for name in MODULES if name.startswith(folder)} <= later


def test_one_global_is_set_and_one_module_sets_it() -> None:
    setters = [
        module
        for module in MODULES
        if re.search(r"\b(?:globalThis|window)\.\w+ = ", (ASSETS / module).read_text())
    ]
    assert setters == ["main.mjs"]


@pytest.mark.parametrize("module", MODULES)
def test_modules_stay_short(module: str) -> None:
    assert len((ASSETS / module).read_text().splitlines()) <= 400


@pytest.mark.parametrize(
    ("path", "entries"),
    [("/", (modules.EARLY, modules.VIEWER)), ("/monitor", (modules.MONITOR,))],
)
def test_each_module_has_one_lasting_address(
    make_settings: Callable[..., Settings], path: str, entries: tuple[str, ...]
) -> None:
    app = create_app(make_settings(url_prefix="/lamella"))
    client = app.server.test_client()
    page = client.get(f"/lamella{path}")
    (script,) = re.findall(r'<script type="importmap">(.*?)</script>', page.text)
    imports = json.loads(script)["imports"]
    needed = modules.modules_of(ASSETS, entries[-1], later=True)
    assert sorted(imports) == [f"/lamella/assets/{module}" for module in needed]
    bundled = modules.bundles_of(ASSETS, entries)
    at_once = modules.modules_of(ASSETS, entries[-1])
    assert sorted(name for names in bundled for name in names) == at_once
    addresses = [imports[f"/lamella/assets/{entry}"] for entry in entries]
    for address, names in zip(addresses, bundled, strict=True):
        assert [name for name in needed if imports[f"/lamella/assets/{name}"] == address] == sorted(
            names
        )
    # The first one is loaded before everything else.
    preloads = re.findall(r'<link rel="modulepreload"[^>]* href="([^"]+)">', page.text)
    assert preloads == addresses
    assert page.text.index("importmap") < page.text.index("modulepreload")
    assert page.text.index(addresses[0]) < page.text.index("<script src=")
    # Dash adds none of them by itself.
    assert re.findall(r'<script src="[^"]*\.mjs', page.text) == []
    started = re.findall(r'<script type="module" src="([^"]+)"', page.text)
    assert started == (addresses if path == "/monitor" else [])
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["Content-Security-Policy"]
    for address in set(imports.values()):
        with client.get(address, headers={"Accept-Encoding": "gzip"}) as response:
            assert response.mimetype == "text/javascript"
            assert response.headers["Cache-Control"].endswith("immutable")
            with client.get(address) as whole:
                small = len(whole.data) < 500
            assert response.headers.get("Content-Encoding") == (None if small else "gzip"), address
        with client.get(address.partition("?")[0]) as plain:
            assert plain.headers["Cache-Control"] == "no-cache"


def test_what_the_viewer_has_before_its_scripts_is_small() -> None:
    tags = module_tags(ASSETS, "", modules.EARLY, modules.VIEWER)
    early, rest = (len(gzip.compress(jsmin(text.encode()), 6)) for text in tags.files.values())
    assert early < 42_000
    assert early + rest < 120_000


def write_modules(folder: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def evaluated(folder: Path, tags: modules.ModuleTags, expression: str) -> object:
    """What an expression gives in a module of `folder` that has the import map."""
    from deno import find_deno_bin

    (text,) = re.findall(r'<script type="importmap">(.*?)</script>', tags.html)
    imports = json.loads(text)["imports"]
    for path, bundle in tags.files.items():
        file = folder / path.removeprefix("/assets/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(bundle.replace("'/assets/", f"'{folder.as_uri()}/"))
    there = {
        f"{folder.as_uri()}/{name.removeprefix('/assets/')}": f"{folder.as_uri()}/{place.removeprefix('/assets/')}"
        for name, place in imports.items()
    }
    (folder / "map.json").write_text(json.dumps({"imports": there}))
    (folder / "run.mjs").write_text(f"console.log(JSON.stringify({expression}));")
    done = subprocess.run(
        [
            *(find_deno_bin(), "run", "--quiet", "--no-remote", "-A"),
            *("--import-map", str(folder / "map.json"), str(folder / "run.mjs")),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_bundle_is_what_its_modules_are(tmp_path: Path) -> None:
    """Private names that are alike, renamed ones, and a module that is loaded later and has the same state."""
    folder = write_modules(
        tmp_path,
        {
            "model/count.mjs": "const one = [0];\nexport function next() {\n  one[0] += 1;\n  return one[0];\n}\n",
            "early.mjs": "import { next } from './model/count.mjs';\nconst one = 5;\n"
            "export const early = one + next();\n",
            "ui/later.mjs": "import { next as following } from '../model/count.mjs';\n"
            "import { own } from './part.mjs';\nexport const found = [own, following()];\n",
            "ui/part.mjs": "const own = 'own';\nexport { own };\n",
            "main.mjs": "import { early } from './early.mjs';\n"
            "import {\n  next as following,\n} from './model/count.mjs';\nimport { own } from './ui/part.mjs';\n"
            "export async function start() {\n"
            "  const first = following();\n  const { found } = await import('./ui/later.mjs');\n"
            "  return [early, first, own, ...found];\n}\n",
        },
    )
    tags = module_tags(folder, "", "early.mjs", "main.mjs")
    found = evaluated(folder, tags, "await (await import('./main.mjs')).start()")
    assert found == [6, 2, "own", "own", 3]


def test_what_a_bundle_cannot_hold_is_refused(tmp_path: Path) -> None:
    folder = write_modules(
        tmp_path,
        {
            "one.mjs": "export const same = 1;\n",
            "two.mjs": "export const same = 2;\n",
            "later.mjs": "import { same } from './one.mjs';\nimport { same as other } from './two.mjs';\n",
            "main.mjs": "import { same } from './one.mjs';\nimport { same as other } from './two.mjs';\n"
            "import('./later.mjs');\n",
        },
    )
    with pytest.raises(SetupError, match="one name"):
        module_tags(folder, "", "main.mjs")
    (folder / "one.mjs").write_text("export * from './two.mjs';\n")
    with pytest.raises(SetupError, match="no bundle"):
        module_tags(folder, "", "main.mjs")


def test_a_changed_module_has_another_address(tmp_path: Path) -> None:
    folder = write_modules(
        tmp_path, {"main.mjs": "import('./one.mjs');\n", "one.mjs": "export const one = 1;\n"}
    )
    before = module_tags(folder, "", "main.mjs")
    os.utime(folder / "one.mjs", (1, 1))
    after = module_tags(folder, "", "main.mjs")
    assert "/assets/one.mjs?m=1.0" in after.html
    assert before.script_hash != after.script_hash
    (folder / "main.mjs").write_text("export const changed = 1;\n")
    assert module_tags(folder, "", "main.mjs").addresses != after.addresses


def codes_of(values: np.ndarray, norm: Norm, window: tuple[float, float]) -> np.ndarray:
    """The codes that the page gives to values (rows, columns)."""
    from deno import find_deno_bin

    asked = {
        "z": [[repr(float(v)).replace("inf", "Infinity") for v in row] for row in values],
        "dtype": values.dtype.name,
        "norm": norm.value,
        "lo": repr(window[0]),
        "hi": repr(window[1]),
    }
    done = subprocess.run(
        [find_deno_bin(), "run", "--quiet", "--no-remote", QUANTIZE],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    return np.array(json.loads(done.stdout)).reshape(values.shape)


@pytest.mark.parametrize("norm", list(Norm))
def test_codes_are_those_of_the_server(norm: Norm) -> None:
    window = (3.0, 900.0) if norm in (Norm.LOG, Norm.SQRT) else (-200.0, 900.0)
    values = np.random.default_rng(3).normal(300, 400, (20, 30)).astype(np.float32)
    values[3, 4:9] = np.nan
    values[5, :4] = [np.inf, -np.inf, *window]
    codes = codes_of(values, norm, window)
    expected = quantize_u8(values, window, norm).astype(int)
    assert np.abs(codes - expected).max() <= 1
    assert (codes == expected).mean() > 0.99
    assert ((codes == 255) == np.isnan(values)).all()


def test_codes_in_a_window_wider_than_a_double() -> None:
    values = np.array([[-1.7e308, -0.85e308, 0.0, 0.85e308, 1.7e308]])
    window = (-1.7e308, 1.7e308)
    codes = codes_of(values, Norm.LINEAR, window)
    # Rounding at the border of two codes may go either way.
    assert codes[0] == pytest.approx(quantize_u8(values, window, Norm.LINEAR)[0], abs=1)
