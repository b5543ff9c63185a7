"""One maker for each key; nothing is left when nobody needs it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dashboard.storage.keyed import KeyedLocks


def test_one_thread_makes_and_the_others_find_it() -> None:
    locks, made, makers = KeyedLocks(), dict[str, int](), list[int]()
    begin = threading.Barrier(8)

    def want(number: int) -> int:
        begin.wait()
        with locks.held("it"):
            if "it" not in made:
                makers.append(number)
                made["it"] = number
            return made["it"]

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(want, range(8)))
    assert len(makers) == 1
    assert found == set(makers)
    assert locks._locks == {}


def test_keys_do_not_hold_each_other_up() -> None:
    locks = KeyedLocks()
    with locks.held("a"), locks.held("b"):
        assert set(locks._locks) == {"a", "b"}
    assert locks._locks == {}


def test_an_exception_frees_the_key() -> None:
    locks = KeyedLocks()
    with pytest.raises(KeyError), locks.held("a"):
        raise KeyError
    with locks.held("a"):
        pass
    assert locks._locks == {}
