"""A search without a list: words after which labels are positive though the report says "absent".

Leaks of words that are in no list would stay unseen by the rest of the audit. So for every finding
that MIMIC-CXR-JPG has, all words and pairs of words are tried, among studies whose report it rules
out in and whose indication does not name it by a listed word. There, no word should tell the label.

Patients are split in two halves. One half chooses words, the other tests them, and the reverse.
Chosen is the word that tells most; then what tells most among the studies without it; and so on,
so that words which only stand beside a leaking one are not chosen. One study per patient counts,
so that the test (Fisher's, one-sided) is exact with any number of studies by patient. All tests of
both halves together are held to one rate of false discoveries (Benjamini and Hochberg 1995).
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_array
from scipy.stats import false_discovery_control, hypergeom
from sklearn.feature_extraction.text import CountVectorizer

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import shown_share
from camchex.audit.ngrams import read_once
from camchex.contract.labels import MIMIC_14
from camchex.scores.labelled_split import matrix, mimic14_matrix
from camchex.scores.metrics import Floats
from camchex.texts.keywords import Bools

LETTERS = r"(?<![^\s])[^\W\d_](?:[^\W\d_]|[-/'])+(?![^\s.,?])"  # no numbers: ages, dates, doses
FALSE_DISCOVERIES = 0.05
WORTH_A_TEST = 0.01  # largest p of a chosen word in the half that chooses
MOST = 10  # words chosen by finding and half


@dataclass(frozen=True)
class Chosen:
    """A word (or two) that one half chose, as the other half counts it among its patients."""

    finding: int  # its column
    words: str
    patients: int  # with the words
    positive: int  # of them
    others: int  # without the words
    others_positive: int

    @property
    def p(self) -> float:
        """Probability of so many positives or more if the words tell nothing."""
        everyone, positive = self.patients + self.others, self.positive + self.others_positive
        return float(hypergeom.sf(self.positive - 1, everyone, positive, self.patients))


def search(
    texts: Sequence[str | None],
    suspects: Floats,
    patients: Sequence[str],
    min_cell: int,
    seed: int,
    workers: int = 1,
) -> list[Chosen]:
    """Choose words and test them, each by the other half of the patients.

    Args:
        texts: Cleaned indications, (N,).
        suspects: Labels where no word should tell them, 1 or 0, else NaN, (N, Q).
        patients: The patient of each study, (N,).
        min_cell: Least number of patients in each half who have a word that is tried.
        seed: Of the halves, and of which study counts for a patient.
        workers: Threads, each of which tries the words for a finding.

    Returns:
        All that was tested, found or not.
    """
    numbers = np.unique(np.asarray(patients), return_inverse=True)[1]
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(numbers))
    half = draw.permutation(numbers.max(initial=-1) + 1) % 2
    counter = CountVectorizer(
        token_pattern=LETTERS,
        ngram_range=(1, 2),
        binary=True,
    )
    try:
        present, text, vocabulary = read_once(counter, [one or "" for one in texts], min_cell)
    except ValueError:  # no word
        return []

    def test(finding: int) -> list[Chosen]:
        labels = suspects[:, finding]
        known = order[~np.isnan(labels[order])]
        rows = known[np.unique(numbers[known], return_index=True)[1]]  # one study per patient
        halves = [rows[half[numbers[rows]] == side] for side in (0, 1)]
        pair = [(present[text[at]], labels[at] == 1) for at in halves]
        return [
            Chosen(finding, vocabulary[word], *counts)
            for sides in (pair, pair[::-1])
            for word, counts in _chosen(sides, min_cell)
        ]

    with ThreadPoolExecutor(max(workers, 1)) as pool:
        return [*chain.from_iterable(pool.map(test, range(suspects.shape[1])))]


def _chosen(
    pair: Sequence[tuple[csr_array, Bools]], min_cell: int
) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """Words that the first half chooses, one after the other, and their counts in the second."""
    left = [np.ones(len(positive), bool) for _, positive in pair]
    for _ in range(MOST):
        (having, hits), (tested, tested_hits) = (
            (words.T @ kept, words.T @ (kept & positive))
            for (words, positive), kept in zip(pair, left, strict=True)
        )
        everyone, positive = int(left[0].sum()), int((left[0] & pair[0][1]).sum())
        enough = np.flatnonzero((having >= min_cell) & (tested >= min_cell) & (hits > 0))
        if not len(enough) or positive in (0, everyone):
            return
        # By the normal approximation, since Fisher's test of every word would take minutes.
        rate, many = positive / everyone, having[enough]
        sd = np.sqrt(many * rate * (1 - rate) * np.maximum(1 - many / everyone, 1 / everyone))
        word = int(enough[np.argmax((hits[enough] - many * rate) / sd)])
        if hypergeom.sf(hits[word] - 1, everyone, positive, having[word]) > WORTH_A_TEST:
            return
        with_word = int(tested[word]), int(tested_hits[word])
        total = int(left[1].sum()), int((left[1] & pair[1][1]).sum())
        yield word, (*with_word, total[0] - with_word[0], total[1] - with_word[1])
        left = [
            kept & (words[:, [word]].toarray().ravel() == 0)
            for (words, _), kept in zip(pair, left, strict=True)
        ]


def found(tested: Sequence[Chosen]) -> list[tuple[Chosen, float]]:
    """The words that tell a label, and the rate of false discoveries at which each is found."""
    if not tested:
        return []
    rates = false_discovery_control([one.p for one in tested])
    best: dict[tuple[int, str], tuple[Chosen, float]] = {}
    for one, rate in sorted(zip(tested, rates.tolist(), strict=True), key=lambda pair: pair[1]):
        if rate <= FALSE_DISCOVERIES:
            best.setdefault((one.finding, one.words), (one, rate))
    return list(best.values())


def search_results(
    cohort: pa.Table,
    classes: Sequence[str],
    named: Bools,
    seed: int,
    min_cell: int,
    workers: int = 1,
) -> Results:
    """Search the labels of all splits for words that are in no list and tell them.

    ``named`` is that of :func:`camchex.audit.leak.named_shared`.

    Returns:
        ``tested``: number of tests. ``words``: for each word that was found, its ``class``, the
        ``words``, ``patients`` who have them in the half that tested, the share of these, and of
        those without them, whose label is positive (None where a count is small), and ``q``, the
        rate of false discoveries at which it is found. No word of fewer than ``min_cell`` patients
        of either half is tried.
    """
    shared = [name for name in classes if name in MIMIC_14]
    texts = cohort["indication"].to_pylist()
    labels, independent = matrix(cohort, shared), mimic14_matrix(cohort, shared, np.nan)
    silent = (independent == 0) & ~named
    suspects = np.where(silent, labels, np.nan)
    tested = search(texts, suspects, cohort["patient_id"].to_pylist(), min_cell, seed, workers)
    words = [
        {
            "class": shared[one.finding],
            "words": one.words,
            "patients": one.patients,
            "share_positive": shown_share(one.positive, one.patients, min_cell),
            "share_otherwise": shown_share(one.others_positive, one.others, min_cell),
            "q": rate,
        }
        for one, rate in found(tested)
    ]
    return {"tested": len(tested), "words": words}
