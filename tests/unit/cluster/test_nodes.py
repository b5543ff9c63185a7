"""Cards of machines, and what two of them do not agree on."""

from __future__ import annotations

import pytest

from dashboard.cluster.nodes import CARD_S, NODE, NodeCard, Nodes, differences
from tests.clock import Clock
from tests.rows import MemoryRows

FILES = {f"data/{n}.h5": (n, 100, 10**18, 10**18) for n in range(4)}


def card(name: str, **changed: object) -> NodeCard:
    known = {
        "name": name,
        "start": f"start of {name}",
        "version": "1.0",
        "began": 1e9,
        "roots": {"data": "everybody"},
        "settings": {"LAMELLA_MAX_CELLS": "9"},
        "secrets": {"LAMELLA_TOKEN": "abc"},
        "files": FILES,
    }
    return NodeCard.model_validate(known | changed)


def moved(index: int, by: int, files: int = 4) -> dict[str, tuple[int, ...]]:
    """The files, of which some have another number at `index`."""
    found: dict[str, tuple[int, ...]] = dict(FILES)
    for name in list(FILES)[:files]:
        state = list(FILES[name])
        state[index] += by
        found[name] = tuple(state)
    return found


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"version": "1.1"}, "a has version 1.0 and b has 1.1."),
        ({"roots": {"x": "everybody"}}, "a serves the root data and b serves the root x."),
        (
            {"roots": {"data": "the group lab"}},
            "On a the root data is seen by everybody, on b by the group lab.",
        ),
        ({"settings": {"LAMELLA_MAX_CELLS": "8"}}, "LAMELLA_MAX_CELLS is 9 on a and 8 on b."),
        ({"secrets": {"LAMELLA_TOKEN": ""}}, "LAMELLA_TOKEN is not the same secret on a and on b."),
        ({"files": moved(0, 7)}, "data/0.h5 has another inode number on a than on b"),
        ({"files": moved(2, 7)}, "data/0.h5 has other times on a than on b"),
        ({"files": moved(1, 7)}, "data/0.h5 is not the same file on a and on b"),
        ({"files": {"data/z.h5": (1, 2, 3, 4)}}, "a and b have no file in common"),
    ],
)
def test_what_differs_is_said_of_both(changed: dict[str, object], sentence: str) -> None:
    (found,) = differences(card("a"), card("b", **changed))
    assert found.startswith(sentence)
    assert found.endswith(".")


@pytest.mark.parametrize(
    "files", [FILES, {}, moved(1, 7, 2), FILES | {"data/new.h5": (1, 2, 3, 4)}]
)
def test_files_that_come_and_go_are_no_difference(files: dict[str, tuple[int, ...]]) -> None:
    assert list(differences(card("a"), card("b", files=files))) == []


def test_a_machine_is_there_while_its_card_is_renewed() -> None:
    clock = Clock()
    nodes = Nodes(MemoryRows(clock))
    assert nodes.renew(card("b"))
    assert nodes.renew(card("a"))
    assert [one.name for one in nodes.cards()] == ["a", "b"]
    clock.pass_(CARD_S / 2)
    nodes.renew(card("a"))
    clock.pass_(CARD_S / 2)
    assert [one.name for one in nodes.cards()] == ["a"]
    nodes.leave("a")
    assert nodes.cards() == []


def test_a_machine_is_asked_to_leave_until_it_has() -> None:
    nodes = Nodes(MemoryRows())
    nodes.renew(card("a"))
    assert not nodes.is_asked_to_leave("a")
    nodes.ask_to_leave("a")
    assert nodes.is_asked_to_leave("a")
    assert not nodes.is_asked_to_leave("b")
    nodes.leave("a")
    assert not nodes.is_asked_to_leave("a")


def test_planted_cards_are_skipped(caplog: pytest.LogCaptureFixture) -> None:
    rows = MemoryRows()
    nodes = Nodes(rows)
    rows.set(f"{NODE}a", b"\x80\x04planted")
    rows.set(f"{NODE}b", b'{"name": "b"}')
    nodes.renew(card("c"))
    assert [one.name for one in nodes.cards()] == ["c"]
    assert "card of a node skipped" in caplog.text
