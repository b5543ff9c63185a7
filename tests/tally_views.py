"""What people read of the statistics: texts of the viewer's panels and of the monitor, against a tally."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from deno import find_deno_bin
from playwright.sync_api import expect, sync_playwright

from dashboard.addressing.outcomes import Outcome
from dashboard.web.page.ids import Panel
from tests.tally import Tally, Viewer

BY = ("volume", "axis", "viewer")
TEXTS = Path(__file__).parent / "js" / "monitor" / "texts-of.mjs"
WITHIN_S = 60.0


def assert_panels(ask: Viewer, tally: Tally) -> None:
    """Assert that the panels of the viewer's page have these figures, everyone's and of one viewer."""
    expected = tally.counts
    parts = panels_of(ask, "everyone")
    texts = parts[Panel.HIT_RATE]["texts"]
    assert {o: texts[f"outcome-{o}"] for o in Outcome} == {
        o: f"{expected[f'demand.{o}']:,}" for o in Outcome
    }
    assert texts[Panel.HIT_RATE_VALUE] == share(tally)
    failed = sum_of(expected, "requests.demand_4")
    assert texts[Panel.HIT_RATE_UNSEEN] == unseen(expected["page.skipped"], failed)
    named = [int(n) for n in re.findall(r"\d+", texts[Panel.HIT_RATE_REASONS].replace(",", ""))]
    assert sum(named) == sum_of(expected, "reasons.")
    pipeline = parts[Panel.PIPELINE]
    assert {f"stages.{name}": one["count"] for name, one in pipeline["stages"].items()} == {
        name: count for name, count in expected.items() if name.startswith("stages.") and count
    }
    assert pipeline["slices"]["all"]["count"] == sum_of(expected, "perceived.")
    for viewer in {name for by, name in tally.groups if by == "viewer"}:
        texts = panels_of(ask, "mine", viewer)[Panel.HIT_RATE]["texts"]
        shown = sum(int(texts[f"outcome-{o}"].replace(",", "")) for o in Outcome)
        assert shown == tally.groups["viewer", viewer]
        own = (tally.groups[what, viewer] for what in ("skipped", "failed"))
        assert texts[Panel.HIT_RATE_UNSEEN] == unseen(*own)


def unseen(skipped: int, failed: int) -> str:
    """What the panel says of slices that nobody saw."""
    parts = ((skipped, "skipped"), (failed, "failed"))
    return " · ".join(f"{count:,} {what}" for count, what in parts if count)


def panels_of(ask: Viewer, whose: str, viewer: str = "ann") -> dict[str, Any]:
    """What is new in the panels, as the page gets it."""
    inputs = ((Panel.TICK, "n_intervals", 1), (Panel.HIT_RATE_WHOSE, "value", whose))
    call = {
        "output": f"{Panel.PARTS}.data",
        "outputs": {"id": Panel.PARTS, "property": "data"},
        "inputs": [
            {"id": id_, "property": prop, "value": value}
            for id_, prop, value in (*inputs, (Panel.VIEWER, "data", viewer))
        ],
        "changedPropIds": [f"{Panel.TICK}.n_intervals"],
    }
    headers = {"Content-Type": "application/json"}
    answer, body = ask.send("POST", "/_dash-update-component", json.dumps(call).encode(), **headers)
    assert answer.status == 200
    found: dict[str, Any] = json.loads(body)["response"][Panel.PARTS]["data"]
    return found


def assert_monitor(
    stats: dict[str, Any], series: dict[str, Any], groups: dict[str, Any], tally: Tally
) -> None:
    """Assert that the texts of `/monitor`, as its scripts make them, have these figures."""
    given = json.dumps({"stats": stats, "series": series, "groups": groups})
    run = subprocess.run(
        [find_deno_bin(), "run", "--quiet", "--no-remote", TEXTS],
        input=given,
        capture_output=True,
        text=True,
        check=True,
        timeout=WITHIN_S,
    )
    texts = json.loads(run.stdout)
    counts = tally.counts
    refused = refused_of(counts)
    assert texts["rate"].endswith(f" | {sum_of(counts, 'demand.'):,} in all")
    assert texts["quick"].endswith(f" | of {sum_of(counts, 'perceived.'):,}")
    failed = counts["requests.script_503"]
    assert texts["errors"] == f"{failed} | {refused:,} refused · {counts['page.skipped']:,} skipped"
    assert texts["cache"].partition(" | ")[0] == share(tally)
    assert texts["Reports of pages"] == (
        f"{counts['reports.accepted']:,} slices, {counts['reports.refused']:,} refused"
    )
    assert texts["Pages fetched ahead"].startswith(f"{counts['page.ahead']:,} slices, ")
    assert f"({counts['accesses']:,} accesses to bricks)" in texts["sizes"]
    ahead = stats["prefetch"]
    assert texts["Bricks"] == (
        f"{ahead['decoded']:,} decoded, {ahead['used']:,} used, {ahead['late']:,} late"
    )
    lead = ahead["lead"]
    assert texts.get("When needed", "0 ready, 0 in progress, 0 not begun") == (
        f"{lead['ready']:,} ready, {lead['joined']:,} in progress, {lead['not_begun']:,} not begun"
    )
    shown = {(by, name): count for by in BY for name, count, *_ in texts[by]}
    assert shown == {group: f"{count:,}" for group, count in demanded_groups(tally).items()}


def demanded_groups(tally: Tally) -> dict[tuple[str, str], int]:
    """The demands of each volume, axis and viewer."""
    return {group: count for group, count in tally.groups.items() if group[0] in BY}


def refused_of(counts: Counter[str]) -> int:
    """Requests that were refused; those fetched ahead also where the cache had no space for them."""
    return sum(n for name, n in counts.items() if re.match(r"requests\.(\w+_4|ahead_5)", name))


def sum_of(counts: Counter[str], prefix: str) -> int:
    """The sum of the counts with names that begin like this."""
    return sum(count for name, count in counts.items() if name.startswith(prefix))


def share(tally: Tally) -> str:
    """The hit rate in percent, rounded down to a tenth."""
    served = sum(tally.counts[f"demand.{o}"] for o in ("ring", "hit", "prefetched"))
    tenths = 1000 * served // sum_of(tally.counts, "demand.")
    return f"{tenths / 10:g} %"


def assert_pages(url: str, chromium: str, tally: Tally) -> None:
    """Assert that both pages show these figures in a browser, which requests no slice.

    In a thread of its own, since the Playwright of another test may be running in this one.
    """
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_read_pages, url, chromium, tally).result()


def _read_pages(url: str, chromium: str, tally: Tally) -> None:
    counts, within = tally.counts, {"timeout": 1000 * WITHIN_S}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.goto(f"{url}/monitor?range=1h&row=machine")
        notes = {
            "rate": f"{sum_of(counts, 'demand.'):,} in all",
            "quick": f"of {sum_of(counts, 'perceived.'):,}",
            "errors": f"{refused_of(counts):,} refused · {counts['page.skipped']:,} skipped",
        }
        for tile, note in notes.items():
            expect(page.locator(f"[data-tile={tile}] .tile-note")).to_have_text(note, **within)
        reports = f"{counts['reports.accepted']:,} slices, {counts['reports.refused']:,} refused"
        expect(page.locator("#row-machine")).to_contain_text(reports, **within)
        page.goto(f"{url}/?file=none.h5")
        page.get_by_text("Everyone", exact=True).click()
        for outcome in Outcome:
            text = f"{counts[f'demand.{outcome}']:,}"
            expect(page.locator(f"#outcome-{outcome}")).to_have_text(text, **within)
        expect(page.locator(f"#{Panel.HIT_RATE_VALUE}")).to_have_text(share(tally), **within)
        browser.close()
