"""The HTML document around a page of Dash, with Dash's own placeholders."""

from __future__ import annotations

from dashboard.settings import Settings


def document(
    settings: Settings,
    description: str,
    module_tags: str,
    *,
    body: str = "",
    last_scripts: str = "",
) -> str:
    """An index string of Dash.

    `module_tags` (web/modules.py) come before all scripts, `last_scripts` after those of Dash, and `body` between
    the application and the scripts.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
    <head>
        {{%metas%}}
        <title>{{%title%}}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1, minimum-scale=1">
        <meta name="description" content="{description}">
        <meta name="color-scheme" content="light dark">
        <link rel="icon" type="image/svg+xml" href="{settings.url_prefix}/assets/favicon.svg">
        {module_tags}
        {{%css%}}
    </head>
    <body>
        <noscript>This page needs JavaScript.</noscript>
        {{%app_entry%}}
        {body}
        <footer>
            {{%config%}}
            {{%scripts%}}
            {{%renderer%}}
            {last_scripts}
        </footer>
    </body>
</html>
"""
