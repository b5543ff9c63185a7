"""Opening a file for the first time, however slow, never occupies all threads of a server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard import errors
from dashboard.storage.keyed_locks import ImpatientLocks
from tests import files
from tests.parts import Parts

ASKS: dict[str, Callable[[Parts, int], Any]] = {
    "slices of many names": lambda here, n: here.library.volume("data/busy.h5", f"/c{n}/v"),
    "one name": lambda here, n: here.library.volume("data/busy.h5", "/v"),
    "listings": lambda here, n: here.library.datasets("data/busy.h5"),
    "attributes": lambda here, n: here.nodes.node("data/busy.h5", f"/c{n}/v"),
}


@pytest.mark.parametrize("ask", ASKS)
def test_one_thread_waits_for_a_busy_file_and_the_others_are_refused(
    here: Parts, data: Path, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    values = np.arange(400, dtype="u2").reshape(4, 10, 10)
    for name in ("busy", "other"):
        files.write(data / f"{name}.h5", x=(values, {"chunks": (1, 10, 10)}))
    inside, go_on = threading.Event(), threading.Event()
    asked: list[str] = []
    child = here.library.hdf5.call

    def hang(request: Any, file: Any, **limits: Any) -> Any:
        if "busy.h5" not in str(getattr(file, "path", file)):
            return child(request, file, **limits)
        asked.append(request.op)
        inside.set()
        assert go_on.wait(60)
        raise errors.CannotShow("The HDF5 library took longer than 10 s on this file.")

    monkeypatch.setattr(here.library.hdf5, "call", hang)
    here.library.first_opens = ImpatientLocks(0.05, "Later.")

    def outcome_of(number: int) -> errors.LamellaError:
        with pytest.raises(errors.LamellaError) as caught:
            ASKS[ask](here, number)
        return caught.value

    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(outcome_of, 0)
        assert inside.wait(60)
        others = [pool.submit(outcome_of, number) for number in range(1, 9)]
        assert {type(other.result(60)) for other in others} == {errors.Busy}
        assert here.library.volume("data/other.h5", "/x").shape == (4, 10, 10)
        assert len(asked) == 1
        go_on.set()
        assert isinstance(first.result(60), errors.CannotShow)
