"""The layout of the page, and that its scripts fit it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dash.development.base_component import Component

from dashboard.assets_path import assets_folder
from dashboard.settings import Settings
from dashboard.telemetry.stages import STAGE_NAMES
from dashboard.web.page import controls, layout, monitor, viewer_callbacks
from dashboard.web.page import ids as ids_
from dashboard.web.page.choices import (
    COLORSCALES,
    DEFAULT_SPEED,
    NORMS,
    PARTS,
    POOLS,
    SPEEDS,
)
from dashboard.web.page.ids import (
    Chart,
    Measure,
    Monitor,
    Panel,
    Row,
    Shell,
    Tab,
    Tool,
    View,
)

CONTRACT = (
    "slice-graph slice-slider axis-select dataset-tree colorscale-select window-control"
    " pipeline-panel latency-panel hit-rate-panel prefetch-panel"
).split()

SCRIPTS = sorted(path for end in ("js", "mjs") for path in assets_folder().rglob(f"*.{end}"))


@pytest.fixture
def page(make_settings: Callable[..., Settings]) -> Component:
    """The layout with plain settings."""
    return layout.build(make_settings())


def walk(component: Any) -> Iterator[Component]:
    """All components of a tree."""
    if isinstance(component, Component):
        yield component
        for value in vars(component).values():
            yield from walk(value)
    elif isinstance(component, list | tuple):
        for item in component:
            yield from walk(item)
    elif isinstance(component, dict):
        for item in component.values():
            yield from walk(item)


def ids(page: Component) -> list[str]:
    """The ids of all components, in order."""
    return [str(c.id) for c in walk(page) if getattr(c, "id", None) is not None]


def test_the_contracts_ids_are_there_once(page: Component) -> None:
    found = ids(page)
    assert len(found) == len(set(found))
    for name in CONTRACT:
        assert name in found


def test_every_id_has_its_element(page: Component) -> None:
    found = set(ids(page))
    for group in (Shell, Tab, Tool, Measure, View, Panel):
        assert {member.value for member in group} <= found


def test_ids_in_the_scripts_exist(page: Component, make_settings: Callable[..., Settings]) -> None:
    found = set(ids(page)) | set(ids(monitor.build(make_settings())))
    text = "\n".join(script.read_text() for script in SCRIPTS)
    used = set(
        re.findall(
            r"(?:element|setText|setVisible|setParts|setControl|set)\('([a-z]+(?:-[a-z]+)*)'", text
        )
    )
    assert len(used) > 20
    assert used - {"d"} <= found


def test_the_scripts_know_what_python_calls(page: Component) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.names: list[str] = []

        def clientside_callback(self, function: Any, *_: Any, **__: Any) -> None:
            assert function.namespace == "lamella"
            self.names.append(function.function_name)

        def callback(self, *_: Any, **__: Any) -> Callable[[Any], Any]:
            return lambda function: function

    recorder = Recorder()
    viewer_callbacks.register(recorder)  # type: ignore[arg-type]
    boot = (assets_folder() / "boot.js").read_text()
    listed = re.search(r"const CALLBACKS = \[(.*?)\]", boot, re.DOTALL)
    assert listed is not None
    assert [*re.findall(r"'(\w+)'", listed[1]), "start"] == [*recorder.names[1:], recorder.names[0]]
    callbacks = (assets_folder() / "ui/callbacks.mjs").read_text()
    for name in recorder.names[1:]:
        assert re.search(rf"^ +{name}: \(", callbacks, re.MULTILINE), name


def test_scales_and_norms_are_the_same_in_python_and_script() -> None:
    tables = (assets_folder() / "model/color-tables.mjs").read_text()
    named = [name for _, scales in COLORSCALES for name, _ in scales]
    assert re.findall(r"^  (\w+): '", tables, re.MULTILINE) == named
    text = (assets_folder() / "model/colormap.mjs").read_text()
    norms = re.search(r"const NORMS = \[(.*)\]", text)
    assert norms is not None
    assert re.findall(r"'(\w+)'", norms[1]) == [name for name, _ in NORMS]


def test_pools_parts_and_speed_are_the_same_in_python_and_script() -> None:
    text = (assets_folder() / "model/viewport.mjs").read_text()
    for name, pairs in (("POOLS", POOLS), ("PARTS", PARTS)):
        listed = re.search(rf"export const {name} = \[(.*)\]", text)
        assert listed is not None
        assert re.findall(r"'(\w+)'", listed[1]) == [value for value, _ in pairs]
    speed = re.search(
        r"const DEFAULT_SPEED = (\d+);", (assets_folder() / "ui/player.mjs").read_text()
    )
    assert speed is not None
    assert speed[1] == DEFAULT_SPEED
    assert DEFAULT_SPEED in dict(SPEEDS)


def test_tools_and_their_keys_are_the_same_in_python_and_script() -> None:
    text = (assets_folder() / "ui/tools.mjs").read_text()
    listed = re.search(r"const KEYS = \{(.*)\}", text)
    assert listed is not None
    keys = dict(re.findall(r"(\w): '(\w+)'", listed[1]))
    assert keys == {key.lower(): id_.removeprefix("tool-") for id_, _, key in controls.TOOLS}


def test_functions_as_properties_exist(page: Component) -> None:
    text = "\n".join(script.read_text() for script in SCRIPTS)
    sent = json.dumps(page.to_plotly_json(), default=lambda c: c.to_plotly_json())
    for name in re.findall(r'"function": "(\w+)"', sent):
        assert re.search(rf"\b{name}:", text), name


def test_the_scripts_obey_the_policy_and_plain_http() -> None:
    for script in SCRIPTS:
        text = re.sub(r"//.*|/\*.*?\*/", "", script.read_text(), flags=re.DOTALL)
        for forbidden in (
            "eval(",
            "new Function",
            "innerHTML",
            "randomUUID",
            "clipboard",
            "https://",
        ):
            assert forbidden not in text.replace("http://www.w3.org", ""), (script.name, forbidden)


def test_the_prefix_reaches_the_scripts_and_the_icon(
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings(url_prefix="/lamella")
    (config,) = (c for c in walk(layout.build(settings)) if getattr(c, "id", None) == Shell.CONFIG)
    assert config.data["prefix"] == "/lamella"
    assert [stage["name"] for stage in config.data["stages"]] == list(STAGE_NAMES)
    assert config.data["restCells"] == settings.rest_cells
    html = layout.index_string(settings, "<!-- modules -->")
    assert 'href="/lamella/assets/favicon.svg"' in html
    assert "<script" not in html
    assert html.index("<!-- modules -->") < html.index("{%css%}")
    for part in ("metas", "title", "css", "app_entry", "config", "scripts", "renderer"):
        assert f"{{%{part}%}}" in html


def test_buttons_that_are_pictures_have_names(page: Component) -> None:
    for component in walk(page):
        if type(component).__name__ in ("ActionIcon", "ColorSchemeToggle", "Select", "NumberInput"):
            assert getattr(component, "aria-label", None), component


def test_the_layout_is_json(page: Component) -> None:
    sent = json.dumps(page.to_plotly_json(), default=lambda c: c.to_plotly_json())
    assert len(sent) < 90_000


def test_each_panel_says_what_why_and_what_to_do(page: Component) -> None:
    (panels,) = (c for c in walk(page) if getattr(c, "id", None) == Shell.PANELS)
    for panel in panels.children:
        texts = [c.children for c in walk(panel) if type(c).__name__ == "Dt"]
        assert texts == ["What", "Why", "What to do"]
        assert all(len(c.children) > 40 for c in walk(panel) if type(c).__name__ == "Dd")


def test_tabs_name_their_contents(page: Component) -> None:
    tabs = [c for c in walk(page) if getattr(c, "role", None) == "tab"]
    contents = {c.id: c for c in walk(page) if getattr(c, "role", None) == "tabpanel"}
    assert [tab.id for tab in tabs] == list(Tab)
    assert [getattr(tab, "aria-selected") for tab in tabs] == ["true", "false", "false"]
    for tab in tabs:
        content = contents[getattr(tab, "aria-controls")]
        assert getattr(content, "aria-labelledby") == tab.id


def test_the_pages_lead_to_each_other(make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(url_prefix="/lamella")

    def links(page: Component) -> set[str]:
        return {c.href for c in walk(page) if getattr(c, "href", None)}

    assert "/lamella/monitor" in links(layout.build(settings))
    assert "/lamella/" in links(monitor.build(settings))


def test_controls_of_the_monitor_have_names(make_settings: Callable[..., Settings]) -> None:
    page = monitor.build(make_settings())
    found = ids(page)
    assert len(found) == len(set(found))
    for group in (Monitor, Row, Chart):
        for member in group:
            expected = ids_.row_panel(member) if group is Row else member.value
            assert expected in found or member is Monitor.CONFIG, member
    for component in walk(page):
        if type(component).__name__ == "Button":
            assert component.children, component
    config = monitor.config(make_settings(names_days=0))
    assert (config["slowS"], config["viewersS"]) == (0, 0)
    assert monitor.config(make_settings(names_days=3))["slowS"] == 3 * 86_400
