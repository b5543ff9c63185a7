"""A tally from outside: what a client counts of its own requests and answers, and what a server says of them.

Keys are names of counters, such as `demand.hit`, `requests.script_404` or `stages.decode`. The client knows
nothing but statuses, headers and what it reported; a server says it in its statistics, its metrics and as CSV.
"""

from __future__ import annotations

import csv
import http.client
import io
import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from prometheus_client.parser import text_string_to_metric_families

from dashboard.benchmarking.client import outcome_of

TIMEOUT_S = 60.0
BROWSER_STAGES = ("waited", "transfer", "convert", "draw", "display")
# Counters of stats and series that a client cannot know, or that are no counts.
REPORTS = ("accepted", "refused", "malformed", "unknown", "contradictory", "too_frequent")


class NoAnswer(Exception):
    """The server went away before the whole answer was there; it may have counted the request."""


@dataclass(frozen=True)
class Answer:
    """When a request was sent and its answer was there (Unix time, s), and what was counted."""

    sent: float
    received: float
    counts: Counter[str]


@dataclass
class Tally:
    """What one client counted.

    `unanswered` is the number of requests without an answer, `perhaps` what those of them would have counted of
    which that is known.
    """

    counts: Counter[str] = field(default_factory=Counter)
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: list[Answer] = field(default_factory=list)
    unanswered: int = 0
    perhaps: Counter[str] = field(default_factory=Counter)

    def add(self, sent: float, new: Counter[str], groups: Iterable[Mapping[str, str]] = ()) -> None:
        """Count an answer, which is here now, and the groups of its demands."""
        self.counts.update(new)
        self.answers.append(Answer(sent, time.time(), new))
        for one in groups:
            self.groups.update(one.items())

    def include(self, other: Tally) -> None:
        """Count what another client counted."""
        self.counts.update(other.counts)
        self.groups.update(other.groups)
        self.answers += other.answers
        self.unanswered += other.unanswered
        self.perhaps.update(other.perhaps)


