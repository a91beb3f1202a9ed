"""Posterior probabilities of findings and published labels, given a text, vital signs, or both."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from camchex.contract.labels import CXR_LT_2023, NO_FINDING
from camchex.synthetic.ceiling.events import Reading
from camchex.synthetic.ceiling.naming import Term, kept_given, named_given, terms
from camchex.synthetic.ceiling.vital_signs import MOVING, VitalSigns
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.conditions import probabilities, shares
from camchex.synthetic.people.indication import CLUE_ABSENT, CLUE_PRESENT

Floats = NDArray[np.float64]
DEVICES = DRAWN.index("Support Devices")
MOVED = np.array([DRAWN.index(finding) for finding in MOVING])
REST = np.array([i for i in range(len(DRAWN)) if i not in set(MOVED.tolist())])
COLUMNS = np.array([CXR_LT_2023.index(finding) for finding in DRAWN])
NOTHING = CXR_LT_2023.index(NO_FINDING)


@dataclass(frozen=True)
class Belief:
    """What something says of a study's findings.

    Attributes:
        evidence: Probability of what was seen.
        findings: (F) probability that each finding is present.
        clean: Expected probability that noise leaves every finding but Support Devices unlabelled.
    """

    evidence: float
    findings: Floats
    clean: float


@dataclass(frozen=True)
class Generator:
    """The generating model of one study, and what may be concluded from it.

    Attributes:
        params: The section ``synthetic``.
    """

    params: SyntheticParams

    @cached_property
    def vital_signs(self) -> VitalSigns:
        """Likelihoods of vital signs."""
        return VitalSigns(self.params)

    @cached_property
    def chances(self) -> Floats:
        """(K, F) probability of each finding given each condition."""
        return probabilities(self.params.prevalence, shares())

    @cached_property
    def labelled(self) -> Floats:
        """(F, 2) probability of a positive label by noise alone, of an absent and a present one."""
        prevalence = np.array([self.params.prevalence[finding] for finding in DRAWN])
        noise = self.params.label_noise
        turned = np.minimum(noise * prevalence / (1 - prevalence), 1)
        return np.stack([turned, np.full(len(DRAWN), 1 - noise)], axis=1)

    @cached_property
    def _unlabelled(self) -> Floats:
        """(F, 2) factor of each finding in ``Belief.clean``."""
        factor = 1 - self.labelled
        factor[DEVICES] = 1
        return factor

    # ----- what nothing says ------------------------------------------------------------------

    @cached_property
    def prior(self) -> Belief:
        """What is known of a study of which nothing is seen."""
        clean = ((1 - self.chances) * self._unlabelled[:, 0]
                 + self.chances * self._unlabelled[:, 1]).prod(1)  # fmt: skip
        return Belief(1.0, shares() @ self.chances, float(shares() @ clean))

    @cached_property
    def prior_labels(self) -> Floats:
        """(Q) probability of each published label of a study of which nothing is seen."""
        return self.labels_unseen(self.prior, self.states)

    @cached_property
    def states(self) -> Floats:
        """(K, S) probability of each condition and set of moving findings."""
        p = self.chances[:, None, MOVED]
        chance = np.where(self.vital_signs.bits, p, 1 - p).prod(-1)
        return np.asarray(shares()[:, None] * chance)

    # ----- what a text says -------------------------------------------------------------------

    def by_text(self, reading: Reading) -> Belief:
        """What an indication says of the study that it is about."""
        total, joint, clean = 0.0, np.zeros(len(DRAWN)), 0.0
        possible = np.flatnonzero(reading.history)
        p = self.chances[possible]
        share = shares()[possible] * reading.history[possible] * reading.words
        for term in terms(reading.named):
            factor = self._factors(reading, term)
            power = term.nodes[:, None] ** term.steps  # (Q, F)
            absent = ((1 - p) * factor[:, 0])[:, None]  # (K, 1, F)
            present = (p * factor[:, 1])[:, None] * power  # (K, Q, F)
            either = absent + present
            weight = share[:, None] * term.weights
            product = weight * either.prod(-1)
            total += product.sum()
            joint += np.einsum("kq,kqf->f", product, present / either)
            unlabelled = absent * self._unlabelled[:, 0] + present * self._unlabelled[:, 1]
            clean += (weight * unlabelled.prod(-1)).sum()
        return Belief(float(total), joint / total, float(clean / total))

    @staticmethod
    def _factors(reading: Reading, term: Term) -> Floats:
        """(F, 2) factor of each finding, absent and present, of clues and of what is asked."""
        clue = np.array([CLUE_ABSENT, CLUE_PRESENT])
        held = np.isin(np.arange(len(DRAWN)), [*reading.clues])
        return np.where(held[:, None], clue, 1 - clue) * term.factor

    # ----- what vital signs say ---------------------------------------------------------------

    def by_vital_signs(self, weighed: Floats) -> Belief:
        """What vital signs say of the study that they are about.

        Args:
            weighed: (K, S) :attr:`states` times the likelihood of the signs.
        """
        total = weighed.sum()
        findings = np.empty(len(DRAWN))
        findings[MOVED] = weighed.sum(0) @ self._bits / total
        findings[REST] = weighed.sum(1) @ self.chances[:, REST] / total
        clean = float(np.vdot(weighed, self._clean_states) / total)
        return Belief(float(total), findings, clean)

    @cached_property
    def _bits(self) -> Floats:
        """(S, E) as numbers, for sums."""
        return self.vital_signs.bits.astype(np.float64)

    @cached_property
    def _clean_states(self) -> Floats:
        """(K, S) ``Belief.clean`` given the condition and the moving findings."""
        moved = _where(self.vital_signs.bits, self._unlabelled[MOVED]).prod(-1)
        p, unlabelled = self.chances[:, REST], self._unlabelled[REST]
        rest = ((1 - p) * unlabelled[:, 0] + p * unlabelled[:, 1]).prod(-1)
        return np.asarray(rest[:, None] * moved)

    def by_both(self, reading: Reading, weighed: Floats) -> Belief:
        """What an indication and vital signs that are about the same study say of it."""
        total, joint, clean = 0.0, np.zeros(len(DRAWN)), 0.0
        possible = np.flatnonzero(reading.history)
        weighed = weighed[possible] * reading.history[possible, None] * reading.words
        p = self.chances[possible][:, REST]
        for term in terms(reading.named):
            factor = self._factors(reading, term)
            moved = _product(factor[MOVED])
            index = self.vital_signs.bits @ term.steps[MOVED]  # (S) exponent of u
            powers = term.weights[:, None] * term.nodes[:, None] ** np.arange(index.max() + 1)
            absent = ((1 - p) * factor[REST, 0])[:, None]
            present = (p * factor[REST, 1])[:, None] * term.nodes[:, None] ** term.steps[REST]
            either = absent + present  # (K, Q, R)
            rest = either.prod(-1)
            by_state = moved * (weighed * (rest @ powers)[:, index]).sum(0)  # (S)
            total += by_state.sum()
            joint[MOVED] += by_state @ self._bits
            binned = np.stack([np.bincount(index, row * moved) for row in weighed])
            shares_of_rest = np.einsum("kq,kqr,qj->krj", rest, present / either, powers)
            joint[REST] += np.einsum("kj,krj->r", binned, shares_of_rest)
            unlabelled = absent * self._unlabelled[REST, 0] + present * self._unlabelled[REST, 1]
            spared = moved * _product(self._unlabelled[MOVED])
            binned = np.stack([np.bincount(index, row * spared) for row in weighed])
            clean += float((binned * (unlabelled.prod(-1) @ powers)).sum())
        return Belief(float(total), joint / total, clean / total)

    # ----- from findings to labels ------------------------------------------------------------

    def labels(self, belief: Belief, named: Sequence[int]) -> Floats:
        """(Q) probability of each published label, where it is seen what was asked for."""
        keep = np.ones(len(DRAWN))
        keep[list(named)] = 1 - self.params.label_leak
        clean = belief.clean * float(np.delete(keep, DEVICES).prod())
        return _labels(1 - (1 - self._noisy(belief)) * keep, clean)

    def labels_unseen(self, belief: Belief, weighed: Floats) -> Floats:
        """(Q) the same, where it is not seen what was asked for.

        Args:
            belief: Of the study's findings.
            weighed: (K, S) that it was made from, of any sum.
        """
        by_state = self._labels_by_state.reshape(-1, len(CXR_LT_2023))
        own = weighed.ravel() @ by_state / weighed.sum()
        named, kept = self._asked_elsewhere
        clean = belief.clean * kept
        noisy, leak = self._noisy(belief), self.params.label_leak
        other = _labels(1 - (1 - noisy) * (1 - leak * named), clean)
        told = self.params.text_informativeness
        return np.asarray(told * own + (1 - told) * other)

    def labels_of(self, present: NDArray[np.bool_], named: Sequence[int] | None) -> Floats:
        """(Q) the same, where the findings are known.

        Args:
            present: (F).
            named: What was asked for; None where it is not seen.
        """
        clean = float(_where(present, self._unlabelled).prod())
        belief = Belief(1.0, present.astype(float), clean)
        if named is not None:
            return self.labels(belief, named)
        elsewhere, spared = self._asked_elsewhere
        told, leak = self.params.text_informativeness, self.params.label_leak
        asked = told * named_given(present) + (1 - told) * elsewhere
        kept = told * kept_given(present, leak, DEVICES) + (1 - told) * spared
        noisy = self._noisy(belief)
        return _labels(1 - (1 - noisy) * (1 - leak * asked), clean * float(kept))

    def _noisy(self, belief: Belief) -> Floats:
        """(F) probability of a positive label by noise alone."""
        return belief.findings * self.labelled[:, 1] + (1 - belief.findings) * self.labelled[:, 0]

    @cached_property
    def _counts(self) -> tuple[Floats, Floats, Floats]:
        """How many of the findings that move no sign are present; all weigh the same.

        Returns:
            (K, R + 1) probability of each number; (K, R, 2, R + 1) the same, jointly with each of
            them absent or present; (K, R + 1) ``Belief.clean`` of them, jointly with the number.
        """
        p = self.chances[:, REST]
        both = np.stack([1 - p, p], axis=-1)  # (K, R, 2)
        each = np.stack(
            [
                np.stack([_polynomial(_only(both, i, value)) for value in (0, 1)], axis=1)
                for i in range(len(REST))
            ],
            axis=1,
        )
        return _polynomial(both), each, _polynomial(both * self._unlabelled[REST])

    @cached_property
    def _labels_by_state(self) -> Floats:
        """(K, S, Q) probability of each label, over what an own indication may ask for."""
        bits, leak = self.vital_signs.bits, self.params.label_leak
        number, each, clean = self._counts
        none = np.zeros((*self.states.shape, len(DRAWN)))  # probability of no label
        nothing = np.zeros(self.states.shape)
        unlabelled = 1 - self.labelled
        moved = _where(bits, unlabelled[MOVED])
        spared = _where(bits, self._unlabelled[MOVED]).prod(-1)
        for count in range(len(REST) + 1):
            named, kept = self._asked(count)
            keep = 1 - leak * named  # (S, F)
            none[..., MOVED] += number[:, None, None, count] * moved * keep[:, MOVED]
            for i, finding in enumerate(REST):
                absent, present = (each[:, i, value, count, None] for value in (0, 1))
                none[..., finding] += absent * unlabelled[finding, 0] * keep[:, REST[-1]]
                none[..., finding] += present * unlabelled[finding, 1] * keep[:, REST[0]]
            nothing += clean[:, None, count] * spared * kept
        return _labels(1 - none, nothing)

    @cached_property
    def _asked_elsewhere(self) -> tuple[Floats, float]:
        """(F) probability that any study's indication asks for each finding; what a leak spares."""
        number, each, _ = self._counts
        asked, spared = np.zeros(len(DRAWN)), 0.0
        for count in range(len(REST) + 1):
            named, kept = self._asked(count)
            weight = self.states * number[:, None, count]
            asked[MOVED] += weight.sum(0) @ named[:, MOVED]
            for value, like in ((0, REST[-1]), (1, REST[0])):
                asked[REST] += np.einsum("ks,kr,s->r", self.states, each[:, :, value, count],
                                         named[:, like])  # fmt: skip
            spared += float((weight * kept).sum())
        return asked, spared

    def _asked(self, count: int) -> tuple[Floats, Floats]:
        """(S, F) and (S): naming where the first ``count`` of ``REST`` are present."""
        present = np.zeros((len(self.vital_signs.bits), len(DRAWN)), np.bool_)
        present[:, MOVED] = self.vital_signs.bits
        present[:, REST[:count]] = True
        return named_given(present), kept_given(present, self.params.label_leak, DEVICES)


