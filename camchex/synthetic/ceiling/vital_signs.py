"""How likely vital signs are, as written, for every condition and set of findings that move them.

Exact are: the rounding to the last digit written, the limit of 100 % saturation, the diastolic
pressure held 15 below the systolic, Celsius readings turned into Fahrenheit, and gaps, typing
errors and empty rows, which the findings have no part in. Approximated are:

* A text does not say which values were charted later (and hold a little more noise). Each value
  counts as charted with the same probability (:attr:`VitalSigns.charted`), apart from the others.
  Nothing charted at all would change no probability of the demo's test studies by more than 0.005,
  and their mAP by 0.0001.
* Of charted pressures the rule that holds the diastolic one down is left out.
* A true value that is out of range, or crossed with a charted one, and therefore dropped, counts as
  a gap.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from camchex.contract.schemas import VITAL_SIGNS
from camchex.synthetic.ceiling.naming import Floats
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.conditions import CONDITIONS
from camchex.synthetic.people.emergency import (
    EMPTY_TRIAGE,
    FEVER_SHIFT,
    LATER,
    LIMITS,
    NORMAL,
    PULSE_PRESSURE,
    SHIFTS,
    TYPING_ERRORS,
)
from camchex.texts.vitals_text import MISSING, TITLES

Bin = tuple[float, float]
"""Values that are written alike: the lowest and the highest."""
Sets = NDArray[np.int64] | slice
EVERY = slice(None)
MOVING = tuple(finding for finding in DRAWN if finding in SHIFTS)
"""Findings that move a vital sign: all that these can tell of, directly."""
CELSIUS = (25.0, 45.0)
NODES = (np.arange(64) + 0.5) / 64  # quantiles of the later noise, for the limit of saturation


def read_vital_signs(text: str) -> dict[str, float]:
    """Read ``vitals_text`` back: the values that are there, by their column in MIMIC-IV-ED."""
    fields = dict(part.split(": ") for part in text.split(" | "))
    written = {VITAL_SIGNS[column]: fields[title] for column, title in TITLES.items()}
    # A typing error says as little as a gap, where it was not dropped already.
    return {
        name: float(value)
        for name, value in written.items()
        if value != MISSING and (name, value) not in TYPING_ERRORS
    }


@dataclass(frozen=True)
class VitalSigns:
    """Likelihoods of vital signs."""

    params: SyntheticParams  # the section ``synthetic``

    @cached_property
    def bits(self) -> NDArray[np.bool_]:
        """Every set of the findings in ``MOVING``, (S, E)."""
        number = np.arange(2 ** len(MOVING))
        return (number[:, None] >> np.arange(len(MOVING))[::-1] & 1).astype(np.bool_)

    @cached_property
    def charted(self) -> float:
        """Share of the values of a linked study that were charted after triage.

        Source: ``emergency.stays_around``: the study 15 to 299 min after arrival, 0 to 4 rows at
        5 to 319 min, each field of each row missing apart from the others.
        """
        gap = self.params.vitals_missing
        empty = EMPTY_TRIAGE if gap else 0.0
        wrong = self.params.vitals_dirt / len(NORMAL)
        lost = empty + (1 - empty) * (1 - (1 - gap) * (1 - wrong))
        minutes = np.arange(15, 300)
        before = np.clip((minutes - 4) / 315, 0, 1)
        none = np.mean([(1 - before * (1 - gap)) ** rows for rows in range(5)])
        later = lost * (1 - none)
        return float(later / (1 - lost + later))

    def likelihood(
        self, values: Mapping[str, float], fever: float | None = None, sets: Sets = EVERY
    ) -> Floats:
        """Compute the probability of the values that are there, up to what no finding changes.

        Args:
            values: Values by column of MIMIC-IV-ED; one that is missing is left out.
            fever: Probability of a fever that is a cue; None: as often as it is drawn.
            sets: Rows of :attr:`bits`, S of them, that are asked about.

        Returns:
            Probability given each condition and each set of findings, (K, S), in the order of
            ``sets``.
        """
        product = np.ones((len(CONDITIONS), len(self.bits[sets])))
        fever = self.params.synergy / 2 if fever is None else fever
        for name, value in values.items():
            means, index = self._means_of(name, sets)
            if name == "temperature":
                chance = (1 - fever) * self._temperature(means, value)
                if fever:
                    chance += fever * self._temperature(means + FEVER_SHIFT[name], value)
                product *= chance[:, index]
            elif name == "o2sat":
                product *= self._saturation(means, value)[:, index]
            elif name not in {"sbp", "dbp"}:
                product *= self._mixed(name, means, _around(value, 0.5))[:, index]
        return product * self._pressures(values.get("sbp"), values.get("dbp"), sets)

    def _means_of(self, name: str, sets: Sets) -> tuple[Floats, NDArray[np.int64]]:
        means, index = self._means[name]
        return means, index[sets]

    @cached_property
    def _means(self) -> dict[str, tuple[Floats, NDArray[np.int64]]]:
        """Distinct means of each vital sign, (K, M), and which of them each set has, (S,)."""
        found = {}
        conditions = [condition.vitals for condition in CONDITIONS.values()]
        for name, (mean, _) in NORMAL.items():
            moved = self.bits @ np.array([SHIFTS[f].get(name, 0.0) for f in MOVING])
            shifts, index = np.unique(np.round(moved, 9), return_inverse=True)
            base = mean + np.array([vitals.get(name, 0.0) for vitals in conditions])
            found[name] = (base[:, None] + shifts, index)
        return found

    def _mixed(self, name: str, means: Floats, within: Bin) -> Floats:
        """Compute the probability of a bin, at triage or charted, without limits."""
        deviation = NORMAL[name][1]
        first, later = (
            _between(means, deviation * more, within) for more in (1.0, np.hypot(1, LATER))
        )
        return (1 - self.charted) * first + self.charted * later

    def _temperature(self, means: Floats, value: float) -> Floats:
        deviation, dirt = NORMAL["temperature"][1], self.params.vitals_dirt
        celsius = value if CELSIUS[0] <= value <= CELSIUS[1] else round((value - 32) / 1.8, 1)
        back = round(celsius * 1.8 + 32, 1)
        warm = ((celsius - 0.05) * 1.8 + 32, (celsius + 0.05) * 1.8 + 32)
        in_celsius = _between(means, deviation, warm) if value in {celsius, back} else 0.0
        as_read = self._mixed("temperature", means, _around(value, 0.05))
        # Only triage rows are in Celsius; what was charted is free of it.
        share = dirt * (1 - self.charted)
        at_triage = _between(means, deviation, _around(value, 0.05))
        return as_read - share * at_triage + share * in_celsius

    def _saturation(self, means: Floats, value: float) -> Floats:
        deviation, limit = NORMAL["o2sat"][1], LIMITS["o2sat"]
        lowest, highest = _around(value, 0.5)

        def below(edges: Floats) -> Floats:
            capped = ndtr((edges[:, None, None] - means) / deviation)
            return np.where(edges[:, None, None] < limit, capped, 1.0)

        def within(noise: Floats) -> Floats:
            top = 1.0 if highest > limit else below(highest - noise)
            return np.asarray(top - below(lowest - noise))

        first = within(np.zeros(1))[0]
        later = (within(LATER * deviation * ndtri(NODES)) / len(NODES)).sum(0)
        return np.asarray((1 - self.charted) * first + self.charted * later)

    def _pressures(
        self, systolic: float | None, diastolic: float | None, sets: Sets
    ) -> Floats | float:
        """Compute the probability of both pressures, (K, S), since one holds the other down."""
        high_means, high_index = self._means_of("sbp", sets)
        low_means, low_index = self._means_of("dbp", sets)
        high: Floats | float = 1.0
        if systolic is not None:
            high = self._mixed("sbp", high_means, _around(systolic, 0.5))[:, high_index]
        if diastolic is None:
            return high
        within, deviation = _around(diastolic, 0.5), NORMAL["dbp"][1]
        later = _between(low_means, deviation * np.hypot(1, LATER), within)[:, low_index]
        if systolic is None:
            at_least = [
                (
                    ndtr((low_means - edge) / deviation)[:, low_index]
                    * ndtr((high_means - edge - PULSE_PRESSURE) / NORMAL["sbp"][1])[:, high_index]
                )
                for edge in within
            ]
            at_triage = at_least[0] - at_least[1]
            return np.asarray((1 - self.charted) * at_triage + self.charted * later)
        top = systolic - PULSE_PRESSURE
        at_triage = np.zeros_like(low_means)
        if diastolic < top:
            at_triage = _between(low_means, deviation, within)
        elif diastolic == top:
            at_triage = np.asarray(ndtr((low_means - within[0]) / deviation))
        both_at_triage = (1 - self.charted) ** 2
        held = both_at_triage * at_triage[:, low_index] + (1 - both_at_triage) * later
        return np.asarray(held * high)


def _around(value: float, half: float) -> Bin:
    return value - half, value + half


def _between(means: Floats, deviation: float, within: Bin) -> Floats:
    """Integrate a normal density over a bin, from the side where it loses no digits."""
    low, high = ((edge - means) / deviation for edge in within)
    flipped = low > 0
    return np.asarray(ndtr(np.where(flipped, -low, high)) - ndtr(np.where(flipped, -high, low)))
