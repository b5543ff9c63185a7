"""`python -m bench.soak`: an hour of mixed load, judged by the first and the last ten minutes."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench.soak.load import Seen, soak
from bench.soak.resources import MIB, changes

COMPARED: Final = 1000
# Caches and pools fill in the meantime, which is no growth.
WARM_UP_SHARE: Final = 1 / 12
PART_SHARE: Final = 1 / 6
SHARE: Final = 0.1
# Of the time; and of the slices, some of which are asked for while processes are being replaced.
ENOUGH: Final = 0.9
COMPARED_ENOUGH: Final = 0.5
# By unit. The allocator keeps up to 64 MiB of freed memory in each of two processes. Each of the three kinds of
# processes has a pool of workers that comes and goes. Metadata of files that are replaced is kept up to 64 MiB, in
# files as far as a row is longer than 32 kB.
SLACK: Final[dict[str, float]] = {
    "bytes": 128 * MIB,
    "disk": 64 * MIB,
    "files": 300,
    "descriptors": 40,
    "threads": 20,
    "processes": 4,
}


def main() -> int:
    """Measure and print as JSON, also when interrupted; status 1 when something grew or a slice was wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--compared", type=int, default=COMPARED, help="slices to compare")
    parser.add_argument("--folder", type=Path, help="for files and caches, which are removed")
    parser.add_argument(
        "--wait-while", type=Path, metavar="PATH", help="begin no round while this file exists"
    )
    given = parser.parse_args()
    wait, seen = given.wait_while, Seen()
    with (
        tempfile.TemporaryDirectory(prefix="soak-", dir=given.folder) as folder,
        suppress(KeyboardInterrupt),
    ):
        busy = wait.exists if wait else lambda: False
        soak(Path(folder), given.seconds, given.compared, seen, busy=busy)
    found = report(seen)
    print(json.dumps(found, indent=2))
    wrong = faults(found, given.seconds, given.compared)
    for fault in wrong:
        print(fault, file=sys.stderr)
    return int(bool(wrong))


def report(seen: Seen) -> dict[str, Any]:
    """All that was seen as JSON values."""
    seconds = seen.samples[-1].at_s if seen.samples else 0.0
    used = [one for one in seen.samples if one.at_s >= seconds * WARM_UP_SHARE]
    change = changes(used, seconds * PART_SHARE, SLACK, SHARE) if used else {}
    lost = sum((Counter(one["lost"]) for one in seen.rounds), Counter[str]())
    return {
        "seconds": seconds,
        "slices": sum(one["requested"] for one in seen.rounds),
        "lost": dict(lost),
        "p50_ms": [round(one["p50_ms"], 1) for one in seen.rounds],
        "p99_ms": [round(one["p99_ms"], 1) for one in seen.rounds],
        "swept": dict(seen.swept),
        "restarts": dict(seen.restarts),
        "hostile": dict(sorted(seen.hostile.items())),
        "compared": asdict(seen.compared),
        "log": dict(seen.log_lines.most_common(20)),
        "resources": {name: asdict(one) for name, one in change.items()},
    }


def faults(found: dict[str, Any], seconds: float, compared: int) -> list[str]:
    """A sentence for each thing that is not as it should be, or was not looked at for long enough."""
    short = []
    if found["seconds"] < seconds * ENOUGH:
        short.append(f"It ended after {found['seconds']:,.0f} of {seconds:,.0f} s.")
    if found["compared"]["equal"] < compared * COMPARED_ENOUGH:
        short.append(f"{found['compared']['equal']:,} of {compared:,} slices were compared.")
    grown = [
        f"{name} grew from {one['first']:,.0f} to {one['last']:,.0f}."
        for name, one in found["resources"].items()
        if not one["flat"]
    ]
    wrong = [f"{one} is not what h5py reads." for one in found["compared"]["wrong"]]
    failed = [f"{name}: a hostile request." for name in found["hostile"] if name.endswith(": 500")]
    return [*short, *wrong, *failed, *grown]


if __name__ == "__main__":
    sys.exit(main())
