"""Environment variables that would be taken for nothing, and so might leave the server open."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from dashboard.errors import SetupError


def check_variables(
    environment: Mapping[str, str], prefix: str, settings: Collection[str], given: Collection[str]
) -> None:
    """Raise `SetupError` for a variable that is no setting, and for an empty one that would open the server.

    `settings` has the names of all settings, of which those in `given` do not come from the environment.
    """
    known = {prefix + name.upper() for name in settings}
    values = {name.upper(): value for name, value in environment.items()}
    for name in sorted(values.keys() - known):
        if name.startswith(prefix):
            near = difflib.get_close_matches(name, known, 1, 0.8)
            meant = f" Is {near[0]} meant?" if near else ""
            raise SetupError(
                f"The variable {name} is no setting: correct its name, or unset it.{meant}"
            )
    # A script with an unset variable gives these.
    for name, instead in (
        ("token", "give it at least 16 characters, or unset it to serve without a token"),
        (
            "people",
            "give it the file of accounts, or unset it to use the one in the user's data directory",
        ),
    ):
        if name not in given and values.get(prefix + name.upper()) == "":
            raise SetupError(f"{prefix}{name.upper()} is empty: {instead}.")
