"""Score the best possible observers of the synthetic cohort, and the models as a share of them."""

from pathlib import Path

from camchex.aggregates.results import write_results
from camchex.contract import params, schemas, tables
from camchex.contract.image_store import ImageParams
from camchex.contract.labels import CXR_LT_2023, LabelParams
from camchex.errors import DataError
from camchex.scores.ceiling import SHARE, Compared, compare_with_ceiling
from camchex.scores.metrics import Floats
from camchex.scores.params import EvaluationParams
from camchex.scores.scored import Split, of_split, read_seeds
from camchex.synthetic.ceiling.cohort import ceilings
from camchex.synthetic.ceiling.observer import BOUNDS
from camchex.synthetic.ceiling.posterior import Generator
from camchex.synthetic.ceiling.sign_summary import few_of_each, summarise_signs
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.patients import invent_studies
from camchex.vitals.params import VitalsParams
from stages import Input, Output, run

SPLITS = ("test", "development")
SIGNS = 10  # of each finding, at least, where there are as many: about 12 s


def main(
    *,
    cohort: Input,
    truth: Input,
    predictions: Input,
    images: Input,
    indication: Input,
    vitals: Input,
    out: Output,
) -> None:
    """Write mAP and AUROC of each set of modalities, ours, and our share, per split and class."""
    labels = params.load("labels", LabelParams)
    synthetic = params.load("synthetic", SyntheticParams)
    min_cell = params.load("evaluation", EvaluationParams).min_cell
    _require_known_rules(labels, params.load("vitals", VitalsParams))
    studies = tables.read(cohort, schemas.cohort(labels.classes))
    hidden = tables.read(truth / "truth.parquet", schemas.labels(CXR_LT_2023))
    seeds = params.load("seeds", list[int])
    model = Generator(synthetic)
    results, seen = {}, {}
    for name in SPLITS:
        split = of_split(studies, name, labels.classes)
        best = ceilings(model, split.table, hidden, labels.classes)
        folders = {
            "images+indication+vitals": predictions,
            "images": images,
            "indication": indication,
            "vitals": vitals,
        }
        compared = {
            inputs: Compared(
                best.probabilities[inputs],
                inputs in BOUNDS,
                _ours(folders.get(inputs), seeds, split),
            )
            for inputs in best.probabilities
        }
        results[name] = compare_with_ceiling(split, compared, min_cell)
        seen[name] = {
            "with_indication": best.indications,
            "with_unread_indication": best.unread,
            "with_vital_signs": best.vitals,
        }
    write_results(
        {
            "data": "synthetic",
            "labels": "as published, with their noise and leaks",
            "share": SHARE,
            "seen": seen,
            "splits": results,
            "sign_strength": _sign_strength(synthetic, of_split(studies, "test", labels.classes)),
        },
        out,
    )


def _require_known_rules(labels: LabelParams, vitals: VitalsParams) -> None:
    if labels.space == "mimic-14":
        raise DataError("labels.space: the ceiling is known for the labels of CXR-LT 2023 only.")
    if vitals.rule != "within_stay":
        raise DataError(
            f"vitals.rule: the ceiling is known for within_stay only, not for {vitals.rule}, "
            "which also links stays that have nothing to do with the study."
        )


def _ours(folder: Path | None, seeds: list[int], split: Split) -> dict[int, Floats]:
    """A model's probabilities by seed; none where it was not trained."""
    if folder is None or not folder.is_dir():
        return {}
    return read_seeds(folder, seeds, split)


def _sign_strength(synthetic: SyntheticParams, test: Split) -> dict[str, object]:
    """What of the signs of some test studies a model can see, by finding."""
    invented = invent_studies(synthetic, "test", synthetic.studies.test, synthetic.prevalence)
    measured = few_of_each(invented, SIGNS)
    size = params.load("images", ImageParams).size
    return {
        "size": size,
        "studies": len(measured),
        "findings": summarise_signs(measured, synthetic, size, _views_of_positives(test)),
    }


def _views_of_positives(test: Split) -> dict[str, list[set[str]]]:
    """Views of every positive study, by finding."""
    views = [set(of_study) for of_study in test.table["views"].to_pylist()]
    return {
        name: [v for v, label in zip(views, labels, strict=True) if label == 1]
        for name, labels in zip(test.classes, test.labels.T, strict=True)
    }


if __name__ == "__main__":
    run(main)
