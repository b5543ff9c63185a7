"""Who sees which root."""

from __future__ import annotations

import pytest

from dashboard.people.person import NOBODY, OPERATOR, Admins, Person, Scope
from dashboard.people.rights import EVERYBODY, Audience, Rights

AUDIENCES = {
    "open": EVERYBODY,
    "imaging": Audience.of(["imaging"], None),
    "wider": Audience.of(["imaging", "beamline"], ["zoe"]),
    "hers": Audience.of(None, ["grace", "lin"]),
    "closed": Audience.of([], None),
}
GROUPS = {"imaging": ["lin"], "beamline": []}
READ = frozenset({Scope.READ})


@pytest.fixture
def rights() -> Rights:
    return Rights(AUDIENCES, GROUPS, ["ada"])


def person(name: str, *groups: str) -> Person:
    return Person(name, frozenset(groups), READ)


ADA = Admins(frozenset({"ada"})).with_account("ada", frozenset(), admin=False)


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        (OPERATOR, set(AUDIENCES)),
        (ADA, set(AUDIENCES)),
        # A script of hers, whose token lacks the scope `admin`.
        (person("ada"), {"open"}),
        (NOBODY, set()),
        (Person("", scopes=READ), set(AUDIENCES)),
        (Person("", frozenset({"imaging"})), set()),
        (person("zoe"), {"open", "wider"}),
        (person("lin"), {"open", "imaging", "wider", "hers"}),
        (person("grace"), {"open", "hers"}),
        (person("x", "imaging"), {"open", "imaging", "wider"}),
        (person("x", "beamline"), {"open", "wider"}),
        (person("x", "hers", "closed", "ada"), {"open"}),
        (person("Lin"), {"open"}),
        (person("imaging"), {"open"}),
    ],
)
def test_the_roots_of_a_person(rights: Rights, who: Person, seen: set[str]) -> None:
    assert rights.roots(who) == seen
    for root in AUDIENCES:
        assert rights.sees(who, f"{root}/below/it.h5") is (root in seen)
        assert rights.sees(who, root) is (root in seen)
        assert (rights.why(who, root) is not None) is (root in seen)


def test_what_is_below_no_root_is_seen_by_nobody_by_name(rights: Rights) -> None:
    for name in ("", "/", "other/x.h5", "open.h5", "../open/x.h5", "/open/x.h5"):
        assert not rights.sees(person("lin"), name)


def test_why(rights: Rights) -> None:
    assert rights.why(person("lin"), "imaging") == "the root names the group imaging"
    assert rights.why(person("lin"), "hers") == "the people of the root name this person"
    assert rights.why(person("lin"), "open") == "everybody who is signed in may"
    assert rights.why(ADA, "closed") == "the key admins names this person"
    assert rights.why(OPERATOR, "closed") == "the sign-in is one of an admin"
    assert rights.why(person("lin"), "closed") is None
    assert rights.why(OPERATOR, "absent") is None


def test_admins_and_the_operator_see_everything(rights: Rights) -> None:
    assert rights.sees_everything(OPERATOR)
    assert rights.sees_everything(ADA)
    assert rights.sees_everything(Person("x", scopes=frozenset({Scope.ADMIN})))
    assert not rights.sees_everything(person("lin"))
    assert not rights.sees_everything(NOBODY)


def test_links_lead_to_roots_that_everybody_sees_who_sees_the_link(rights: Rights) -> None:
    everything = set(AUDIENCES)
    assert rights.reach("open") == {"open"}
    assert rights.reach("imaging") == {"open", "imaging", "wider"}
    assert rights.reach("wider") == {"open", "wider"}
    # `grace` is in no group.
    assert rights.reach("hers") == {"open", "hers"}
    # Only admins see it, who see everything.
    assert rights.reach("closed") == everything
    alone = Rights(AUDIENCES | {"lin": Audience.of(None, ["lin"])}, GROUPS)
    assert alone.reach("lin") == {"open", "lin", "imaging", "wider", "hers"}


def test_nothing_is_restricted_without_lists() -> None:
    rights = Rights({"a": EVERYBODY, "b": EVERYBODY})
    assert not rights.restricted
    assert rights.reach("a") == {"a", "b"}
    assert rights.roots(person("x")) == {"a", "b"}
    assert not rights.roots(NOBODY)
