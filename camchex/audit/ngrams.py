"""Labels guessed from the words of the indication alone, without an image."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from camchex.scores.labelled_split import Split
from camchex.scores.metrics import Floats

WORDS = r"(?:[^\s.]|(?<!\s)\.(?=\d))+"  # words: s/p, -year-old, 38.5; no lone full stop
LARGEST_VOCABULARY = 20_000  # words and pairs of words; keeps MIMIC-CXR to minutes on one core


def ngram_scores(train: Split, test: Split) -> Floats:
    """Probabilities of logistic regressions over words and pairs of words, one per class.

    They are of the N test studies, (N, Q), and learnt from the training studies. A class that
    training shows only on one side gets a constant, which ranks nothing.

    Source: docs/method.md, section 10.1 (the indication alone).
    """
    known, asked = (
        [text or "" for text in split.table["indication"].to_pylist()] for split in (train, test)
    )
    scores = np.zeros(test.labels.shape)
    if not any(known):
        return scores
    words = TfidfVectorizer(
        token_pattern=WORDS,
        ngram_range=(1, 2),
        sublinear_tf=True,
        max_features=LARGEST_VOCABULARY,
    )
    learnt, given = words.fit_transform(known), words.transform(asked)
    for column, labels in enumerate(train.labels.T):
        rows = np.flatnonzero(~np.isnan(labels))
        if len(np.unique(labels[rows])) > 1:
            classifier = LogisticRegression(solver="liblinear")
            classifier.fit(learnt[rows], labels[rows])
            scores[:, column] = classifier.predict_proba(given)[:, 1]
    return scores
