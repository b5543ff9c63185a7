"""The colours of stages and outcomes differ visibly, for colour-blind people as well."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest

from dashboard.addressing.outcomes import Outcome, Stage
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES
from dashboard.web.page.panels import OUTCOME_COLORS, OUTCOME_PATTERNS, STAGE_COLORS
from tests.color_difference import SHARMA, VISION, Lab, difference, seen

LEAST_DIFFERENCE = 10.0


@pytest.mark.parametrize(("one", "other", "expected"), SHARMA)
def test_differences_are_those_of_the_published_test_data(
    one: Lab, other: Lab, expected: float
) -> None:
    assert difference(one, other) == pytest.approx(expected, abs=1e-4)
    assert difference(other, one) == pytest.approx(expected, abs=1e-4)


def test_every_stage_and_outcome_has_a_colour_of_its_own() -> None:
    assert tuple(STAGE_COLORS) == STAGE_NAMES
    assert len(set(STAGE_COLORS.values())) == len(STAGE_COLORS)
    assert tuple(OUTCOME_COLORS) == OUTCOMES
    assert set(OUTCOME_PATTERNS) == {Outcome.COALESCED, Outcome.MISS}
    assert len(set(OUTCOME_PATTERNS.values())) == len(OUTCOME_PATTERNS)


@pytest.mark.parametrize("vision", VISION)
def test_neighbours_in_a_stack_differ(vision: str) -> None:
    # What is left over is in a stack only where it is much.
    stages = [*pairwise(STAGE_NAMES), (Stage.ENCODE, Stage.WAITED)]
    # In a step any two outcomes may be the only ones.
    pairs = [(STAGE_COLORS[a], STAGE_COLORS[b]) for a, b in stages]
    pairs += list(combinations(OUTCOME_COLORS.values(), 2))
    for one, other in pairs:
        assert difference(seen(one, vision), seen(other, vision)) >= LEAST_DIFFERENCE, (one, other)


def test_colours_are_neither_dark_nor_light_and_stand_out_from_both_backgrounds() -> None:
    def luminance(color: str) -> float:
        lightness, _, _ = seen(color)
        return float(((lightness + 16) / 116) ** 3)

    def contrast(one: str, other: str) -> float:
        light, dark = sorted((luminance(one), luminance(other)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    for color in (*STAGE_COLORS.values(), *OUTCOME_COLORS.values()):
        assert 35 <= seen(color)[0] <= 75
        assert contrast(color, "#ffffff") >= 2.9
        assert contrast(color, "#191e22") >= 3
