"""Why patients come: what each condition makes likely, and how often each finding then occurs.

A study has one condition. Given the condition, findings are independent. One intercept per finding
is solved for, so that over a split's mix of conditions every prevalence is the one asked for.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from camchex.contract.params import Section
from camchex.contract.yaml_file import read_data
from camchex.synthetic.params import DRAWN

HALVINGS = 60  # of the bisection: far below the precision of a float


class Condition(Section):
    """One reason for a chest X-ray."""

    share: float  # share of the studies
    findings: Mapping[str, float]  # log-odds above the finding's intercept
    unlisted: float = -1.2  # log-odds of a finding that ``findings`` does not list
    vitals: Mapping[str, float]  # shift of each vital sign's mean, in its published unit
    complaints: tuple[str, ...]  # as the triage nurse writes them
    histories: tuple[str, ...]  # as the referring physician writes them


CONDITIONS = read_data(__package__, "conditions.yaml", dict[str, Condition])
NAMES = tuple(CONDITIONS)


def shares() -> NDArray[np.float64]:
    """Share of each condition, (K,), in the order of ``NAMES``."""
    given = np.array([condition.share for condition in CONDITIONS.values()])
    return np.asarray(given / given.sum())


def probabilities(prevalence: Mapping[str, float], mix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve for the probability of each finding given each condition.

    Args:
        prevalence: Share of the studies by finding, over all conditions.
        mix: Share of each condition, (K,).

    Returns:
        (K, F): rows in the order of ``NAMES``, columns in that of ``DRAWN``.
    """
    weights = np.array(
        [[c.findings.get(f, c.unlisted) for f in DRAWN] for c in CONDITIONS.values()]
    )
    target = np.array([prevalence[finding] for finding in DRAWN])
    low, high = np.full(len(DRAWN), -30.0), np.full(len(DRAWN), 30.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        over = mix @ _logistic(middle + weights) > target
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return _logistic((low + high) / 2 + weights)


def draw_findings(chances: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw findings such that each occurs as often as expected, to within one study.

    Systematic sampling over a random order of the studies: each study keeps exactly its own
    probability, and findings are independent of each other given these.

    Args:
        chances: Probability of each finding in each study, (N, F).
        rng: Draws the order and the start.

    Returns:
        Whether each finding is present, (N, F).
    """
    present = np.zeros(chances.shape, np.bool_)
    for column in range(chances.shape[1]):
        order = rng.permutation(len(chances))
        marks = np.floor(np.cumsum(chances[order, column]) + rng.random())
        present[order, column] = np.diff(marks, prepend=0) > 0
    return present


def _logistic(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    # Not scipy's expit: it differs in the last bit, and the cohort is fixed to the last bit.
    return np.asarray(1 / (1 + np.exp(-logits)))
