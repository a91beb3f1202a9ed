"""Processor seconds and memory of the leakage audit at the size of CXR-LT 2023, three seeds.

227,835 studies, of which 45,492 are for test, with requests of the generator, 26 classes, three
seeds with all changed texts, 1,000 resamples of the patients, in this machine's own arithmetic
(``runtime.portable: false``). Two threads score; processor seconds are of both, and the time that
passes is told beside them. The baseline is scikit-learn in a loop over the resampled rows, as far
as the audit resamples scores: measured on a few resamples of the model's own score, and scaled to
all scores and resamples. Run it as ``python benchmarks/leakage_audit.py``; ``--resamples 100`` for
a first look.
"""

import argparse
import resource
import time
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from bootstrap import MEASURED, PATIENTS, STUDIES, invented, loop
from record import Comparison, record

from camchex.audit.audit import Predicted, audit
from camchex.audit.gain import NAMES
from camchex.audit.scorer import Scorer
from camchex.contract import schemas
from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.profiles.profiles import locate, validate_file
from camchex.scores.bootstrap import draw_patients
from camchex.scores.labelled_split import labelled_split
from camchex.scores.params import AuditParams, EvaluationParams
from camchex.synthetic.people.indication import write_indication
from camchex.synthetic.people.patients import invent_studies
from camchex.synthetic.random_streams import stream
from camchex.texts.cleaning import clean_indication

TOTAL, SEEDS, REQUESTS, WORKERS = 227_835, 3, 100_000, 2
BLANK, UNSURE = 0.75, 0.04  # share of absent findings that are blank; of all that are uncertain
DIRT = 0.05  # share of the studies without an indication


def requests() -> list[str]:
    """Distinct requests of the generator, cleaned."""
    params = validate_file(locate("demo")).synthetic
    studies = invent_studies(params, "train", REQUESTS, params.prevalence)
    texts = (write_indication(s.patient, s, stream(0, s.study_id)).text for s in studies)
    return [clean_indication(text) or "" for text in texts]


def cohort(test_labels: np.ndarray, patients: list[str]) -> pa.Table:
    """``schemas.cohort``: training studies first, which repeat test labels."""
    draw, others = np.random.default_rng(1), TOTAL - STUDIES
    rows = np.concatenate([draw.integers(0, STUDIES, others), np.arange(STUDIES)])
    labels, ids = test_labels[rows], [f"5{i:07}" for i in range(TOTAL)]
    texts = np.array(requests(), object)[draw.integers(0, REQUESTS, TOTAL)]
    texts[draw.random(TOTAL) < DIRT] = None
    stays = np.array(["Gender: F | Temperature: 98.6", "Gender: NA | Temperature: NA"])
    columns: dict[str, object] = {
        "study_id": ids,
        "patient_id": [*(f"o{i % (4 * PATIENTS)}" for i in range(others)), *patients],
        "split": ["train"] * others + ["test"] * STUDIES,
        "image_ids": [[one] for one in ids],
        "views": [["frontal"]] * TOTAL,
        "indication": texts.tolist(),
        "vitals_text": stays[draw.integers(0, 2, TOTAL)].tolist(),
    }
    columns |= {n: pa.array(y, pa.float32()) for n, y in zip(CXR_LT_2023, labels.T, strict=True)}
    for name in MIMIC_14:
        truth = labels[:, CXR_LT_2023.index(name)].astype(np.int8)
        blank = draw.random(TOTAL) < np.where(truth, 0.1, BLANK)
        truth[draw.random(TOTAL) < UNSURE] = -1
        columns[f"mimic14.{name}"] = pa.array(truth, mask=blank)
    return pa.table(columns, schema=schemas.cohort(CXR_LT_2023))


def changed(own: Sequence[np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Probabilities with other texts: the model's own with noise."""
    draw = np.random.default_rng(2)
    return {
        name: [np.clip(p + 0.1 * draw.normal(size=p.shape), 0.001, 0.999) for p in own]
        for name in NAMES
    }


def main() -> None:
    """Time the audit, and scikit-learn on as many scores."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--resamples", type=int, default=1_000)
    resamples = parser.parse_args().resamples
    labels, scores, patients = invented()
    studies = cohort(labels, patients)
    test = labelled_split(studies, "test", CXR_LT_2023)
    draw = np.random.default_rng(3)
    own = [np.clip(scores + 0.05 * draw.normal(size=scores.shape), 0, 1) for _ in range(SEEDS)]
    predicted = Predicted(dict(enumerate(own)), changed(own))
    evaluation = EvaluationParams.model_validate(
        {"min_cell": 5, "bootstrap": {"resamples": resamples, "seed": 0, "level": 0.95}}
    )
    scored: list[int] = []

    def counted(scorer: Scorer, given: object, seeds: Sequence[object], *rest: object) -> object:
        scored.append(len(seeds))
        return score(scorer, given, seeds, *rest)  # type: ignore[arg-type] - as score has them

    score = Scorer.score
    start, began = time.process_time(), time.monotonic()
    with patch.object(Scorer, "score", counted):
        audit(studies, test, predicted, AuditParams(shuffles=20, seed=0), evaluation, WORKERS)
    taken, passed = time.process_time() - start, time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    draws = draw_patients(patients, resamples, seed=0)
    start = time.process_time()
    loop(labels, scores, draws, MEASURED)
    baseline = (time.process_time() - start) * resamples / MEASURED * sum(scored)
    what = f"leakage audit, {STUDIES:,} x {labels.shape[1]}, {SEEDS} seeds"
    loops = f"scikit-learn, {resamples:,} resamples"
    notes: dict[str, object] = {
        "baseline": f"one score on {MEASURED} resamples, scaled to {resamples:,} of {sum(scored)}",
        "seconds that passed with two threads": passed,
        "peak memory, GiB": peak,
    }
    rows = [Comparison(what, "s of a core", taken, loops, baseline, baseline / taken)]
    record("leakage_audit", rows, notes)


if __name__ == "__main__":
    main()
