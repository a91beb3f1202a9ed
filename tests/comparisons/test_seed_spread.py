"""The rule by which scores of two runs are equal: a test of Student's, as scipy computes it."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind_from_stats

from camchex.comparisons.seed_spread import (
    LEVEL,
    ROUNDING,
    SeedScore,
    is_within_spread,
    widest_difference,
)


def test_the_rule_is_the_test_of_student_of_two_samples() -> None:
    draw = np.random.default_rng(0)
    answers = []
    for _ in range(300):
        seeds = draw.integers(2, 6, 2)
        samples = [
            draw.normal(0.6 + shift, 0.01, n) for shift, n in zip((0, 0.015), seeds, strict=True)
        ]
        one, other = (SeedScore(s.mean(), s.std(ddof=1), len(s)) for s in samples)
        p = ttest_ind_from_stats(
            one.mean, one.sd, one.seeds, other.mean, other.sd, other.seeds
        ).pvalue
        if abs(p - (1 - LEVEL)) > 1e-3:  # not at the limit, where rounding decides
            assert is_within_spread(one, other) == is_within_spread(other, one) == (p > 1 - LEVEL)
            answers.append(p > 1 - LEVEL)
    assert 50 < sum(answers) < 250  # both answers occur


def test_the_limit_of_three_seeds_each_is_that_of_printed_tables() -> None:
    # 2.776: 97.5 % quantile for 4 degrees of freedom in any table of Student's t.
    score = SeedScore(0.6, 0.003, 3)
    expected = 2.776 * 0.003 * math.sqrt(2 / 3)
    assert widest_difference(score, score) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (SeedScore(0.6, None, 1), SeedScore(0.6, None, 1), True),
        (SeedScore(0.6, None, 1), SeedScore(0.6 + ROUNDING / 2, None, 1), True),
        (SeedScore(0.6, None, 1), SeedScore(0.60001, None, 1), False),
        (SeedScore(0.6, 0.0, 3), SeedScore(0.60001, 0.0, 3), False),
        (SeedScore(0.6, 0.01, 3), SeedScore(0.61, None, 1), True),  # the spread of one is known
        (SeedScore(0.6, 0.01, 3), SeedScore(0.7, None, 1), False),
        (SeedScore(None, None, 3), SeedScore(None, None, 3), True),
        (SeedScore(None, None, 3), SeedScore(0.6, 0.01, 3), False),
    ],
)
def test_without_a_spread_scores_must_be_equal(
    *, one: SeedScore, other: SeedScore, expected: bool
) -> None:
    assert is_within_spread(one, other) is is_within_spread(other, one) is expected
