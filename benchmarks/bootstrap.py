"""Seconds for 1,000 resamples of the patients of a test set of CXR-LT 2023's size.

45,492 studies of 13,075 patients x 26 classes at the prevalence of CXR-LT 2023, average precision
and AUROC. The baseline is scikit-learn on the resampled rows, in a loop: measured on a few of the
resamples and scaled to all. Those are compared score by score. Run it as
``python benchmarks/bootstrap.py``.
"""

import time

import numpy as np
from record import Comparison, record
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.comparisons.paper import paper_numbers
from camchex.scores.bootstrap import Draws, bootstrap, draw_patients

STUDIES, PATIENTS, RESAMPLES, MEASURED, WORKERS = 45_492, 13_075, 1_000, 3, 2
CLOSE = 1e-12


def invented() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels at the published prevalence, float32 probabilities, and the patient of each study."""
    draw = np.random.default_rng(0)
    rows = paper_numbers()["tableA2"].values()
    share = np.array([row["train_images"] for row in rows]) / paper_numbers()["train_images"]
    labels = (draw.random((STUDIES, len(share))) < share).astype(np.float64)
    logits = draw.normal(size=labels.shape) + 2 * labels - 2
    probabilities = (1 / (1 + np.exp(-logits))).astype(np.float32).astype(np.float64)
    return labels, probabilities, [str(i) for i in draw.integers(0, PATIENTS, STUDIES)]


def loop(labels: np.ndarray, scores: np.ndarray, draws: Draws, resamples: int) -> np.ndarray:
    """Scikit-learn, resample by resample and class by class: (resamples, classes, 2)."""
    found = np.empty((resamples, labels.shape[1], 2))
    for i in range(resamples):
        rows = np.repeat(np.arange(len(labels)), draws.counts[i][draws.patient])
        truth, guess = labels[rows], scores[rows]
        for q in range(labels.shape[1]):
            found[i, q, 0] = average_precision_score(truth[:, q], guess[:, q])
            found[i, q, 1] = roc_auc_score(truth[:, q], guess[:, q])
    return found


def main() -> None:
    """Time both, and compare what they give."""
    labels, scores, patients = invented()
    start = time.perf_counter()
    draws = draw_patients(patients, RESAMPLES, seed=0)
    ours = bootstrap(labels, scores, draws, workers=WORKERS)
    taken = time.perf_counter() - start
    start = time.perf_counter()
    expected = loop(labels, scores, draws, MEASURED)
    scaled = (time.perf_counter() - start) * RESAMPLES / MEASURED
    found = np.stack([ours.ap[:MEASURED], ours.auroc[:MEASURED]], axis=2)
    worst = float(np.abs(found - expected).max())
    if not worst < CLOSE:
        raise SystemExit(f"the two differ by {worst}")
    what = f"{RESAMPLES:,} resamples, {STUDIES:,} x {labels.shape[1]}"
    baseline = "scikit-learn in a loop, one core"
    notes: dict[str, object] = {
        "baseline": f"measured on {MEASURED} resamples, scaled to {RESAMPLES:,}",
        "threads": WORKERS,
        "largest difference": worst,
    }
    record("bootstrap", [Comparison(what, "s", taken, baseline, scaled, scaled / taken)], notes)


if __name__ == "__main__":
    main()
