"""The audit as DVC plots it."""

from collections.abc import Iterator
from pathlib import Path

from camchex.evaluation.curves import Row, write_csv
from camchex.evaluation.leak_results import BLANK
from camchex.evaluation.results import Results


def write_audit_curves(results: Results, folder: Path) -> None:
    """Write ``baselines.csv``, ``per_class.csv`` and ``leak.csv``.

    Args:
        results: What :func:`camchex.evaluation.audit.audit` returned; small cells are hidden in it.
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


def _baselines(results: Results) -> Iterator[Row]:
    for labels, found in results["baselines"].items():
        yield labels, "chance", found["mean_prevalence"], 0.5
        for source in ("keywords", "ngrams"):
            yield labels, source, found[source]["mAP"], found[source]["AUROC"]
        yield labels, "model", found["model"]["mAP"]["mean"], found["model"]["AUROC"]["mean"]
