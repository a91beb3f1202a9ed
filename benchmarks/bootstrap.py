"""Processor seconds for all scores of a test set of CXR-LT 2023's size, and for 1,000 resamples.

45,492 studies of 13,075 patients x 26 classes at the prevalence of CXR-LT 2023. First the stage
evaluate: all scores of one seed, with the intervals of every level, subgroup, benchmark and class.
Then average precision and AUROC of every class in 1,000 resamples of the patients, as comparisons
and the audit have them. The baseline is scikit-learn on the resampled rows, in a loop: measured on
a few of the resamples and scaled to all. Those are compared score by score. Run it as
``python benchmarks/bootstrap.py``.
"""

import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from record import Comparison, record, run
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.comparisons.paper import paper_numbers
from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023, MIMIC_14, LabelParams
from camchex.scores.bootstrap import Draws, bootstrap, draw_patients
from camchex.scores.evaluate_model import evaluate_model
from camchex.scores.params import EvaluationParams

STUDIES, PATIENTS, RESAMPLES, MEASURED = 45_492, 13_075, 1_000, 3
OTHERS = 2_000  # studies of training and of development
BLANK = 0.3  # share of MIMIC-CXR-JPG's own labels that are not known
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


def cohort(labels: np.ndarray, patients: list[str]) -> pa.Table:
    """``schemas.cohort``: training and development studies first, which repeat test labels."""
    draw, total = np.random.default_rng(1), STUDIES + 2 * OTHERS
    truth = np.vstack([labels[: 2 * OTHERS], labels])
    ids, images = [f"5{i:07}" for i in range(total)], draw.integers(1, 4, total)
    sexes, vitals = draw.choice(["F", "M", "NA"], total), draw.choice(["98.6", "NA"], total)
    texts = [f"Gender: {g} | Temperature: {t}" for g, t in zip(sexes, vitals, strict=True)]
    columns: dict[str, object] = {
        "study_id": ids,
        "patient_id": [*(f"o{i}" for i in range(2 * OTHERS)), *patients],
        "split": ["train"] * OTHERS + ["development"] * OTHERS + ["test"] * STUDIES,
        "image_ids": [[f"{s}-{k}" for k in range(n)] for s, n in zip(ids, images, strict=True)],
        "views": [["frontal", "lateral", "frontal"][:n] for n in images],
        "indication": draw.choice([None, "eval for pna"], total).tolist(),
        "vitals_text": texts,
    }
    columns |= {n: pa.array(y, pa.float32()) for n, y in zip(CXR_LT_2023, truth.T, strict=True)}
    for name in MIMIC_14:
        found = truth[:, CXR_LT_2023.index(name)].astype(np.int8)
        columns[f"mimic14.{name}"] = pa.array(found, mask=draw.random(total) < BLANK)
    return pa.table(columns, schema=schemas.cohort(CXR_LT_2023))


def evaluated(labels: np.ndarray, scores: np.ndarray, patients: list[str]) -> float:
    """Processor seconds that all scores of one seed take."""
    studies = cohort(labels, patients)
    rows = slice(OTHERS, OTHERS + OTHERS + STUDIES)
    ids, splits = (studies[name].to_pylist()[rows] for name in ("study_id", "split"))
    guesses = np.vstack([scores[:OTHERS], scores]).astype(np.float32)
    given = EvaluationParams.model_validate(
        {"min_cell": 5, "bootstrap": {"resamples": RESAMPLES, "seed": 0, "level": 0.95}}
    )
    space = LabelParams.model_validate(
        {"space": "cxr-lt-2023", "splits": "cxr-lt", "imply_no_finding": True}
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seed0.parquet"
        table = tables.predictions_table(ids, splits, guesses, CXR_LT_2023)
        tables.write(table, path, schemas.predictions(CXR_LT_2023))
        start = time.process_time()
        _, _, by_name = evaluate_model(studies, space, path, given, None)
        for _, written in by_name.values():
            list(written)
        return time.process_time() - start


def main() -> None:
    """Time all, and compare what the bootstraps give."""
    labels, scores, patients = invented()
    whole = evaluated(labels, scores, patients)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start = time.process_time()
    draws = draw_patients(patients, RESAMPLES, seed=0)
    ours = bootstrap(labels, scores, draws)
    taken = time.process_time() - start
    start = time.process_time()
    expected = loop(labels, scores, draws, MEASURED)
    scaled = (time.process_time() - start) * RESAMPLES / MEASURED
    found = np.stack([ours.ap[:MEASURED], ours.auroc[:MEASURED]], axis=2)
    worst = float(np.abs(found - expected).max())
    if not worst < CLOSE:
        raise SystemExit(f"the two differ by {worst}")
    size = f"{STUDIES:,} x {labels.shape[1]}"
    loops = f"scikit-learn, {RESAMPLES:,} resamples"
    notes: dict[str, object] = {
        "baseline": f"measured on {MEASURED} resamples, scaled to {RESAMPLES:,}; per study alone, "
        "without images, subgroups and benchmarks",
        "seconds": "of one core, busy with nothing else",
        "peak memory of evaluate, GiB": peak,
        "largest difference": worst,
    }
    rows = [
        Comparison(
            f"evaluate, one seed, {size}", "s of a core", whole, loops, scaled, scaled / whole
        ),
        Comparison(
            f"{RESAMPLES:,} resamples, {size}", "s of a core", taken, loops, scaled, scaled / taken
        ),
    ]
    record("bootstrap", rows, notes)


if __name__ == "__main__":
    run(main, __doc__)
