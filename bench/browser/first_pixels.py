"""`python -m bench.browser.first_pixels FILE DATASET`: when a link shows its slice in a browser.

Each time is of a profile of its own, which has nothing of the page in its cache, on loopback and on a slow link.
The server has the slice.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from playwright.sync_api import Browser

from bench.browser.tab import chromium, script, tab
from dashboard.benchmarking.server import Server, serving
from dashboard.storage.private_directory import ensure_private_directory

WITHIN_MS: Final = 120_000


@dataclass(frozen=True)
class Link:
    """What a browser has between it and the server."""

    name: str
    bytes_a_s: int
    latency_ms: int


LOOPBACK: Final = Link("loopback", -1, 0)
SLOW: Final = Link("2 Mbit/s, 150 ms", 250_000, 150)


@dataclass(frozen=True)
class Opened:
    """Times since the navigation began (s), and the bytes that came for the page (MB)."""

    first: float
    """Until pixels of the slice were on the screen."""
    whole: float
    """Until the picture with its axes was at rest."""
    page: float


def opened(browser: Browser, server: Server, query: dict[str, Any], link: Link) -> Opened:
    """Open a slice in a profile of its own."""
    server.wait_until_idle()
    with tab(browser) as one:
        one.page.add_init_script(script("watch-first"))
        one.tools.send("Network.enable")
        conditions = {
            "offline": False,
            "latency": link.latency_ms,
            "downloadThroughput": link.bytes_a_s,
            "uploadThroughput": link.bytes_a_s,
        }
        one.tools.send("Network.emulateNetworkConditions", conditions)
        address = f"http://127.0.0.1:{server.port}/?{urlencode(query)}"
        one.page.goto(address, wait_until="commit", timeout=WITHIN_MS)
        one.page.wait_for_function(
            "() => window.wholePicture < Infinity && window.wholePicture", timeout=WITHIN_MS
        )
        first, whole, size = (
            one.page.evaluate(text)
            for text in (
                "() => window.firstPixels",
                "() => window.wholePicture",
                script("transferred"),
            )
        )
    return Opened(first / 1e3, whole / 1e3, size / 1e6)


def main() -> int:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.browser.first_pixels", description=__doc__
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("--index", type=int, default=100, help="along the first axis")
    parser.add_argument("--runs", type=int, default=7, help="of each link")
    parser.add_argument("--folder", type=Path, help="for the caches, which are removed")
    given = parser.parse_args()
    query = {"file": "v", "dataset": given.dataset, "axis": 0, "index": given.index}
    with (
        tempfile.TemporaryDirectory(prefix="first-pixels-", dir=given.folder) as folder,
        serving([f"v={given.file}"], ensure_private_directory(Path(folder) / "cache")) as server,
        chromium() as browser,
    ):
        opened(browser, server, query, LOOPBACK)
        found = {
            link.name: figures([opened(browser, server, query, link) for _ in range(given.runs)])
            for link in (LOOPBACK, SLOW)
        }
        print(json.dumps(found, indent=2))
    return 0


def figures(times: list[Opened]) -> dict[str, dict[str, float]]:
    """The median and the range of each figure."""
    rows = [asdict(one) for one in times]
    return {
        name: {
            "median": round(statistics.median(row[name] for row in rows), 3),
            "least": round(min(row[name] for row in rows), 3),
            "most": round(max(row[name] for row in rows), 3),
        }
        for name in rows[0]
    }


if __name__ == "__main__":
    sys.exit(main())
