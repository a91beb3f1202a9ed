"""The headline numbers: every score as mean and spread over the declared seeds."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from camchex.errors import DataError
from camchex.evaluation.curves import Row, write_csv
from camchex.evaluation.results import Results, read_results
from camchex.evaluation.spread import over_seeds


def read_seed_results(folder: Path, seeds: Sequence[int]) -> list[Results]:
    """Results of the declared seeds, ``seed<s>.json``; files of other seeds are left alone.

    Returns:
        What :func:`camchex.evaluation.evaluate.evaluate` gave: the details below the headline.

    Raises:
        DataError: If one is missing, or has no details.
    """
    return [read_details(folder / f"seed{seed}.json") for seed in seeds]


def read_details(path: Path) -> Results:
    """Everything that a file of results holds below its headline.

    Raises:
        DataError: If it is missing, or has no details.
    """
    details = read_results(path).get("details")
    if not isinstance(details, list) or len(details) != 1:
        raise DataError(f"{path}: expected a list `details` of one. `dvc repro` makes it again.")
    found: Results = details[0]
    return found


def summarise(
    results: Sequence[Results], seeds: Sequence[int], audit: Results, data: str
) -> Results:
    """Join the results of all seeds.

    Args:
        results: One per seed, as :func:`camchex.evaluation.evaluate.evaluate` returns them.
        seeds: The declared seeds, in the same order.
        audit: What :func:`camchex.evaluation.audit.audit` returned.
        data: ``synthetic`` or ``real``: on what all of it was measured.

    Returns:
        The keys of one seed's results, each score as ``mean`` and ``sd`` (None for one seed), with
        the headline of the audit.

    Raises:
        DataError: If the seeds were not scored on the same studies.
    """
    baselines, texts = audit["baselines"]["labels"], audit["texts"]
    return {
        "data": data,
        "seeds": list(seeds),
        **over_seeds(results),
        "audit": {
            "label_leak_found": audit["leak"]["found"],
            "label_excess_where_named": audit["leak"]["ruled_out"]["excess"],
            "gain_not_owed_to_seen_words": texts and texts["surviving"]["share"],
            "mAP_of_indication_keywords": baselines["keywords"]["mAP"],
            "mAP_of_indication_ngrams": baselines["ngrams"]["mAP"],
        },
    }


def write_summary_curves(summary: Results, folder: Path) -> None:
    """Write ``per_class.csv`` and ``groups.csv``: means over seeds, for DVC to plot."""
    header = ["class", "AP", "AP_sd", "AUROC", "AUROC_sd", "positives"]
    write_csv(header, _per_class(summary), folder / "per_class.csv")
    header = ["level", "grouping", "group", "classes", "mAP", "mAP_sd", "AUROC", "AUROC_sd"]
    write_csv(header, _groups(summary), folder / "groups.csv")


def _per_class(summary: Results) -> Iterator[Row]:
    for name, row in summary["per_class"].items():
        if row["AP"]["mean"] is not None:
            yield name, *row["AP"].values(), *row["AUROC"].values(), row["positives"]


def _groups(summary: Results) -> Iterator[Row]:
    for level in ("study", "image"):
        for rule, groups in summary[level]["groups"].items():
            for group, row in groups.items():
                scores = (*row["mAP"].values(), *row["AUROC"].values())
                yield level, rule, group, row["classes_scored"], *scores
