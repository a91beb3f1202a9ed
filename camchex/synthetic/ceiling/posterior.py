"""Posterior probabilities of findings and published labels, given a text, vital signs, or both.

Axes: K conditions; F findings that are drawn, of which E move a vital sign and R do not;
S = 2^E sets of moving findings; Q published labels; n nodes of the quadrature over u (``naming``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from camchex.contract.labels import CXR_LT_2023, NO_FINDING
from camchex.synthetic.ceiling.events import Reading
from camchex.synthetic.ceiling.naming import Floats, kept_given, named_given, terms
from camchex.synthetic.ceiling.vital_signs import MOVING, VitalSigns
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.conditions import probabilities, shares
from camchex.synthetic.people.indication import CLUE_ABSENT, CLUE_PRESENT

Indices = NDArray[np.int64]
DEVICES = DRAWN.index("Support Devices")
MOVED = np.array([DRAWN.index(finding) for finding in MOVING])
REST = np.array([i for i in range(len(DRAWN)) if i not in set(MOVED.tolist())])
NONE = np.arange(0)
COLUMNS = np.array([CXR_LT_2023.index(finding) for finding in DRAWN])
NOTHING = CXR_LT_2023.index(NO_FINDING)


@dataclass(frozen=True)
class Belief:
    """Findings of a study as some evidence shows them."""

    evidence: float  # probability of the evidence
    findings: Floats  # probability that each finding is present, (F,)
    clean: float  # probability that noise labels nothing, or Support Devices alone


@dataclass(frozen=True)
class Generator:
    """The generating model of one study, and what may be concluded from it."""

    params: SyntheticParams  # the section ``synthetic``

    @cached_property
    def vital_signs(self) -> VitalSigns:
        """Likelihoods of vital signs."""
        return VitalSigns(self.params)

    @cached_property
    def chances(self) -> Floats:
        """Probability of each finding given each condition, (K, F)."""
        return probabilities(self.params.prevalence, shares())

    @cached_property
    def labelled(self) -> Floats:
        """Probability that noise alone labels an absent and a present finding, (F, 2)."""
        prevalence = np.array([self.params.prevalence[finding] for finding in DRAWN])
        noise = self.params.label_noise
        turned = np.minimum(noise * prevalence / (1 - prevalence), 1)
        return np.stack([turned, np.full(len(DRAWN), 1 - noise)], axis=1)

    @cached_property
    def _unlabelled(self) -> Floats:
        """Factor of each finding in ``Belief.clean``, absent and present, (F, 2)."""
        factor = 1 - self.labelled
        factor[DEVICES] = 1
        return factor

    # ----- beliefs: what nothing, a text, vital signs, or both say ----------------------------

    @cached_property
    def prior(self) -> Belief:
        """Belief about a study of which nothing is seen."""
        clean = _mixed(self.chances, self._unlabelled).prod(1)
        return Belief(1.0, shares() @ self.chances, float(shares() @ clean))

    @cached_property
    def prior_labels(self) -> Floats:
        """Probability of each published label of a study of which nothing is seen, (Q,)."""
        return self.labels_unseen(self.prior, self.states)

    @cached_property
    def states(self) -> Floats:
        """Probability of each condition and set of moving findings, (K, S)."""
        p = self.chances[:, None, MOVED]
        chance = np.where(self.vital_signs.bits, p, 1 - p).prod(-1)
        return np.asarray(shares()[:, None] * chance)

    def by_text(self, reading: Reading) -> Belief:
        """Conclude from an indication on the study that it is about."""
        no_bits = np.zeros((1, 0), np.bool_)
        return self._by_reading(reading, shares()[:, None], NONE, np.arange(len(DRAWN)), no_bits)

    def by_both(self, reading: Reading, weighed: Floats) -> Belief:
        """Conclude from an indication and vital signs that are about the same study.

        Args:
            reading: One reading of the indication.
            weighed: :attr:`states` times the likelihood of the vital signs, (K, S).
        """
        return self._by_reading(reading, weighed, MOVED, REST, self.vital_signs.bits)

    def _by_reading(
        self, reading: Reading, weighed: Floats, moved: Indices, rest: Indices,
        bits: NDArray[np.bool_],
    ) -> Belief:  # fmt: skip
        """Sum over all sets of the findings ``moved`` (E,), and over ``rest`` (R,) by quadrature.

        ``bits`` (S, E) are the sets; ``weighed`` (K, S) is the weight of each condition and set.
        """
        total, joint, clean = 0.0, np.zeros(len(DRAWN)), 0.0
        possible = np.flatnonzero(reading.history)
        weighed = weighed[possible] * reading.history[possible, None] * reading.words
        p = self.chances[possible][:, rest]
        held = np.isin(np.arange(len(DRAWN)), [*reading.clues])
        clue = np.array([CLUE_ABSENT, CLUE_PRESENT])
        clues = np.where(held[:, None], clue, 1 - clue)
        members = bits.astype(np.float64)
        for term in terms(reading.named):
            factor = clues * term.factor
            by_set = _product(factor[moved])
            index = bits @ term.steps[moved]  # exponent of u, (S,)
            powers = term.weights[:, None] * term.nodes[:, None] ** np.arange(index.max() + 1)
            absent = ((1 - p) * factor[rest, 0])[:, None]
            present = (p * factor[rest, 1])[:, None] * term.nodes[:, None] ** term.steps[rest]
            either = absent + present  # (K, n, R)
            product = either.prod(-1)
            by_state = by_set * (weighed * (product @ powers)[:, index]).sum(0)  # (S,)
            total += by_state.sum()
            joint[moved] += by_state @ members
            binned = np.stack([np.bincount(index, row * by_set) for row in weighed])
            shares_of_rest = np.einsum("kq,kqr,qj->krj", product, present / either, powers)
            joint[rest] += np.einsum("kj,krj->r", binned, shares_of_rest)
            unlabelled = absent * self._unlabelled[rest, 0] + present * self._unlabelled[rest, 1]
            spared = by_set * _product(self._unlabelled[moved])
            binned = np.stack([np.bincount(index, row * spared) for row in weighed])
            clean += float((binned * (unlabelled.prod(-1) @ powers)).sum())
        return Belief(float(total), joint / total, clean / total)

    def by_vital_signs(self, weighed: Floats) -> Belief:
        """Conclude from vital signs on the study that they are about.

        Args:
            weighed: :attr:`states` times the likelihood of the vital signs, (K, S).
        """
        total = weighed.sum()
        findings = np.empty(len(DRAWN))
        findings[MOVED] = weighed.sum(0) @ self.vital_signs.bits.astype(np.float64) / total
        findings[REST] = weighed.sum(1) @ self.chances[:, REST] / total
        clean = float(np.vdot(weighed, self._clean_states) / total)
        return Belief(float(total), findings, clean)

    @cached_property
    def _clean_states(self) -> Floats:
        """``Belief.clean`` given the condition and the moving findings, (K, S)."""
        moved = _where(self.vital_signs.bits, self._unlabelled[MOVED]).prod(-1)
        rest = _mixed(self.chances[:, REST], self._unlabelled[REST]).prod(-1)
        return np.asarray(rest[:, None] * moved)

    # ----- from findings to labels ------------------------------------------------------------

    def labels(self, belief: Belief, named: Sequence[int]) -> Floats:
        """Compute the probability of each published label where the question is seen, (Q,).

        Args:
            belief: What is known of the study's findings.
            named: Findings that its indication asks for.
        """
        keep = np.ones(len(DRAWN))
        keep[list(named)] = 1 - self.params.label_leak
        clean = belief.clean * float(np.delete(keep, DEVICES).prod())
        return _labels(1 - (1 - self._noisy(belief)) * keep, clean)

    def labels_unseen(self, belief: Belief, weighed: Floats) -> Floats:
        """Compute the probability of each published label where the question is not seen, (Q,).

        Args:
            belief: What is known of the study's findings.
            weighed: States that the belief was made from, (K, S), of any sum.
        """
        by_state = self._labels_by_state.reshape(-1, len(CXR_LT_2023))
        own = weighed.ravel() @ by_state / weighed.sum()
        named, kept = self._asked_elsewhere
        noisy, leak = self._noisy(belief), self.params.label_leak
        other = _labels(1 - (1 - noisy) * (1 - leak * named), belief.clean * kept)
        told = self.params.text_informativeness
        return np.asarray(told * own + (1 - told) * other)

    def labels_of(self, present: NDArray[np.bool_], named: Sequence[int] | None) -> Floats:
        """Compute the probability of each published label where the findings are known, (Q,).

        Args:
            present: Findings that are present, (F,).
            named: Findings that the indication asks for; None where it is not seen.
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
        """Probability of a positive label by noise alone, (F,)."""
        return belief.findings * self.labelled[:, 1] + (1 - belief.findings) * self.labelled[:, 0]

    @cached_property
    def _counts(self) -> tuple[Floats, Floats, Floats]:
        """Distribution of how many findings are present that move no vital sign.

        Their number suffices, as all of them weigh the same in the choice of a question.

        Returns:
            Probability of each number, (K, R + 1); jointly with each finding absent or present,
            (K, R, 2, R + 1); ``Belief.clean`` of them, jointly with the number, (K, R + 1).
        """
        p = self.chances[:, REST]
        both = np.stack([1 - p, p], axis=-1)  # (K, R, 2)
        each = np.empty((*both.shape, len(REST) + 1))
        for i, value in np.ndindex(len(REST), 2):
            held = both.copy()
            held[:, i, 1 - value] = 0
            each[:, i, value] = _polynomial(held)
        return _polynomial(both), each, _polynomial(both * self._unlabelled[REST])

    @cached_property
    def _labels_by_state(self) -> Floats:
        """Probability of each label, over what an own indication may ask for, (K, S, Q)."""
        bits, leak = self.vital_signs.bits, self.params.label_leak
        number, each, clean = self._counts
        moved = np.zeros((*self.states.shape, len(MOVED)))  # probability of no label
        rest = np.zeros((len(REST), *self.states.shape))
        nothing = np.zeros(self.states.shape)
        unlabelled = 1 - self.labelled
        alone = _where(bits, unlabelled[MOVED])
        spared = _where(bits, self._unlabelled[MOVED]).prod(-1)
        for count in range(len(REST) + 1):
            named, kept = self._asked(count)
            keep = 1 - leak * named  # (S, F)
            both, there, gone = keep[:, MOVED], keep[:, REST[0]].copy(), keep[:, REST[-1]].copy()
            for k, chance in enumerate(number[:, count]):
                moved[k] += chance * alone * both
            for i, finding in enumerate(REST):
                absent, present = (each[:, i, value, count, None] for value in (0, 1))
                rest[i] += absent * unlabelled[finding, 0] * gone
                rest[i] += present * unlabelled[finding, 1] * there
            nothing += clean[:, None, count] * spared * kept
        none = np.empty((*self.states.shape, len(DRAWN)))
        none[..., MOVED] = moved
        none[..., REST] = np.moveaxis(rest, 0, -1)
        return _labels(1 - none, nothing)

    @cached_property
    def _asked_elsewhere(self) -> tuple[Floats, float]:
        """Probability that any study's question names each finding, (F,); what a leak spares."""
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
        """Naming, (S, F), and what a leak spares, (S,), where the first ``count`` are present."""
        present = np.zeros((len(self.vital_signs.bits), len(DRAWN)), np.bool_)
        present[:, MOVED] = self.vital_signs.bits
        present[:, REST[:count]] = True
        return named_given(present), kept_given(present, self.params.label_leak, DEVICES)


