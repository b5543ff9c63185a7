"""`lamella` for a measurement: python -m bench.cluster.node serve …

It writes a line for each brick that it begins to decode, and decodes by sleeping where that is asked for. What it
is to do comes in one variable, as JSON: `log`, a file; and `seconds_a_byte` and `cores`, of a `DecodeTime`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.cluster.sleeping import DecodeTime, SleepingDecoder
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Purpose
from dashboard.bricks.pending_file import PendingBrickFile
from dashboard.bricks.writer import BrickWriter
from dashboard.catalog.volume import Volume
from dashboard.cli import main as lamella
from dashboard.cli import serve
from dashboard.decoding import bands, brick_readers
from dashboard.settings import Settings

MODULE: Final = "bench.cluster.node"
VARIABLE: Final = "BENCH_NODE"


def main() -> None:
    """Be `lamella`, with children that are this program as well."""
    asked: dict[str, Any] = json.loads(os.environ[VARIABLE])
    command = serve.command

    def ours(settings: Settings, role: str, *more: str) -> list[str]:
        return [MODULE if word == "dashboard" else word for word in command(settings, role, *more)]

    serve.command = ours
    _count_decodes(Path(asked["log"]))
    if asked.get("seconds_a_byte") is not None:
        decode_time = DecodeTime(asked["seconds_a_byte"], Path(asked["cores"]))
        # Where readers are chosen.
        setattr(brick_readers, "Decoder", partial(SleepingDecoder, decode_time=decode_time))  # noqa: B010
        # Each row of chunks is a piece, small as it is: between two of them, decoding ahead yields to demand.
        setattr(bands, "PIECE_BYTES", 1)  # noqa: B010
    lamella(sys.argv[1:])


def variables(log: Path, decode_time: DecodeTime | None = None) -> Mapping[str, str]:
    """The variable of a node that writes to `log`."""
    asked: dict[str, Any] = {"log": str(log)}
    if decode_time is not None:
        asked |= {"seconds_a_byte": decode_time.seconds_a_byte, "cores": str(decode_time.cores)}
    return {VARIABLE: json.dumps(asked)}


def _count_decodes(log: Path) -> None:
    """Write file, name and purpose of each brick that is decoded."""
    begin = BrickWriter.begin
    # One short write to the end of a file is not mixed with another one.
    fd = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)

    def counted(
        self: BrickWriter, volume: Volume, address: BrickAddress, purpose: Purpose
    ) -> PendingBrickFile | None:
        line = [address.volume.file, address.key, address.start, str(purpose)]
        os.write(fd, json.dumps(line).encode() + b"\n")
        return begin(self, volume, address, purpose)

    BrickWriter.begin = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
