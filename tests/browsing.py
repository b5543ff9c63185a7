"""What viewers and scripts ask of a server, and pages report, with a tally of it; drawn from a seed."""

from __future__ import annotations

import http.client
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from dashboard.telemetry.row_limit import ROWS_PER_SECOND
from tests.tally import BROWSER_STAGES, NoAnswer, Tally, Viewer, groups_of

# Shape of the volumes `/scan` and `/other` of the file `v.h5`; `/wide` has slices of more cells than an answer may
# have, and `/text` cannot be shown.
SHAPE = (40, 60, 50)
MAX_CELLS = 60 * 50


class Browsing:
    """What one viewer does, drawn from a seed: slices of all kinds, mistakes, reports."""

    def __init__(self, port: int, name: str, tally: Tally, seed: int) -> None:
        self._viewer = Viewer(port, name, tally)
        self._name = name
        self._tally = tally
        self._rng = random.Random(seed)
        self._at = self._rng.randrange(SHAPE[0])
        # Tags of answers, by what was requested.
        self._tags: list[tuple[dict[str, str], str]] = []
        self._version = ""
        self._seed = seed
        self._others = 0

    def go(self, requests: int, to_the_end: bool = True) -> None:
        """Send so many requests, or only until there is no answer."""
        acts: list[tuple[Callable[[], object], float]] = [
            (self._slice, 50),
            (self._again, 10),
            (lambda: self._slice(ahead="1"), 8),
            (self._script, 8),
            (self._mistake, 10),
            (self._report, 6),
            (self._bad_report, 3),
            (self._long_report, 1),
            (self._uncounted, 2),
        ]
        for act in self._rng.choices([a for a, _ in acts], [w for _, w in acts], k=requests):
            if self._rng.random() < 0.1:
                self._viewer.close()
            act()
            if self._tally.unanswered and not to_the_end:
                break
        self._viewer.close()

    def _query(self, **more: str) -> dict[str, str]:
        rng = self._rng
        self._at = (self._at + rng.choice((1, 1, 1, -1, 9))) % SHAPE[0]
        selection = rng.choice(
            (
                *[f"{self._at},:,:"] * 4,
                f":,{self._at},:",
                f":,:,{self._at}",
                f"{self._at},0:60:2,::3",
            )
        )
        query = {
            "file": "v.h5",
            "dataset": rng.choice(("/scan", "/scan", "/other")),
            "selection": selection,
            "format": rng.choice(("u8", "u8", "raw", "npy", "png")),
            "window": rng.choice(("volume", "volume", "slice", "10,3000")),
            "norm": rng.choice(("linear", "linear", "log")),
            "pool": rng.choice(("nearest", "mean")),
        }
        return query | more

    def _slice(self, **more: str) -> None:
        query = self._query(viewer=self._name, **more)
        answer = self._ask(query, 200)
        if answer is not None:
            self._version = answer.getheader("X-Volume-Version", "")
            if "ahead" not in query:
                self._tags.append((query, answer.getheader("ETag", "")))

    def _ask(
        self, query: dict[str, str], status: int, tag: str | None = None
    ) -> http.client.HTTPResponse | None:
        """Request a slice that is to be answered with this status; None without an answer."""
        answer = self._viewer.slice(query, tag)
        if answer is not None and answer.status != status:
            # A full cache has no space for what is fetched ahead.
            assert (answer.status, query.get("ahead")) == (503, "1"), (query, answer.status)
        return answer

    def _again(self) -> None:
        """What the page has already: 304, for the other tag 200."""
        if not self._tags:
            return
        query, tag = self._rng.choice(self._tags)
        stale = self._rng.random() < 0.2
        self._ask(query, 200 if stale else 304, '"another"' if stale else tag)

    def _script(self) -> None:
        """Slices without a viewer; another parameter's name does not make a viewer."""
        more = self._rng.choice(({}, {"previewer": "ann"}, {"ahead": "1"}))
        self._ask(self._query(**more), 200)

    def _mistake(self) -> None:
        """Requests that are refused, of viewers, their pages and scripts."""
        wrong, status = self._rng.choice(
            (
                ({"selection": "99,:,:"}, 400),
                ({"selection": "1,2,:"}, 400),
                ({"format": "tiff"}, 400),
                ({"window": "9,1"}, 400),
                ({"viewer": "a b"}, 400),
                ({"viewer": ""}, 400),
                ({"ahead": "2"}, 400),
                ({"file": "w.h5"}, 404),
                ({"dataset": "/nothing"}, 404),
                ({"dataset": "/wide", "selection": "0,:,:"}, 413),
                ({"dataset": "/text", "selection": ":,:"}, 422),
            )
        )
        who = self._rng.choice(({"viewer": self._name}, {"viewer": self._name, "ahead": "1"}, {}))
        self._ask(self._query(**who) | wrong, status)

    def _row(self, **more: Any) -> dict[str, Any]:
        stages = self._rng.sample(BROWSER_STAGES, self._rng.randrange(1, 6))
        row = {"file": "v.h5", "dataset": "/scan", "selection": f"{self._at},:,:", "axis": 0}
        row |= {"index": self._at, "source": self._rng.choice(("ring", "ring", "bricks", "miss"))}
        row |= {f"{stage}_ms": 2.0 for stage in stages}
        if self._rng.random() < 0.8:
            row["perceived_ms"] = self._rng.choice((20.0, 100.0, 300.0))
        return row | more

    def _bad_row(self) -> tuple[str, dict[str, Any]]:
        reason, wrong = self._rng.choice(
            (
                ("malformed", {"source": "disk"}),
                ("malformed", {"draw_ms": -1.0}),
                ("unknown", {"file": "w.h5"}),
                ("unknown", {"version": "0123456789abcdef"}),
                ("contradictory", {"index": (self._at + 1) % SHAPE[0]}),
                ("contradictory", {"selection": "99,:,:"}),
            )
        )
        return reason, self._row(**wrong)

    def _report(self) -> None:
        """A report of painted slices, some rows of which are refused."""
        if not self._version:  # Rows of volumes that nobody has opened are refused.
            self._slice()
        counted: Counter[str] = Counter()
        groups: list[dict[str, str]] = []
        # Few enough that no viewer sends too many within a second, however fast the server is.
        rows = [self._row() for _ in range(self._rng.randrange(1, 3))]
        for row in rows:
            counted["reports.accepted"] += 1
            counted.update(f"stages.{stage}" for stage in BROWSER_STAGES if f"{stage}_ms" in row)
            outcome = "hit" if row["source"] == "bricks" else row["source"]
            if "perceived_ms" in row:
                counted[f"perceived.{outcome}"] += 1
                counted["seen"] += row["perceived_ms"] <= 100.0
            if outcome == "ring":
                counted["demand.ring"] += 1
                groups.append(groups_of(row, self._name))
        for _ in range(self._rng.randrange(2)):
            reason, row = self._bad_row()
            counted.update(("reports.refused", f"reports.{reason}"))
            rows.insert(self._rng.randrange(len(rows) + 1), row)
        skipped, ahead = self._rng.randrange(3), self._rng.randrange(4)
        more = {"skipped": skipped, "ahead": {"count": ahead, "bytes": 1000 * ahead}}
        counted.update(
            {"page.skipped": skipped, "page.ahead": ahead, "page.ahead_bytes": 1000 * ahead}
        )
        groups += [{"skipped": self._name}] * skipped
        body = json.dumps({"viewer": self._name, "slices": rows} | more).encode()
        assert self._viewer.report(body, counted, groups) in (204, 0)

    def _bad_report(self) -> None:
        rows = [self._row(source="disk") for _ in range(self._rng.randrange(1, 3))]
        whole = {"viewer": self._name, "slices": rows, "skipped": 1}
        body, count = self._rng.choice(
            (
                (b"{", 1),
                (json.dumps(whole | {"viewer": "a b"}).encode(), 1),
                (json.dumps(whole).encode(), len(rows)),
            )
        )
        counted = Counter({"reports.refused": count, "reports.malformed": count})
        assert self._viewer.report(body, counted, []) in (400, 0)

    def _long_report(self) -> None:
        """More rows than a viewer may send within a second, of a viewer that has sent none before."""
        if not self._version:
            self._slice()
        self._others += 1
        volume = {"file": "v.h5", "dataset": "/scan", "selection": "3,:,:"}
        more = self._rng.randrange(1, 5)
        rows = [volume | {"source": "bricks", "draw_ms": 1.0}] * (ROWS_PER_SECOND + more)
        body = {"viewer": f"{self._name}-{self._seed}-{self._others}", "slices": rows}
        counted = Counter({"reports.accepted": ROWS_PER_SECOND, "stages.draw": ROWS_PER_SECOND})
        counted.update({"reports.refused": more, "reports.too_frequent": more})
        assert self._viewer.report(json.dumps(body).encode(), counted, []) in (204, 0)

    def _uncounted(self) -> None:
        """Requests that are no slices, and a request for the headers of one."""
        if self._rng.random() < 0.5:
            self._viewer.slice(self._query(viewer=self._name), method="HEAD")
            return
        try:
            self._viewer.json("/api/v1/datasets", file="v.h5")
            volume = {"file": "v.h5", "dataset": "/scan"}
            self._viewer.json("/api/v1/value", **volume, index="1,2,3")
            self._viewer.json("/api/v1/residency", **volume, selection="3,:,:", axis="0")
        except NoAnswer:
            return
