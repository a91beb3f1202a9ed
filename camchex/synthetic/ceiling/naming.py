"""Which findings an indication asks for: probabilities given all that is present.

A finding is chosen with a weight that depends on whether it is present, over the sum W of all
weights. Two devices make sums over every combination of findings exact:

* 1 / W = integral over u from 0 to 1 of u^(W / STEP - 1) / STEP. W is its least value and a whole
  number of STEPs, so the integrand is a polynomial in u times a fixed power of it, on which
  Gauss-Jacobi quadrature is exact; and given u, findings are independent of each other.
* Of two findings without replacement, w_f/W * w_g/(W - w_f) = w_g * (1/(W - w_f) - 1/W), in which
  W - w_f is the sum over the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_jacobi

from camchex.synthetic.params import DRAWN
from camchex.synthetic.people.indication import ABSENT, ASKED_OFTEN, GENERAL, PRESENT, SECOND

Floats = NDArray[np.float64]
OFTEN: Floats = np.array([ASKED_OFTEN.get(finding, 1.0) for finding in DRAWN])
WEIGHTS: Floats = OFTEN[:, None] * np.array([ABSENT, PRESENT])
"""Weight of each finding in the choice, absent and present, (F, 2)."""
STEP = (PRESENT - ABSENT) / 2
STEPS = np.round(2 * OFTEN).astype(int)
"""By how many steps each finding's presence raises the sum, (F,): ``ASKED_OFTEN`` is in halves."""
QUADRATURE = int(STEPS.sum()) // 2 + 1  # nodes: exact up to the degree 2 n - 1


@dataclass(frozen=True)
class Term:
    """One summand of the probability of what is asked for, as a mixture over u."""

    factor: Floats  # factor of each finding, absent and present, (F, 2)
    nodes: Floats  # values of u, (n,)
    weights: Floats  # weights of the nodes, (n,); some terms are subtracted
    steps: NDArray[np.int64]  # exponent of u for each finding that is present, (F,)


def terms(named: Sequence[int]) -> list[Term]:
    """Sum up the probability that exactly these findings are asked for, in this order."""
    factor = np.ones((len(DRAWN), 2))
    if not named:
        return [Term(factor, np.ones(1), np.array([GENERAL]), np.zeros(len(DRAWN), int))]
    last = named[-1]
    factor[last] = WEIGHTS[last]
    if len(named) == 1:
        return [_inverse(factor, (1 - GENERAL) * (1 - SECOND), None)]
    chance = (1 - GENERAL) * SECOND
    return [_inverse(factor, chance, named[0]), _inverse(factor, -chance, None)]


def _inverse(factor: Floats, chance: float, without: int | None) -> Term:
    """Write ``chance`` / W as a term, W of all findings or of all but one."""
    steps, least = STEPS.copy(), WEIGHTS[:, 0].sum()
    if without is not None:
        least -= WEIGHTS[without, 0]
        steps[without] = 0
    nodes, weights = _jacobi(float(least))
    return Term(factor, nodes, chance * weights, steps)


@cache
def _jacobi(least: float) -> tuple[Floats, Floats]:
    power = least / STEP - 1
    nodes, weights = roots_jacobi(QUADRATURE, 0, power)
    return (nodes + 1) / 2, weights / 2 ** (power + 1) / STEP


def named_given(present: NDArray[np.bool_]) -> Floats:
    """Compute the probability that each finding is asked for, alone or as one of two.

    Args:
        present: Findings that are present, (..., F).

    Returns:
        Probabilities, (..., F).
    """
    first, second = _choices(present)
    return (1 - GENERAL) * (first + SECOND * second)


def kept_given(present: NDArray[np.bool_], leak: float, spared: int) -> Floats:
    """Compute the expected product of 1 - ``leak`` over the findings asked for.

    Args:
        present: Findings that are present, (..., F).
        leak: Probability that a finding asked for turns positive.
        spared: The finding that has no part in the product.

    Returns:
        The product, (...).
    """
    first, second = _choices(present)
    keep = 1 - leak
    one = first[..., spared] + keep * (1 - first[..., spared])
    among = first[..., spared] + second[..., spared]
    two = keep * among + keep**2 * (1 - among)
    return np.asarray(GENERAL + (1 - GENERAL) * ((1 - SECOND) * one + SECOND * two))


def _choices(present: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Probability of each finding as the first choice, and as the second one, (..., F)."""
    weight = np.where(present, WEIGHTS[:, 1], WEIGHTS[:, 0])
    total = weight.sum(-1, keepdims=True)
    rest = 1 / (total - weight) - 1 / total
    return weight / total, weight * (rest.sum(-1, keepdims=True) - rest)
