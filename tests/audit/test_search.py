"""The search finds a planted word that is in no list, and nothing where there is no leak."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binom, fisher_exact

from camchex.aggregates.results import Results
from camchex.audit.leak import named_shared
from camchex.audit.search import FALSE_DISCOVERIES, Chosen, found, search, search_results
from camchex.contract.labels import CXR_LT_2023
from tests.scores import factories

WORDS = [f"{a}{b}" for a in "bcdfgh" for b in "aeiou"]
MIN_CELL = 5


def requests(draw: np.random.Generator, studies: int) -> list[str]:
    """Texts of three words each."""
    return [" ".join(draw.choice(WORDS, 3)) for _ in range(studies)]


def planted(seed: int, leak: float, studies: int = 600) -> tuple[list[str], np.ndarray]:
    """Two findings with 8 % positives; "zebra" makes the first positive, "striped" does not."""
    draw = np.random.default_rng(seed)
    texts, labels = requests(draw, studies), (draw.random((studies, 2)) < 0.08).astype(float)
    for row in np.flatnonzero(draw.random(studies) < 0.1):
        texts[row] += " striped zebra" if row % 2 else " zebra"
        labels[row, 0] = max(labels[row, 0], draw.random() < leak)
    return texts, labels


def test_a_planted_word_is_found_and_its_neighbour_is_not() -> None:
    texts, labels = planted(0, 0.6)
    words = found(search(texts, labels, [str(n) for n in range(600)], MIN_CELL, 0))
    assert [(one.finding, one.words) for one, _ in words] == [(0, "zebra")]
    one = words[0][0]
    assert one.positive / one.patients == pytest.approx(0.63, abs=0.2)
    assert one.others_positive / one.others == pytest.approx(0.08, abs=0.05)


def test_without_a_leak_a_false_discovery_is_as_rare_as_promised() -> None:
    """Also where patients come back, with the same words and the same label each time."""
    times, patients, runs, p = 3, 150, 30, []
    again = np.repeat(np.arange(patients), times)
    false = 0
    for seed in range(runs):
        texts, labels = planted(seed, 0, patients)
        tested = search(
            [texts[n] for n in again], labels[again], again.astype(str).tolist(), MIN_CELL, 0
        )
        false += bool(found(tested))
        p += [one.p for one in tested]
    assert false <= binom.ppf(0.999, runs, FALSE_DISCOVERIES)
    assert np.sum(np.array(p) < 0.1) <= binom.ppf(0.999, len(p), 0.1)


def test_the_test_is_fisher_s() -> None:
    one = Chosen(0, "zebra", patients=12, positive=7, others=90, others_positive=8)
    oracle = fisher_exact([[7, 5], [8, 82]], alternative="greater").pvalue
    assert one.p == pytest.approx(oracle)


def test_words_of_few_patients_are_never_tried() -> None:
    texts = ["lone wolf"] * 40 + ["cough"] * 40
    labels = np.array([[1.0]] * 40 + [[0.0]] * 40)
    patients = ["same"] * 36 + [str(n) for n in range(44)]
    assert search(texts, labels, patients, MIN_CELL, 0) == []
    assert search([None] * 80, labels, patients, MIN_CELL, 0) == []


def words_of(cohort: pa.Table) -> list[Results]:
    named = named_shared(cohort, CXR_LT_2023)
    return list(search_results(cohort, CXR_LT_2023, named, 0, MIN_CELL)["words"])


def test_only_findings_that_the_report_rules_out_and_no_listed_word_names_are_searched() -> None:
    invented = factories.invent({"train": 400, "test": 200})
    labels = factories.leaked(invented, 0.9)  # by listed words only
    cohort = factories.cohort(invented, labels)
    assert (
        search_results(cohort, CXR_LT_2023, named_shared(cohort, CXR_LT_2023), 0, MIN_CELL)["words"]
        == []
    )
    at, pneumonia = cohort.column_names.index("indication"), CXR_LT_2023.index("Pneumonia")
    hit = np.arange(600) % 3 == 0
    labels[hit, pneumonia] = 1
    given = cohort["indication"].to_pylist()
    texts = [f"{t or 'cough .'} zebra" if h else t for t, h in zip(given, hit, strict=True)]
    other = factories.cohort(invented, labels).set_column(at, "indication", pa.array(texts))
    (word,) = search_results(other, CXR_LT_2023, named_shared(other, CXR_LT_2023), 0, MIN_CELL)[
        "words"
    ]
    assert (word["class"], word["words"], word["share_positive"]) == ("Pneumonia", "zebra", 1)
    assert word["patients"] >= MIN_CELL