def _labels(findings: Floats, clean: Floats | float) -> Floats:
    """(..., Q) in the order of CXR-LT 2023, of findings and of No Finding."""
    labels = np.empty((*findings.shape[:-1], len(CXR_LT_2023)))
    labels[..., COLUMNS] = findings
    labels[..., NOTHING] = clean
    return labels


def _where(present: NDArray[np.bool_], pairs: Floats) -> Floats:
    """(..., n) of (n, 2) pairs the second where a finding is present, else the first."""
    return np.asarray(np.where(present, pairs[:, 1], pairs[:, 0]))


def _product(factor: Floats) -> Floats:
    """(2^n) product of (n, 2) factors for every set, the first finding the highest bit."""
    product = np.ones(1)
    for pair in factor:
        product = (product[:, None] * pair).ravel()
    return product


def _polynomial(pairs: Floats) -> Floats:
    """(K, n + 1) coefficients of the product over (K, n, 2) of absent + present x."""
    result = np.ones((len(pairs), 1))
    for i in range(pairs.shape[1]):
        longer = np.zeros((len(pairs), result.shape[1] + 1))
        longer[:, :-1] += result * pairs[:, i, :1]
        longer[:, 1:] += result * pairs[:, i, 1:]
        result = longer
    return result


def _only(pairs: Floats, position: int, value: int) -> Floats:
    """The same with one finding held absent or present."""
    held = pairs.copy()
    held[:, position, 1 - value] = 0
    return held
