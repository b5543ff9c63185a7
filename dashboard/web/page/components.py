"""Small components that are used all over the page."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard.settings import Settings


def icon(name: str) -> Component:
    """An icon from `30-icons.css` in the colour of the text; hidden from screen readers."""
    return html.Span(className=f"icon icon-{name}", **{"aria-hidden": "true"})


def with_tooltip(
    child: Component, label: str, *, block: bool = False, position: str = "top"
) -> Component:
    """`child` with a tooltip; `block` for full width."""
    wrapper = {"boxWrapperProps": {"w": "100%"}} if block else {}
    return dmc.Tooltip(
        child,
        label=label,
        position=position,
        openDelay=400,
        withArrow=True,
        fz=12,
        multiline=True,
        maw=260,
        **wrapper,
    )


def theme_toggle(id_: str) -> Component:
    """The button that switches between the light and the dark theme."""
    label = "Light or dark theme"
    return with_tooltip(
        dmc.ColorSchemeToggle(
            id=id_,
            lightIcon=html.Span(className="icon icon-sun"),
            darkIcon=html.Span(className="icon icon-moon"),
            variant="subtle",
            color="gray",
            size=32,
            **{"aria-label": label},
        ),
        label,
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


def sign_out(settings: Settings) -> list[Component]:
    """The button that ends the session, where sign-in is asked for."""
    if not settings.asks_sign_in:
        return []
    button = html.Button(
        icon("sign-out"), type="submit", className="icon-link", **{"aria-label": "Sign out"}
    )
    return [
        html.Form(
            with_tooltip(button, "Sign out"),
            action=f"{settings.url_prefix}/sign-out",
            method="post",
            className="sign-out",
        )
    ]


def account(settings: Settings) -> list[Component]:
    """The link to who is signed in, and to the sign-out on all devices."""
    if not settings.asks_sign_in:
        return []
    title = "Who is signed in, and sign-out on all devices"
    return [
        html.A("Account", href=f"{settings.url_prefix}/sign-out", className="tool", title=title)
    ]


def labelled(label: str, child: Component, **more: Any) -> Component:
    """A control under its caption."""
    class_name = " ".join(("field", more.pop("className", ""))).strip()
    return html.Div(
        [html.Div(label, className="caption", **{"aria-hidden": "true"}), child],
        className=class_name,
        **more,
    )


def options(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    """Values and labels as Mantine takes them."""
    return [{"value": value, "label": label} for value, label in pairs]


def select(
    id_: str,
    pairs: tuple[tuple[str, str], ...],
    label: str,
    width: int,
    *,
    portal: bool = True,
    **more: Any,
) -> Component:
    """A select. In a popover it needs `portal` False, since a click outside closes the popover."""
    return dmc.Select(
        id=id_,
        data=more.pop("data", options(pairs)),
        value=more.pop("value", pairs[0][0] if pairs else None),
        allowDeselect=False,
        w=width,
        size="xs",
        checkIconPosition="right",
        maxDropdownHeight=340,
        comboboxProps={"width": "max-content", "position": "bottom-start", "withinPortal": portal},
        **{"aria-label": label},
        **more,
    )


# Of the button of a popover; the scripts say whether it is open.
POPOVER_BUTTON = {"aria-haspopup": "dialog", "aria-expanded": "false"}


def popover(id_: str, button: Component, content: list[Component], **more: Any) -> Component:
    """What a button with `POPOVER_BUTTON` opens: an element of `content`, a dialog by its role, with a name.

    Mantine would put these roles on an element around the button, where they mean nothing.
    """
    return dmc.Popover(
        [dmc.PopoverTarget(button), dmc.PopoverDropdown(content)],
        id=id_,
        opened=False,
        withRoles=False,
        shadow="md",
        **more,
    )
