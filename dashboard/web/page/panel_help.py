"""The texts behind the question mark of each panel: what it shows, why that matters, and what can be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dashboard.web.page.ids import Panel


@dataclass(frozen=True, slots=True)
class PanelHelp:
    """Help for one panel, for the viewer of slices."""

    what: str
    why: str
    action: str


HELP: Final[dict[str, PanelHelp]] = {
    Panel.PIPELINE: PanelHelp(
        what="The time of the slice on the screen, step by step from the file to the screen. Beside it are the"
        " usual times of the last five minutes: half of all slices are faster than p50, nineteen in twenty than"
        " p95.",
        why="The longest bar is what you wait for. Blue and green bars are the server, the others are the network"
        " and this browser.",
        action="Follow the sentence below the table. “Desktop” is what a viewer on the file’s own machine takes.",
    ),
    Panel.LATENCY: PanelHelp(
        what="The mean time of a slice over the last five minutes, in the colours of the steps. The line is p95:"
        " one slice in twenty took longer to appear. Bars with an arrow are higher than the scale.",
        why="It shows whether browsing gets faster while the cache fills, and when it was slow.",
        action="Point at a bar for its numbers. If bars stay high, the pipeline panel says which step to blame.",
    ),
    Panel.HIT_RATE: PanelHelp(
        what="The share of your own or of everyone’s slices that were there without decoding: in the page, cached"
        " on the server, or decoded ahead. Hatched is what you waited for; a red cross marks slices that were"
        " skipped or failed.",
        why="A slice that has to be decoded can take a second; one that is there takes milliseconds.",
        action="If slices that were seen before are decoded again, the brick cache is too small: ask for a larger"
        " one. “lamella warm” decodes a whole volume in advance.",
    ),
    Panel.PREFETCH: PanelHelp(
        what="What the server decodes ahead of all viewers’ movements, and what became of it.",
        why="If most of it is used, each key finds its slice ready. Wasted bytes cost the server time and memory.",
        action="Move steadily in one direction, and more is ready. If the worker is away, tell the administrator"
        " that “lamella worker” does not run.",
    ),
}
