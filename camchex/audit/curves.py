"""The audit as DVC plots it."""

from collections.abc import Iterator

from camchex.aggregates.csv_files import Row, Table
from camchex.aggregates.results import Results
from camchex.audit.gain import CHANCE, MASKED_OR_SWAPPED
from camchex.audit.leak import BLANK
from camchex.scores.intervals import NONE


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
        yield labels, "chance", found["mean_prevalence"], CHANCE
        for source in ("keywords", "ngrams"):
            yield labels, source, found[source]["mAP"], found[source]["AUROC"]
        yield labels, "model", *(found["model"][key]["mean"] for key in ("mAP", "AUROC"))


def _texts(per_class: Results) -> Iterator[Row]:
    for labels, rows in per_class.items():
        for name, row in rows.items():
            cells: list[float | None] = []
            for key in MASKED_OR_SWAPPED:
                cells += row[f"lost_{key}"], *(row[f"lost_{key}_interval"] or NONE)
            yield labels, name, row["AP"], *cells
