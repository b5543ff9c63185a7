"""The page's modules: their layers, their addresses, and that they scale values as the server does."""

from __future__ import annotations

import base64
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
from dashboard.frames.quantize import Norm, quantize_u8
from dashboard.settings import Settings
from dashboard.web import modules
from dashboard.web.modules import module_tags

ASSETS = assets_folder()
MODULES = sorted(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.mjs"))
# From the ground up; modules of one layer may import each other, though not in a circle.
LAYERS = ("model", "data", "render", "ui", "main.mjs", "monitor.mjs")
ENTRIES = (modules.VIEWER, modules.MONITOR)
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


def test_tools_are_loaded_at_first_use() -> None:
    at_once = modules.modules_of(ASSETS, modules.VIEWER)
    later = set(modules.modules_of(ASSETS, modules.VIEWER, later=True)) - set(at_once)
    assert "ui/tools/layer.mjs" in later
    assert [name for name in at_once if name.startswith("ui/tools/")] == []


def test_the_histogram_is_loaded_after_the_first_slice() -> None:
    at_once = modules.modules_of(ASSETS, modules.VIEWER)
    later = set(modules.modules_of(ASSETS, modules.VIEWER, later=True)) - set(at_once)
    assert {"ui/histogram/panel.mjs", "model/histogram.mjs"} <= later


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


@pytest.mark.parametrize(("path", "entry"), [("/", modules.VIEWER), ("/monitor", modules.MONITOR)])
def test_each_module_has_one_lasting_address(
    make_settings: Callable[..., Settings], path: str, entry: str
) -> None:
    app = create_app(make_settings(url_prefix="/lamella"))
    client = app.server.test_client()
    page = client.get(f"/lamella{path}")
    (script,) = re.findall(r'<script type="importmap">(.*?)</script>', page.text)
    imports = json.loads(script)["imports"]
    needed = modules.modules_of(ASSETS, entry, later=True)
    assert sorted(imports) == [f"/lamella/assets/{module}" for module in needed]
    preloads = re.findall(r'<link rel="modulepreload" href="([^"]+)">', page.text)
    at_once = modules.modules_of(ASSETS, entry)
    assert preloads == [imports[f"/lamella/assets/{module}"] for module in at_once]
    assert page.text.index("importmap") < page.text.index("modulepreload")
    # Dash adds none of them by itself.
    assert re.findall(r'<script src="[^"]*\.mjs', page.text) == []
    started = re.findall(r'<script type="module" src="([^"]+)"', page.text)
    assert started == ([imports[f"/lamella/assets/{entry}"]] if entry == modules.MONITOR else [])
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["Content-Security-Policy"]
    for name, address in imports.items():
        with client.get(address, headers={"Accept-Encoding": "gzip"}) as response:
            assert response.mimetype == "text/javascript"
            assert response.headers["Cache-Control"].endswith("immutable")
            small = (
                len(jsmin(ASSETS.joinpath(name.removeprefix("/lamella/assets/")).read_text())) < 500
            )
            assert response.headers.get("Content-Encoding") == (None if small else "gzip"), name
        with client.get(name) as plain:
            assert plain.headers["Cache-Control"] == "no-cache"


def test_a_changed_module_has_another_address(tmp_path: Path) -> None:
    module = tmp_path / "model" / "one.mjs"
    module.parent.mkdir()
    module.write_text("export {};")
    before = module_tags(tmp_path, "", "model/one.mjs")
    os.utime(module, (1, 1))
    after = module_tags(tmp_path, "", "model/one.mjs")
    assert "/assets/model/one.mjs?m=1.0" in after.html
    assert before.script_hash != after.script_hash


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
