"""Small components that are used all over the page."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component


def icon(name: str) -> Component:
    """An icon from `30-icons.css` in the colour of the text; hidden from screen readers."""
    return html.Span(className=f"icon icon-{name}", **{"aria-hidden": "true"})


def with_tooltip(child: Component, label: str, *, block: bool = False) -> Component:
    """`child` with a tooltip; `block` for full width."""
    wrapper = {"boxWrapperProps": {"w": "100%"}} if block else {}
    return dmc.Tooltip(
        child, label=label, openDelay=400, withArrow=True, fz=12, multiline=True, maw=260, **wrapper
    )


def icon_button(id_: str, name: str, label: str, *, size: int = 32, **more: Any) -> Component:
    """An icon button, with its label as tooltip and for screen readers."""
    button = dmc.ActionIcon(
        icon(name),
        id=id_,
        variant="subtle",
        color="gray",
        size=size,
        n_clicks=0,
        **{"aria-label": label},
        **more,
    )
    return with_tooltip(button, label)


def labelled(label: str, child: Component, **more: Any) -> Component:
    """A control under its caption."""
    class_name = " ".join(("field", more.pop("className", ""))).strip()
    return html.Div(
        [html.Div(label, className="caption", **{"aria-hidden": "true"}), child],
        className=class_name,
        **more,
    )
