"""The audit beside the truth, by hand."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from camchex.audit.validation import (
    LEAKS,
    SHARE,
    Truth,
    true_shares,
    validation,
    validation_figure,
    validation_text,
)
from camchex.scores.labelled_split import LabelSet
from camchex.synthetic.params import DRAWN
from camchex.synthetic.people.indication import Indication
from camchex.synthetic.people.patients import invent_studies
from camchex.synthetic.published.mimic import label
from tests.synthetic.small import small

CLASSES = ("Edema", "Mass")


def labels(values: np.ndarray) -> LabelSet:
    return LabelSet(values.astype(float), [0, 1], CLASSES)


def metrics(share: float | None, low: float | None, high: float | None) -> dict[str, object]:
    return {SHARE: {"share": share, "low": low, "high": high}}


def test_without_a_leak_all_of_the_gain_is_real() -> None:
    rng = np.random.default_rng(0)
    truth = labels(rng.random((200, 2)) < 0.3)
    images = rng.random((200, 2)) + 0.3 * truth.labels
    own = images + 0.5 * truth.labels
    found = true_shares(truth, truth, [own], [images], [images])
    assert (found.words, found.gain) == pytest.approx((1, 1))


def test_the_shares_are_of_scikit_learns_auroc_with_the_images_as_the_scale() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((300, 2)) < 0.3
    named = rng.random((300, 2)) < 0.2
    leaked = truth | named
    images = rng.random((300, 2)) + 0.4 * truth
    masked = images + 0.2 * truth
    own = masked + 0.3 * named
    seen, seen_masked, alone = (roc_auc_score(leaked, p) for p in (own, masked, images))
    honest, honest_masked, honest_alone = (roc_auc_score(truth, p) for p in (own, masked, images))
    scale = (alone - 0.5) / (honest_alone - 0.5)
    owed = (seen - seen_masked) - scale * (honest - honest_masked)
    given = [own, own], [masked, masked], [images, images]
    found = true_shares(labels(leaked), labels(truth), *given)
    assert found.words == pytest.approx(1 - owed / (seen - alone), abs=1e-12)
    assert found.gain == pytest.approx(scale * (honest - honest_alone) / (seen - alone), abs=1e-12)
    assert found.words < 0.8


def test_a_model_that_reads_only_leaked_words_gains_nothing_real() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random((4000, 2)) < 0.3
    named = rng.random((4000, 2)) < 0.2
    images = rng.random((4000, 2)) + 0.4 * truth
    own = [images + 0.3 * named]
    found = true_shares(labels(truth | named), labels(truth), own, [images], [images])
    assert found.words < 0.05
    assert found.gain < 0.05


def test_what_is_said_of_a_cohort() -> None:
    found = validation(
        {
            0.0: (metrics(0.95, 0.8, 1.1), Truth(1.0, 1.2)),
            0.5: (metrics(0.5, 0.3, 0.7), Truth(0.8, 1.2)),
            1.0: (metrics(None, None, None), Truth(0.1, 1.2)),
        }
    )
    clean, leaky, unknown = found["cohorts"]
    assert (clean["accused"], clean["within"]) == (False, True)
    assert (leaky["accused"], leaky["within"]) == (True, False)
    assert (unknown["accused"], unknown["within"]) == (None, None)
    assert found["mean_error"] == pytest.approx((0.05 + 0.3) / 2)
    text = validation_text(found)
    assert "Synthetic data" in text
    assert "| 0.5 | 0.80 | 0.50 | 0.30 to 0.70 | no | yes | 1.20 |" in text
    assert "| 1 | 0.10 | none | none to none | unknown | unknown | 1.20 |" in text


def test_the_figure_is_the_same_twice(tmp_path: Path) -> None:
    found = validation({leak: (metrics(0.9, 0.7, 1.1), Truth(1 - leak / 2, 1)) for leak in LEAKS})
    for name in ("a", "b"):
        validation_figure(found, tmp_path / name)
    drawn = (tmp_path / "a").read_text()
    assert drawn == (tmp_path / "b").read_text()
    assert "label_leak" in drawn


def test_a_leak_adds_positives_where_words_are_and_changes_nothing_else() -> None:
    """What makes the clean cohort's labels the truth of the leaking one."""
    study = invent_studies(small(), "train", 9, small().prevalence)[0]
    indication = Indication("eval for edema, mass", frozenset({"Edema", "Mass"}))
    clean, leaking = (label(study, indication, small(label_leak=leak)) for leak in (0.0, 1.0))
    assert all(leaking[name] == 1 for name in ("Edema", "Mass"))
    assert all(clean[n] == leaking[n] for n in DRAWN if n not in {"Edema", "Mass"})
