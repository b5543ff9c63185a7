"""What is easy to guess is refused, and nothing that was made by chance."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from dashboard.weak_secrets import JUDGED, check_secret, weakness

# Any words of lists that guesses begin with, which are the worst that chance may choose.
WORDS = [word for word in FREQUENCY_LISTS["english_wikipedia"][:8000] if len(word) > 2]


@pytest.mark.parametrize(
    "secret",
    [
        "password1234",
        "Password2026!",
        "P@ssw0rd1234",
        "drowssap4321",
        "iloveyou1234",
        "qwertyuiopasdfgh",
        "1234567890123456",
        "ABCDEFGHIJKLMNOP",
        "changemechangeme",
        "letmeinletmein",
        "summer2026",
        "correcthorse",
        "a" * 300,
    ],
)
def test_what_is_guessed_first_is_weak(secret: str) -> None:
    assert str(weakness(secret)).startswith("is easy to guess")


@pytest.mark.parametrize("secret", ["katherine123", "KATHERINE-katherine", "example2026katherine"])
def test_a_persons_name_is_guessed_first(secret: str) -> None:
    assert weakness(secret, "katherine.lovelace@lab.example") is not None


@given(
    st.lists(st.sampled_from(WORDS), min_size=4, max_size=6, unique=True), st.sampled_from(" -._")
)
@settings(max_examples=60, deadline=None)
def test_four_words_are_not_refused(words: list[str], between: str) -> None:
    assert weakness(between.join(words), "ann") is None


def test_random_secrets_are_not_refused() -> None:
    random = np.random.default_rng(5)
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789")
    for _ in range(100):
        assert weakness(random.bytes(8).hex()) is None
        assert weakness("".join(map(str, random.integers(0, 10, 24)))) is None
        assert weakness("".join(random.choice(letters, 14)), "ann") is None
        check_secret(random.bytes(200).hex())


def test_no_more_than_the_beginning_is_judged() -> None:
    strong = np.random.default_rng(6).bytes(JUDGED).hex()
    assert weakness(strong + "a" * 5000) is None


def test_word_lists_are_loaded_where_a_secret_is_set_alone() -> None:
    code = "import sys, dashboard.app, dashboard.people.passwords; print('zxcvbn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
