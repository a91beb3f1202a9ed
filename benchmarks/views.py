"""How often the view classifier is right on real X-rays of patients that it has not learnt from.

The X-rays are those of the open cohort beside the checkout, in five folds by patient. Each held-out
image is shown as it is, inverted, on its head, and both. The baseline is the more frequent answer.
Run it as ``python benchmarks/views.py``.
"""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from record import Comparison, record, run

from camchex.images.decode import read_image
from camchex.sources.mimic.mimic_cxr import read_metadata
from camchex.views.train import READ_SIDE, Known, train_classifier, with_every_trait
from camchex.views.view_classifier import TRAITS, ViewClassifier, ViewClassifierConfig, square

ROOT = Path("../shared/data/open_cohort")
TABLE = ROOT / "mimic-cxr-jpg/mimic-cxr-2.0.0-metadata.csv.gz"
FOLDS, LIKELY, SURE = 5, 0.5, 0.9
BASELINE = "the more frequent answer"


def main() -> None:
    """Print and record how often each trait is told."""
    images, _ = read_metadata(TABLE, "mimic-cxr-jpg")
    files = [ROOT / path for path in images["path"].to_pylist()]
    pixels = [read_image(file, at_least=READ_SIDE) for file in files]
    learnt = np.stack([square(image, READ_SIDE) for image in pixels])  # larger: it is cropped
    shown = np.stack([square(image) for image in pixels])
    lateral = pc.equal(images["view"], "lateral").to_numpy()
    patients, number = np.unique(images["patient_id"].to_pylist(), return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(patients))[number] % FOLDS
    found, traits = [], []
    for held_out in (fold == one for one in range(FOLDS)):
        weights = train_classifier(Known(learnt[~held_out], lateral[~held_out]))
        examples, truth = with_every_trait(Known(shown[held_out], lateral[held_out]))
        found.append(ViewClassifier(weights, ViewClassifierConfig()).probabilities(examples))
        traits.append(truth.astype(bool))
    told, true = np.concatenate(found), np.concatenate(traits)
    right = (told > LIKELY) == true
    frequent = np.maximum(true.mean(axis=0), 1 - true.mean(axis=0))
    record(
        "views",
        [
            Comparison(trait, "share right", mine, BASELINE, theirs, mine / theirs)
            for trait, mine, theirs in zip(TRAITS, right.mean(axis=0), frequent, strict=True)
        ],
        {
            "X-rays, patients": [len(files), len(patients)],
            f"views told with a probability of {SURE} or more": float(sure(told).mean()),
            "of these right": float(right[sure(told), 0].mean()),
        },
    )


def sure(told: np.ndarray) -> np.ndarray:
    """Which views have a probability of ``SURE`` or more, (N,)."""
    return np.maximum(told[:, 0], 1 - told[:, 0]) >= SURE


if __name__ == "__main__":
    run(main, __doc__)
