"""What the words of an indication tell without an image."""

import numpy as np

from camchex.audit.ngrams import ngram_scores
from camchex.contract.labels import CXR_LT_2023
from camchex.scores.labelled_split import labelled_split
from camchex.scores.metrics import score_classes
from tests.scores import factories


def test_ngrams_learn_the_words_for_a_finding() -> None:
    invented = factories.invent({"train": 300, "test": 300}, named=0.9)
    cohort = factories.cohort(invented, invented.truth.astype(float))
    train, test = (labelled_split(cohort, split, CXR_LT_2023) for split in ("train", "test"))
    scores = score_classes(test.labels, ngram_scores(train, test), CXR_LT_2023)
    for name, score in scores.items():
        assert score.auroc is not None
        if name in factories.WORDS:
            assert score.auroc > 0.75
        else:
            assert 0.35 < score.auroc < 0.65


def test_ngrams_see_nothing_of_the_test_labels() -> None:
    invented = factories.invent({"train": 50, "test": 50})
    cohort = factories.cohort(invented, invented.truth.astype(float))
    other = invented.truth.astype(float)
    other[50:] = 1 - other[50:]
    train = labelled_split(cohort, "train", CXR_LT_2023)
    flipped = labelled_split(factories.cohort(invented, other), "test", CXR_LT_2023)
    same = ngram_scores(train, labelled_split(cohort, "test", CXR_LT_2023))
    np.testing.assert_array_equal(ngram_scores(train, flipped), same)


def test_ngrams_without_anything_to_learn_rank_nothing() -> None:
    invented = factories.invent({"train": 40, "test": 20}, named=0)
    labels = invented.truth.astype(float)
    cohort = factories.cohort(invented, labels)
    train, test = (labelled_split(cohort, split, CXR_LT_2023) for split in ("train", "test"))
    assert not ngram_scores(train, test).any()
    invented.named[:, 20] = np.arange(60) % 2 == 0
    labels[:40, 8] = 0
    labels[:40, 9] = np.nan
    cohort = factories.cohort(invented, labels)
    train = labelled_split(cohort, "train", CXR_LT_2023)
    scores = ngram_scores(train, labelled_split(cohort, "test", CXR_LT_2023))
    assert not scores[:, [8, 9]].any()
    assert scores[:, 20].any()
