"""Equal sensitivity: whether those who have a finding are found as often in every group.

Everybody is called by the same threshold, the one with the largest F1 on development. The gap of a
group is its sensitivity less that of all other groups together. A mean is over classes that all
groups have enough of, so that the groups can be compared.

The ends of an interval are put together from Wilson's of the shares that it is made of, as if they
were apart (Newcombe 1998; Zou and Donner 2008). Patients who have several findings, or are in both
groups, make a number vary more than that: the interval is widened by as much (by the spread between
patients, the infinitesimal jackknife).

Source: Hardt, Price and Srebro 2016 (equal opportunity); Seyyed-Kalantari et al. 2021 (gaps of
sensitivity of chest X-ray classifiers); Newcombe 1998, Statistics in Medicine 17:873, method 10.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camchex.aggregates.csv_files import Row
from camchex.aggregates.small_cells import hidden_values, is_small_class
from camchex.scores.calibration_file import Calibration, Rule
from camchex.scores.decisions import MEAN, share_interval
from camchex.scores.groups import UNKNOWN
from camchex.scores.groups.subgroups import common_classes
from camchex.scores.intervals import FEWEST
from camchex.scores.labelled_split import Bools, Split
from camchex.scores.metrics import Floats

RULE: Rule = "max_f1"
GAPS = (
    *("characteristic", "value", "class", "studies", "classes", "positives"),
    *("sensitivity", "sensitivity_low", "sensitivity_high", "gap", "gap_low", "gap_high"),
)


@dataclass(frozen=True)
class Sensitivities:
    """Sensitivities of some studies for K classes.

    Attributes:
        shares: Of those with the finding, who is called yes, (K,).
        ends: Low and high end of each, (2, K).
        influence: How fast the mean over the classes changes with each of U patients, (U,).
        alone: Sum of the squares of this, if no patient had two of the findings.
    """

    shares: Floats
    ends: Floats
    influence: Floats
    alone: float

    @property
    def mean(self) -> float:
        """Mean over the classes."""
        return float(self.shares.mean())

    @property
    def squares(self) -> Floats:
        """Squared distance of the mean from its lower and upper end, if classes are apart, (2,)."""
        found: Floats = ((self.ends - self.shares) ** 2).sum(axis=1) / len(self.shares) ** 2
        return found


def gap_rows(
    test: Split,
    calibrated: Floats,
    calibration: Calibration,
    groups: Mapping[str, Sequence[str]],
    level: float,
    min_cell: int,
) -> Iterator[Row]:
    """Sensitivity of every group by class and as their mean, as rows below ``GAPS``.

    A characteristic of fewer than two groups with enough studies has no row. Those of whom the
    characteristic is not known are no group. A class counts if each group has ``min_cell``
    positives, and at least five. It has rows of its own if no cell of those found and missed is
    small, neither in a group nor among all other studies, which would tell it; and a mean is not
    shown if it is, or leaves over, a single class that has none.

    Args:
        test: The test studies.
        calibrated: Their calibrated probabilities, (N, Q).
        calibration: Has the thresholds.
        groups: Value of every study by characteristic, (N,) each.
        level: Share of test sets whose interval should hold the truth.
        min_cell: Smallest count that is shown.
    """
    thresholds = [calibration.thresholds[name][RULE] for name in test.classes]
    limits = np.array([np.inf if one is None else one for one in thresholds])
    positive, yes = test.labels == 1, calibrated >= limits
    for name, values in groups.items():
        own = np.array(values, dtype=object)
        counts = Counter(values)
        known = sorted({*counts} - hidden_values(counts, min_cell) - {UNKNOWN})
        known.sort(key=lambda value: -counts[value])
        of_value = {value: own == value for value in known}
        fewest, finite = max(min_cell, FEWEST), np.isfinite(limits)
        common, scored = common_classes(
            {
                value: {*np.flatnonzero(finite & (positive[rows].sum(axis=0) >= fewest)).tolist()}
                for value, rows in of_value.items()
            }
        )
        if len(scored) <= 1:
            continue
        compared = {value: rows for value, rows in of_value.items() if value in scored}
        parts = [*compared.values(), ~np.any([*compared.values()], axis=0)]
        alone = [
            q for q in common if not any(_is_small(positive, yes, p, q, min_cell) for p in parts)
        ]
        if len(alone) == len(common) - 1:  # the mean would tell the last one
            alone = alone[:-1]
        if alone or len(common) > 1:
            for row in _rows(test, compared, (positive, yes), (common, alone), level):
                yield name, *row


def _is_small(positive: Bools, yes: Bools, rows: Bools, column: int, min_cell: int) -> bool:
    """Whether few of some studies with a finding are found, or few are missed."""
    found = yes[rows, column][positive[rows, column]]
    hits = int(found.sum())
    return is_small_class(hits, len(found) - hits, min_cell)


def _rows(
    test: Split,
    groups: Mapping[str, Bools],
    called: tuple[Bools, Bools],
    at: tuple[Sequence[int], Sequence[int]],
    level: float,
) -> Iterator[Row]:
    """Rows after the characteristic: of each group the mean over classes, and some classes."""
    everyone = np.any([*groups.values()], axis=0)
    chosen = [(MEAN, at[0]), *((test.classes[q], [q]) for q in at[1])]
    for value, rows in groups.items():
        for name, columns in chosen:
            one, rest = (
                sensitivities(test.patient, called, of, columns, level)
                for of in (rows, everyone & ~rows)
            )
            positives = int(called[0][rows][:, columns].sum())
            counts = int(rows.sum()), len(columns), positives
            yield value, name, *counts, *interval_of(one), *gap(one, rest)


def sensitivities(
    patient: NDArray[np.intp],
    called: tuple[Bools, Bools],
    rows: Bools,
    columns: Sequence[int],
    level: float,
) -> Sensitivities:
    """Sensitivities of some of the N studies.

    Args:
        patient: The number of the patient of each study, (N,).
        called: Who has each finding, and who is called yes, (N, Q) each.
        rows: The studies, (N,); each class needs a positive among them.
        columns: The K classes.
        level: Share of test sets whose interval should hold the truth.
    """
    shares, ends = np.zeros(len(columns)), np.zeros((2, len(columns)))
    influence, alone = np.zeros(int(patient.max()) + 1), 0.0
    for k, q in enumerate(columns):
        at = rows & called[0][:, q]
        hit, whose = called[1][at, q], patient[at]
        shares[k], *ends[:, k] = share_interval(hit, whose, level)
        moved = np.bincount(whose, hit - shares[k], len(influence)) / len(hit) / len(columns)
        influence, alone = influence + moved, alone + float(moved @ moved)
    return Sensitivities(shares, ends, influence, alone)


def interval_of(one: Sensitivities) -> tuple[float, float, float]:
    """The mean over the classes, and the ends of its interval."""
    low, high = _reach(one.influence, one.alone, one.squares)
    return one.mean, max(one.mean - low, 0.0), min(one.mean + high, 1.0)


def gap(one: Sensitivities, other: Sensitivities) -> tuple[float, float, float]:
    """One mean less another, and the ends of its interval."""
    found = one.mean - other.mean
    squares = one.squares + other.squares[::-1]
    low, high = _reach(one.influence - other.influence, one.alone + other.alone, squares)
    return found, max(found - low, -1.0), min(found + high, 1.0)


def _reach(influence: Floats, alone: float, squares: Floats) -> tuple[float, float]:
    """How far an interval reaches down and up."""
    wider = max(float(influence @ influence) / alone, 1.0) if alone else 1.0
    low, high = np.sqrt(wider * squares).tolist()
    return low, high
