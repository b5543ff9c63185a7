"""Sphinx's configuration; `make docs` builds with every warning as an error."""

from __future__ import annotations

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

project = "Lamella"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Lamella"
html_copy_source = False
html_show_sphinx = False
nitpicky = True
# Anchors of headings as GitHub has them, so that links work in both.
myst_heading_anchors = 3


def setup(app: Sphinx) -> None:
    """Shows diagrams as their source: rendering would load Mermaid from the network. GitHub renders them."""
    app.add_lexer("mermaid", TextLexer)
