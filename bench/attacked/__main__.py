"""`python -m bench.attacked`: ten minutes of load alone, and ten with concurrent hostile requests."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench.attacked.load import measure

MOST_TIMES = 2.0


def main() -> int:
    """Measure and print as JSON; status 1 when a response was lost or p99 more than doubled."""
    parser = argparse.ArgumentParser(prog="python -m bench.attacked", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="of each of the two parts")
    parser.add_argument("--folder", type=Path, help="for files and caches, which are removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="attacked-", dir=given.folder) as folder:
        result = measure(Path(folder), given.seconds)
    print(json.dumps(result.to_json(), indent=2))
    lost = sum(result.attacked.lost.values())
    if lost:
        print(f"{lost} responses were lost.", file=sys.stderr)
    if result.ratio > MOST_TIMES:
        print(f"p99 is {result.ratio:.1f} times as long as without attack.", file=sys.stderr)
    return int(bool(lost) or result.ratio > MOST_TIMES)


if __name__ == "__main__":
    sys.exit(main())
