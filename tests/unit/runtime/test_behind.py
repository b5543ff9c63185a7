import time

from dashboard.runtime.behind import MAX_SHARE, BehindResponses


def _compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_work_is_done_in_its_order() -> None:
    done: list[int] = []
    behind = BehindResponses("test", 0.0)
    for number in range(100):
        behind.put(lambda number=number: done.append(number))  # type: ignore[misc]
    behind.drain()
    assert done == list(range(100))
    behind.close()


def test_the_work_takes_a_share_of_one_core() -> None:
    behind = BehindResponses("test", 0.0)
    began = time.monotonic()
    for _ in range(5):
        behind.put(lambda: _compute(0.01))
    behind.drain()
    assert time.monotonic() - began >= 5 * 0.01 / MAX_SHARE
    behind.close()


def test_closing_does_not_rest() -> None:
    at: list[float] = []

    def work() -> None:
        _compute(0.1)
        at.append(time.monotonic())

    behind = BehindResponses("test", 0.0)
    behind.put(work)
    behind.put(lambda: at.append(time.monotonic()))
    behind.close()
    ended, followed = at
    assert followed - ended < 0.1 / MAX_SHARE - 0.1


def test_closing_finishes_what_is_queued() -> None:
    done: list[int] = []
    behind = BehindResponses("test", 0.01)
    for number in range(5):
        behind.put(lambda number=number: done.append(number))  # type: ignore[misc]
    behind.close()
    assert done == [0, 1, 2, 3, 4]


def test_what_was_never_used_can_be_closed() -> None:
    BehindResponses("test").close()
