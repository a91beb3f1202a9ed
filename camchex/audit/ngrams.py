"""Labels guessed from the words of the indication alone, without an image."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from camchex.scores.labelled_split import Split
from camchex.scores.metrics import Floats

WORDS = r"(?:[^\s.]|(?<!\s)\.(?=\d))+"  # words: s/p, -year-old, 38.5; no lone full stop
COUNTED = {"token_pattern": WORDS, "ngram_range": (1, 2)}  # words and pairs of words
LARGEST_VOCABULARY = 20_000  # words and pairs of words; keeps MIMIC-CXR to minutes on one core


def words_counter() -> TfidfVectorizer:
    """Weigh words and pairs of words by how few texts have them (tf-idf)."""
    return TfidfVectorizer(**COUNTED, sublinear_tf=True, max_features=LARGEST_VOCABULARY)


def read_once(
    counter: CountVectorizer, texts: Sequence[str], least: int = 1
) -> tuple[csr_array, NDArray[np.intp], list[str]]:
    """Count words as ``counter`` does in all texts, but read equal ones once.

    Kept are words that ``least`` texts have, the ``LARGEST_VOCABULARY`` most frequent of them.

    Returns:
        Counts in the D distinct texts, (D, V); the number of each text's, (N,); and the V words.

    Raises:
        ValueError: If there is no word.
    """
    distinct, number = _distinct(texts)
    counts = csr_array(counter.fit_transform(distinct))
    times = np.bincount(number)
    kept = np.flatnonzero(times @ (counts > 0) >= least)
    if len(kept) > LARGEST_VOCABULARY:
        kept = np.sort(kept[np.argsort(-(times @ counts)[kept])[:LARGEST_VOCABULARY]])
    return counts[:, kept], number, counter.get_feature_names_out()[kept].tolist()


def ngram_scores(train: Split, test: Split, workers: int = 1) -> Floats:
    """Probabilities of logistic regressions over words and pairs of words, one per class.

    They are of the N test studies, (N, Q), and learnt from the training studies. A class that
    training shows only on one side gets a constant, which ranks nothing. ``workers`` threads learn
    a class each, which changes no number.

    Source: docs/method.md, section 10.1 (the indication alone). Newton's method takes few steps,
    each of which reads the distinct texts once; liblinear takes many, and reads equal texts again.
    """
    known, asked = (
        [text or "" for text in split.table["indication"].to_pylist()] for split in (train, test)
    )
    scores = np.zeros(test.labels.shape)
    if not any(known):
        return scores
    options = COUNTED | {"dtype": np.float64}
    counts, row, words = read_once(CountVectorizer(**options), known)
    tf_idf = TfidfTransformer(sublinear_tf=True).fit(counts[row])
    texts = tf_idf.transform(counts)
    count = texts.shape[0]
    distinct, place = _distinct(asked)
    given = tf_idf.transform(CountVectorizer(**options, vocabulary=words).transform(distinct))

    def learn(column: int) -> None:
        labels = train.labels[:, column]
        times = np.stack([np.bincount(row[labels == side], minlength=count) for side in (0, 1)])
        sides, at = np.nonzero(times)  # each text once for either side, as often as it counts
        if len(np.unique(sides)) > 1:
            classifier = LogisticRegression(solver="newton-cg", tol=1e-6)
            classifier.fit(texts[at], sides, sample_weight=times[sides, at])
            scores[:, column] = classifier.predict_proba(given)[place, 1]

    # Threads of BLAS beside these would wait for each other most of the time.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(max(workers, 1)) as pool:
        list(pool.map(learn, range(len(test.classes))))
    return scores


def _distinct(texts: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """The distinct texts, and the number of each text's, (N,)."""
    coded = pa.array(texts, pa.string()).dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.intp)
