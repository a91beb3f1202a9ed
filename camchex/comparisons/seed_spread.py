"""Whether a score of two runs differs by more than the seeds of one run do."""

import math
from dataclasses import dataclass

from scipy.stats import t

from camchex.aggregates.results import DECIMALS

LEVEL = 0.95
ROUNDING: float = 2 * 10**-DECIMALS  # of two means that were rounded when they were written
RULE = (
    "A score is within the spread if its two means over seeds are no further apart than "
    f"t * sd * sqrt(1/n + 1/m): Student's t-test of two samples at a level of {100 * LEVEL:g} %. "
    "n and m are the numbers of seeds, sd is the deviation over the seeds of both runs together, "
    "t the quantile for n + m - 2 degrees of freedom. Without a deviation over seeds, a score must "
    "be equal as written."
)


@dataclass(frozen=True)
class SeedScore:
    """A score over the seeds of a run.

    Attributes:
        mean: Mean over the seeds; None where it is not scored.
        sd: Sample standard deviation over the seeds; None for one seed, or where it is not known.
        seeds: Number of seeds.
    """

    mean: float | None
    sd: float | None
    seeds: int


def widest_difference(one: SeedScore, other: SeedScore) -> float:
    """Largest distance of two means that ``RULE`` accepts, in units of the score."""
    known = [(score.seeds - 1, score.sd) for score in (one, other) if score.sd is not None]
    freedom = sum(degrees for degrees, _ in known)
    if freedom < 1:
        return ROUNDING
    variance = sum(degrees * sd**2 for degrees, sd in known) / freedom
    quantile = float(t.ppf((1 + LEVEL) / 2, freedom))
    return quantile * math.sqrt(variance * (1 / one.seeds + 1 / other.seeds)) + ROUNDING


def is_within_spread(one: SeedScore, other: SeedScore) -> bool:
    """Whether two runs' scores are equal by ``RULE``."""
    if one.mean is None or other.mean is None:
        return one.mean is other.mean
    return abs(one.mean - other.mean) <= widest_difference(one, other)
