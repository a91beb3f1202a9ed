"""The headline numbers: every score as mean and spread over the declared seeds."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from camchex.aggregates.csv_files import Row, write_csv
from camchex.aggregates.results import Results, read_results
from camchex.errors import DataError
from camchex.scores.seeds import mean_sd, over_seeds

HEADLINE = ("mAP", "AUROC")


def read_seed_results(folder: Path, seeds: Sequence[int]) -> list[Results]:
    """Results of the declared seeds, ``seed<s>.json``; files of other seeds are left alone.

    Returns:
        What :func:`camchex.scores.evaluate.evaluate` gave: the details below the headline.

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


def read_calibration_scores(folder: Path, seeds: Sequence[int]) -> Results:
    """Mean and deviation over the declared seeds of calibration errors and temperature.

    Raises:
        DataError: If the results of a seed are missing, or hold none.
    """
    found = []
    for seed in seeds:
        path = folder / f"seed{seed}.json"
        scores = read_results(path).get("calibration")
        if not isinstance(scores, dict):
            raise DataError(f"{path}: expected `calibration`. `dvc repro` makes it again.")
        found.append(scores)
    return {name: mean_sd([scores[name] for scores in found]) for name in found[0]}


def summarise(
    results: Sequence[Results],
    seeds: Sequence[int],
    audit: Results,
    calibration: Results,
    data: str,
) -> Results:
    """Join the results of all seeds.

    Args:
        results: One per seed, as :func:`camchex.scores.evaluate.evaluate` returns them.
        seeds: The declared seeds, in the same order.
        audit: What :func:`camchex.audit.audit.audit` returned.
        calibration: What :func:`read_calibration_scores` returned.
        data: ``synthetic`` or ``real``: on what all of it was measured.

    Returns:
        The keys of one seed's results, each score as ``mean`` and ``sd`` (None for one seed), with
        the calibration and the headline of the audit.

    Raises:
        DataError: If the seeds were not scored on the same studies.
    """
    baselines, texts = audit["baselines"]["labels"], audit["texts"]
    return {
        "data": data,
        "seeds": list(seeds),
        **over_seeds(results),
        "calibration": calibration,
        "audit": {
            "label_leak_found": audit["leak"]["found"],
            "label_excess_where_named": audit["leak"]["ruled_out"]["excess"],
            "gain_not_owed_to_seen_words": texts and texts["surviving"]["share"],
            "mAP_of_indication_keywords": baselines["keywords"]["mAP"],
            "mAP_of_indication_ngrams": baselines["ngrams"]["mAP"],
        },
    }


def summary_metrics(summary: Results) -> Results:
    """The few numbers that ``dvc metrics show`` prints, and everything else under ``details``.

    Args:
        summary: As :func:`summarise` returns it.

    Returns:
        On what data; scores per study with bounds and deviation over seeds, and those of chance;
        mAP per image; of head, body and tail (in the grouping of the paper where it applies); the
        calibration error once scaled; the share of the gain that the audit does not doubt.
        ``details`` is a list of one: DVC takes no list for a metric.
    """
    study = summary["study"]
    rule, groups = next(iter(study["groups"].items()))
    return {
        "data": summary["data"],
        "study": {name: value for score in HEADLINE for name, value in _flat(study, score)},
        "chance": {"mAP": summary["mean_prevalence"]},
        "image": {"mAP": summary["image"]["mAP"]["mean"]},
        f"study_mAP_{rule}": {group: row["mAP"]["mean"] for group, row in groups.items()},
        "ECE_scaled": summary["calibration"]["ECE_scaled"]["mean"],
        "gain_not_owed_to_seen_words": summary["audit"]["gain_not_owed_to_seen_words"],
        "details": [summary],
    }


def _flat(level: Results, score: str) -> Iterator[tuple[str, float | None]]:
    low, high = level.get(f"{score}_interval") or (None, None)
    yield score, level[score]["mean"]
    yield f"{score}_sd", level[score]["sd"]
    yield f"{score}_low", low
    yield f"{score}_high", high


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
