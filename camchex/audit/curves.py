"""The audit as DVC plots it."""

from collections.abc import Iterator
from pathlib import Path

from camchex.aggregates.csv_files import Row, write_csv
from camchex.aggregates.results import Results
from camchex.audit.leak_results import BLANK

TEXTS = (
    *("labels", "class", "AP"),
    *("lost_masked", "lost_masked_low", "lost_masked_high"),
    *("lost_swapped", "lost_swapped_low", "lost_swapped_high"),
)


def write_audit_curves(results: Results, folder: Path) -> None:
    """Write ``baselines.csv``, ``per_class.csv``, ``leak.csv``, and ``texts.csv`` if there is any.

    Args:
        results: What :func:`camchex.audit.audit.audit` returned; small cells are hidden in it.
        folder: Made if need be.
    """
    write_csv(["labels", "scored", "mAP", "AUROC"], _baselines(results), folder / "baselines.csv")
    header = ["class", "prevalence", "keywords_AP", "ngrams_AP", "model_AP"]
    classes = [[name, *row.values()] for name, row in results["per_class"].items()]
    write_csv(header, classes, folder / "per_class.csv")
    rows = [
        [kind, name, row["rate_named"], row["rate_unnamed"]]
        for kind in BLANK
        for name, row in results["leak"][kind]["per_class"].items()
    ]
    write_csv(["mimic14", "class", "rate_named", "rate_unnamed"], rows, folder / "leak.csv")
    if results["texts"] is not None:
        write_csv(TEXTS, _texts(results["texts"]["per_class"]), folder / "texts.csv")


def _baselines(results: Results) -> Iterator[Row]:
    for labels, found in results["baselines"].items():
        yield labels, "chance", found["mean_prevalence"], 0.5
        for source in ("keywords", "ngrams"):
            yield labels, source, found[source]["mAP"], found[source]["AUROC"]
        yield labels, "model", found["model"]["mAP"]["mean"], found["model"]["AUROC"]["mean"]


def _texts(per_class: Results) -> Iterator[Row]:
    for labels, rows in per_class.items():
        for name, row in rows.items():
            lost = (
                (row[f"lost_{key}"], *(row[f"lost_{key}_interval"] or (None, None)))
                for key in ("masked", "swapped")
            )
            yield labels, name, row["AP"], *(value for values in lost for value in values)
