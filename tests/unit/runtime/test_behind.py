from dashboard.runtime.behind import BehindResponses


def test_work_is_done_in_its_order() -> None:
    done: list[int] = []
    behind = BehindResponses("test", 0.0)
    for number in range(100):
        behind.put(lambda number=number: done.append(number))  # type: ignore[misc]
    behind.drain()
    assert done == list(range(100))
    behind.close()


def test_closing_finishes_what_is_queued() -> None:
    done: list[int] = []
    behind = BehindResponses("test", 0.01)
    for number in range(5):
        behind.put(lambda number=number: done.append(number))  # type: ignore[misc]
    behind.close()
    assert done == [0, 1, 2, 3, 4]


def test_what_was_never_used_can_be_closed() -> None:
    BehindResponses("test").close()
