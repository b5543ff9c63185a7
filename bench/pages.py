"""`python -m bench.pages`: what pages cost, the server's time for open monitors and long tasks of the viewer.

Times of processors, so that a busy machine changes them little; the wall time of tasks is given beside.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import numpy as np
import urllib3
from playwright.sync_api import Browser, Request

from bench.browser.tab import chromium, tab
from bench.load.warm import write
from dashboard.benchmarking.processes import busy_s
from dashboard.benchmarking.server import Server, serving
from dashboard.storage.private_directory import ensure_private_directory

MONITORS: Final = 10
ROWS: Final = ("latency", "requests", "caches", "prefetch", "machine")
# Slices that are looked at before monitors are opened, so that there are figures.
VIEWERS: Final = 5
LOOKS: Final = 60
FILE: Final = "pages.h5"
SHAPE: Final = (480, 680, 680)
CHUNKS: Final = (20, 85, 85)
LONG_MS: Final = 50.0
RATES: Final = (3.0, 30.0)
CATEGORIES: Final = ("toplevel", "blink.user_timing", "devtools.timeline")


@dataclass(frozen=True)
class Poll:
    """A request of a monitor, and when it was sent after the page was open (s)."""

    at: float
    target: str


def main() -> int:
    """Measure and print as JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each measurement")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=ROWS, help="of the monitor")
    parser.add_argument("--folder", type=Path, help="for files and caches, which are removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pages-", dir=given.folder) as folder:
        path = Path(folder) / FILE
        write([path], SHAPE, CHUNKS)
        print(json.dumps(measure(path, Path(folder), given.seconds, given.rows), indent=2))
    return 0


def measure(path: Path, folder: Path, seconds: float, rows: Sequence[str]) -> dict[str, Any]:
    """Both measurements on one server."""
    with (
        serving([str(path)], ensure_private_directory(folder / "cache")) as server,
        chromium() as browser,
    ):
        view(server)
        server.wait_until_idle()
        alone = spent(server, seconds)
        monitors = {}
        for row in rows:
            polls = recorded(browser, server, row, seconds)
            server.wait_until_idle()
            monitors[row] = replayed(server, polls, seconds) | {"requests_of_one": len(polls)}
        return {
            "server_s_a_minute_without_pages": alone * 60.0 / seconds,
            "monitors": monitors,
            "tasks": {
                "at rest": tasks(browser, server, 0.0, seconds),
                **{f"{r:.0f} keys/s": tasks(browser, server, r, seconds) for r in RATES},
            },
        }


def view(server: Server) -> None:
    """Viewers look at slices, near each other and anywhere."""
    rng = random.Random(3)
    length = SHAPE[0]
    with server.client() as client:
        for viewer in range(VIEWERS):
            at = rng.randrange(length)
            for _ in range(LOOKS):
                at = rng.randrange(length) if rng.random() < 0.1 else (at + 1) % length
                client.slice(FILE, "volume", f"{at},:,:", viewer=f"viewer{viewer}")


def spent(server: Server, seconds: float) -> float:
    """Processor time of the server over some time (s)."""
    before = busy_s(server.pid)
    time.sleep(seconds)
    return busy_s(server.pid) - before


def recorded(browser: Browser, server: Server, row: str, seconds: float) -> list[Poll]:
    """What one monitor requests, once it is open."""
    polls: list[Poll] = []
    with tab(browser) as page:
        page.page.goto(f"http://127.0.0.1:{server.port}/monitor?row={row}")
        page.page.wait_for_function(
            "(row) => document.getElementById('monitor')?.dataset.drawn === row", arg=row
        )
        began = time.monotonic()

        def sent(request: Request) -> None:
            address = urlsplit(request.url)
            if address.path.startswith("/api/"):
                target = address.path + (f"?{address.query}" if address.query else "")
                polls.append(Poll(time.monotonic() - began, target))

        page.page.on("request", sent)
        page.page.wait_for_timeout(seconds * 1000)
    return polls


def replayed(server: Server, polls: Sequence[Poll], seconds: float) -> dict[str, float]:
    """The server's processor time for `MONITORS` of them, begun one after the other (s a minute)."""
    first = polls[0].at if polls else 0.0
    threads = [
        threading.Thread(target=_replay, args=(server, polls, first * number / MONITORS))
        for number in range(MONITORS)
    ]
    before = busy_s(server.pid)
    end = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    time.sleep(max(0.0, end - time.monotonic()))
    return {"server_s_a_minute": (busy_s(server.pid) - before) * 60.0 / seconds}


def _replay(server: Server, polls: Sequence[Poll], later: float) -> None:
    began = time.monotonic() - later
    with urllib3.HTTPConnectionPool("127.0.0.1", server.port, maxsize=2) as pool:
        for poll in polls:
            time.sleep(max(0.0, began + poll.at - time.monotonic()))
            response = pool.request("GET", poll.target, headers={"Accept-Encoding": "gzip"})
            if response.status != 200:
                raise RuntimeError(f"{poll.target}: {response.status}")


def tasks(browser: Browser, server: Server, rate: float, seconds: float) -> dict[str, float]:
    """Tasks of the page's main thread, while a key is pressed `rate` times a second, and back at the end."""
    length = SHAPE[0]
    with tab(browser) as page:
        query = {"file": FILE, "dataset": "volume", "axis": 0, "index": length // 4}
        page.page.goto(f"http://127.0.0.1:{server.port}/?{urlencode(query)}")
        page.await_seen(length // 4)
        page.rest()
        browser.start_tracing(page=page.page, categories=list(CATEGORIES))
        began = time.monotonic()
        if rate == 0.0:
            page.page.wait_for_timeout(seconds * 1000)
        keys = itertools.cycle(["ArrowRight"] * (length // 2) + ["ArrowLeft"] * (length // 2))
        while rate > 0.0 and time.monotonic() - began < seconds:
            page.page.keyboard.press(next(keys))
            page.page.wait_for_timeout(1000 / rate)
        events = json.loads(browser.stop_tracing())["traceEvents"]
        shown = len(page.seen())
    return task_figures(events) | {"slices": shown}


def task_figures(events: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Long tasks of the threads that ran the page, by processor time and by wall time (ms)."""
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event.get("name") == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    found = [
        event
        for event in events
        if event.get("ph") == "X"
        and event["name"] in {"ThreadControllerImpl::RunTask", "RunTask"}
        and (event["pid"], event["tid"]) in mains
    ]
    cpu = np.array([event.get("tdur", event["dur"]) for event in found] or [0.0]) / 1e3
    wall = np.array([event["dur"] for event in found] or [0.0]) / 1e3
    return {
        "tasks": len(found),
        "longest_cpu_ms": float(cpu.max()),
        "over_50_ms_cpu": int((cpu > LONG_MS).sum()),
        "longest_wall_ms": float(wall.max()),
        "over_50_ms_wall": int((wall > LONG_MS).sum()),
    }


if __name__ == "__main__":
    sys.exit(main())