def _labels(findings: Floats, clean: Floats | float) -> Floats:
    """Put findings (..., F) and No Finding (...) into the order of CXR-LT 2023, (..., Q)."""
    labels = np.empty((*findings.shape[:-1], len(CXR_LT_2023)))
    labels[..., COLUMNS] = findings
    labels[..., NOTHING] = clean
    return labels


def _where(present: NDArray[np.bool_], pairs: Floats) -> Floats:
    """Select from pairs (F, 2) the second where a finding is present, else the first, (..., F)."""
    return np.asarray(np.where(present, pairs[:, 1], pairs[:, 0]))


def _mixed(chances: Floats, pairs: Floats) -> Floats:
    """Average pairs (F, 2) over absence and presence, (K, F)."""
    return np.asarray((1 - chances) * pairs[:, 0] + chances * pairs[:, 1])


def _product(factor: Floats) -> Floats:
    """Multiply factors (E, 2) for every set, (2^E,); the first finding is the highest bit."""
    product = np.ones(1)
    for pair in factor:
        product = (product[:, None] * pair).ravel()
    return product


def _polynomial(pairs: Floats) -> Floats:
    """Multiply out absent + present x over pairs (K, R, 2): coefficients (K, R + 1)."""
    result = np.ones((len(pairs), 1))
    for i in range(pairs.shape[1]):
        longer = np.zeros((len(pairs), result.shape[1] + 1))
        longer[:, :-1] += result * pairs[:, i, :1]
        longer[:, 1:] += result * pairs[:, i, 1:]
        result = longer
    return result