class Viewer:
    """A client with a tally; `name` is its viewer's id. Not thread-safe."""

    def __init__(self, port: int, name: str, tally: Tally) -> None:
        self.name = name
        self._tally = tally
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)

    def close(self) -> None:
        """Close the connection; the next request has a new one, perhaps to another process."""
        self._connection.close()

    def send(
        self, method: str, target: str, body: bytes | None = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """The answer and its body; `NoAnswer` without one."""
        try:
            self._connection.request(method, target, body, headers)
            answer = self._connection.getresponse()
            return answer, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise NoAnswer from error

    def slice(
        self, query: Mapping[str, str], tag: str | None = None, method: str = "GET"
    ) -> http.client.HTTPResponse | None:
        """Request a slice and count the answer; None without one."""
        headers = {} if tag is None else {"If-None-Match": tag}
        sent = time.time()
        try:
            answer, body = self.send(method, f"/api/v1/slice?{urlencode(query)}", **headers)
        except NoAnswer:
            self._tally.unanswered += 1
            return None
        kind = "demand" if "viewer" in query else "script"
        if kind == "demand" and query.get("ahead") == "1":
            kind = "ahead"
        new = Counter({f"requests.{kind}_{answer.status}": 1, "queue": 1})
        groups: list[dict[str, str]] = []
        status = answer.getheader("Cache-Status", "")
        if answer.status in (200, 304) and kind == "demand":
            outcome = outcome_of(status)
            new.update((f"demand.{outcome}", f"server.{outcome}"))
            new[f"sent_bytes.{outcome}"] += len(body)
            bricks = status.partition(",")[0]
            if "fwd=miss" in bricks:
                new[f"reasons.{bricks.rpartition('detail=')[2]}"] += 1
            new["variants"] += "detail=variant" in status
            for part in answer.getheader("Server-Timing", "").split(","):
                stage = part.partition(";")[0].strip()
                new[f"stages.{stage}"] += stage not in ("queue", "total")
            groups.append(groups_of(query, self.name))
        elif kind == "demand" and query["viewer"] == self.name:
            groups.append({"failed": self.name})
        # What is fetched ahead, by whomever, is no demand.
        if answer.status == 200 and query.get("ahead") != "1" and status.startswith("bricks"):
            new["accesses"] += 1
            new["accesses_hits"] += outcome_of(status) != "miss"
        self._tally.add(sent, new, groups)
        return answer

    def report(self, body: bytes, counted: Counter[str], groups: list[dict[str, str]]) -> int:
        """Send a report that is to be counted like this; returns the status, 0 without an answer."""
        sent = time.time()
        try:
            answer, _ = self.send("POST", "/api/v1/telemetry", body)
        except NoAnswer:
            self._tally.unanswered += 1
            self._tally.perhaps.update(counted)
            return 0
        self._tally.add(sent, counted, groups)
        return answer.status

    def json(self, path: str, **query: str) -> Any:
        """The JSON of something that is not counted."""
        return json.loads(self.text(path, **query))

    def text(self, path: str, **query: str) -> str:
        """The text of something that is not counted."""
        target = f"{path}?{urlencode(query)}"
        try:
            answer, body = self.send("GET", target)
        except NoAnswer:  # The connection was to a process that has ended.
            answer, body = self.send("GET", target)
        assert answer.status == 200, body
        return body.decode()


def groups_of(query: Mapping[str, str], viewer: str) -> dict[str, str]:
    """The groups of a demand."""
    fixed = [str(d) for d, item in enumerate(query["selection"].split(",")) if ":" not in item]
    return {"volume": query["file"] + query["dataset"], "axis": ",".join(fixed), "viewer": viewer}


def of_stats(stats: Mapping[str, Any]) -> Counter[str]:
    """What `/api/v1/stats` says."""
    found = Counter({f"demand.{name}": count for name, count in stats["demand"].items()})
    found.update({f"reasons.{name}": count for name, count in stats["reasons"].items()})
    for name in ("server", "perceived", "stages"):
        found.update({f"{name}.{key}": one["count"] for key, one in stats[name].items()})
    for kind, codes in stats["requests"].items():
        found.update({f"requests.{kind}_{code}": count for code, count in codes.items()})
    found.update({f"reports.{name}": stats["reports"][name] for name in REPORTS})
    found.update({f"page.{name}": count for name, count in stats["page"].items()})
    found["variants"] = stats["variants"]
    found["queue"] = stats["queue"]["count"] if stats["queue"] else 0
    found["accesses"] = stats["cache_sizes"]["accesses"]
    found["accesses_hits"] = stats["cache_sizes"]["hits"]
    return _counts(found)


# Counters of series and metrics by their names here.
_RENAMED = {
    "misses": "reasons",
    "frames.variant": "variants",
    "simulated.accesses": "accesses",
    "simulated.hits": "accesses_hits",
}


def of_csv(text: str) -> Counter[str]:
    """What the columns of `/api/v1/stats/series` add up to."""
    found: Counter[str] = Counter()
    for line in csv.DictReader(io.StringIO(text)):
        for name, value in line.items():
            kind, _, rest = name.partition(".")
            if kind == "demand":
                found[name] += int(value)
            elif kind == "seen_within_100_ms":
                found["seen"] += int(value)
            elif name.endswith(".count"):
                found[name.removesuffix(".count")] += int(value)
            elif kind == "counters":
                first, dot, last = rest.partition(".")
                renamed = _RENAMED.get(rest, f"{_RENAMED.get(first, first)}{dot}{last}")
                if renamed.partition(".")[0] in KNOWN:
                    found[renamed] += int(value)
    return _counts(found)


def of_metrics(text: str) -> Counter[str]:
    """What `/metrics` says."""
    found: Counter[str] = Counter()
    labelled = {
        "lamella_demand_total": "demand",
        "lamella_misses_total": "reasons",
        "lamella_slice_seconds_count": "server",
        "lamella_perceived_seconds_count": "perceived",
        "lamella_stage_seconds_count": "stages",
    }
    plain = {
        "lamella_queue_seconds_count": "queue",
        "lamella_frames_variant_total": "variants",
        "lamella_simulated_accesses_total": "accesses",
        "lamella_simulated_hits_total": "accesses_hits",
    }
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            count = int(sample.value)
            if sample.name in labelled:
                found[f"{labelled[sample.name]}.{next(iter(sample.labels.values()))}"] += count
            elif sample.name == "lamella_requests_total":
                found[f"requests.{sample.labels['kind']}_{sample.labels['code']}"] += count
            elif sample.name in plain:
                found[plain[sample.name]] += count
            elif sample.name == "lamella_perceived_seconds_bucket" and sample.labels["le"] == "0.1":
                found["seen"] += count
            for group in ("reports", "page", "sent_bytes"):
                if sample.name.startswith(f"lamella_{group}_"):
                    name = sample.name.removeprefix(f"lamella_{group}_").removesuffix("_total")
                    found[f"{group}.{name}"] += count
    return _counts(found)


def of_distributions(series: Mapping[str, Any]) -> Counter[str]:
    """What the distributions of a series of these add up to, by outcome."""
    found: Counter[str] = Counter()
    for kind in ("server", "perceived"):
        for outcome, buckets in series["histogram"][kind].items():
            found[f"{kind}.{outcome}"] += sum(map(sum, buckets.values()))
    return _counts(found)


def _counts(found: Counter[str]) -> Counter[str]:
    """Without zeros, sums over outcomes, and what a client does not know."""
    return Counter(
        {
            name: count
            for name, count in found.items()
            if count and not name.endswith(".all") and name.partition(".")[0] in KNOWN
        }
    )


KNOWN = frozenset(
    "demand reasons server perceived stages requests reports page variants queue accesses"
    " accesses_hits sent_bytes seen".split()
)
