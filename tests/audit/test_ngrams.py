"""What the words of an indication tell without an image."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info, threadpool_limits

from camchex.audit.ngrams import ngram_scores, read_once, words_counter
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


def test_ngrams_are_those_of_another_solver() -> None:
    """Also where texts and labels repeat, are unknown, and words are too many to keep all."""
    invented = factories.invent({"train": 300, "test": 100}, named=0.5)
    labels = invented.truth.astype(float)
    labels[::7, 5] = np.nan
    cohort = factories.cohort(invented, labels)
    train, test = (labelled_split(cohort, split, CXR_LT_2023) for split in ("train", "test"))
    words = words_counter()
    texts = [[t or "" for t in one.table["indication"].to_pylist()] for one in (train, test)]
    known, asked = words.fit_transform(texts[0]), words.transform(texts[1])
    found = ngram_scores(train, test, workers=2)
    for q, truth in enumerate(train.labels.T):
        rows = np.flatnonzero(~np.isnan(truth))
        model = LogisticRegression(tol=1e-9, max_iter=1000).fit(known[rows], truth[rows])
        np.testing.assert_allclose(found[:, q], model.predict_proba(asked)[:, 1], atol=1e-4)


def test_threads_that_learn_have_none_of_blas_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    invented = factories.invent({"train": 50, "test": 10})
    cohort = factories.cohort(invented, invented.truth.astype(float))
    train, test = (labelled_split(cohort, split, CXR_LT_2023) for split in ("train", "test"))
    fit, seen = LogisticRegression.fit, set[int]()

    def watched(model: LogisticRegression, *given: object, **named: object) -> LogisticRegression:
        seen.update(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")
        return fit(model, *given, **named)

    monkeypatch.setattr(LogisticRegression, "fit", watched)
    with threadpool_limits(2, "blas"):
        ngram_scores(train, test, workers=2)
    assert seen == {1}


def test_each_distinct_text_is_counted_as_often_as_it_is_there() -> None:
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(list("abcdefgh"), 3)) for _ in range(50)]
    texts = [texts[i] for i in draw.integers(0, 50, 400)]
    options = {"analyzer": "char_wb", "ngram_range": (1, 2)}
    for least in (1, 9):
        counts, row, words = read_once(CountVectorizer(**options), texts, least)
        expected = CountVectorizer(**options, min_df=least)
        np.testing.assert_array_equal(
            counts[row].toarray(), expected.fit_transform(texts).toarray()
        )
        assert words == expected.get_feature_names_out().tolist()
        assert len(counts.toarray()) == len(set(texts))


def test_of_too_many_words_the_most_frequent_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camchex.audit.ngrams.LARGEST_VOCABULARY", 3)
    texts = ["a b c d", "a b c", "a b", "a b c d e"] + ["a b", "e"] * 3
    counts, row, words = read_once(CountVectorizer(analyzer=str.split), texts)
    assert words == ["a", "b", "e"]
    assert counts[row].sum(axis=0).tolist() == [7, 7, 4]


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
