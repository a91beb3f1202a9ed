"""The audit as DVC plots it."""

from collections.abc import Iterator

from camchex.aggregates.csv_files import Row, Table
from camchex.aggregates.results import Results
from camchex.audit.gain import MASKED_OR_SWAPPED
from camchex.audit.leak import BLANK

NONE = (None, None)


def audit_tables(results: Results) -> dict[str, Table]:
    """Tables by file name: baselines, scores by class, leak, and other texts if there are any.

    Args:
        results: The audit (:func:`camchex.audit.audit.audit`), small cells hidden.
    """
    per_class = [(name, *row.values()) for name, row in results["per_class"].items()]
    leak = [
        (kind, name, row["rate_named"], row["rate_unnamed"])
        for kind in BLANK
        for name, row in results["leak"][kind]["per_class"].items()
    ]
    tables: dict[str, Table] = {
        "baselines": (("labels", "scored", "mAP", "AUROC"), _baselines(results)),
        "per_class": (("class", "prevalence", "keywords_AP", "ngrams_AP", "model_AP"), per_class),
        "leak": (("mimic14", "class", "rate_named", "rate_unnamed"), leak),
    }
    if results["texts"] is not None:
        lost = (f"lost_{key}{end}" for key in MASKED_OR_SWAPPED for end in ("", "_low", "_high"))
        header = ("labels", "class", "AP", *lost)
        tables["texts"] = (header, _texts(results["texts"]["per_class"]))
    return tables


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
                (row[f"lost_{key}"], *(row[f"lost_{key}_interval"] or NONE))
                for key in MASKED_OR_SWAPPED
            )
            yield labels, name, row["AP"], *(value for values in lost for value in values)
