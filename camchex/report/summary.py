"""One summary of all seeds: every score as mean and standard deviation over the seeds."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from camchex.aggregates.csv_files import Row, write_csv
from camchex.aggregates.results import Results, read_results, write_results
from camchex.errors import DataError
from camchex.scores.seeds import mean_sd, over_seeds

SCORES = ("mAP", "AUROC")


def read_seed_metrics(folder: Path, seeds: Sequence[int]) -> dict[int, Results]:
    """Metrics of the declared seeds, ``seed<s>.json``; files of other seeds are left alone.

    Returns:
        By seed the metrics of ``stages.evaluate``.

    Raises:
        DataError: If a file is missing, or has no details or no calibration.
    """
    found = {}
    for seed in seeds:
        path = folder / f"seed{seed}.json"
        read_details(path)
        found[seed] = read_results(path)
        if not isinstance(found[seed].get("calibration"), dict):
            raise DataError(f"{path}: expected `calibration`. `dvc repro` makes it again.")
    return found


def read_details(path: Path) -> Results:
    """Everything that a file of results holds below its first numbers.

    Raises:
        DataError: If the file is missing, or has no details.
    """
    details = read_results(path).get("details")
    if not isinstance(details, list) or len(details) != 1:
        raise DataError(f"{path}: expected a list `details` of one. `dvc repro` makes it again.")
    found: Results = details[0]
    return found


def summarise(
    metrics: Sequence[Results], seeds: Sequence[int], audit: Results, data: str
) -> Results:
    """Join the results of all seeds.

    Args:
        metrics: Metrics of each seed, as :func:`read_seed_metrics` returns them.
        seeds: The declared seeds, in the same order.
        audit: Results of :func:`camchex.audit.audit.audit`.
        data: ``synthetic`` or ``real``, on what patients everything was measured.

    Returns:
        The keys of one seed's details, each score as ``mean`` and ``sd`` (None for one seed);
        calibration errors and temperature in the same way; and six results of the audit.

    Raises:
        DataError: If the seeds were not scored on the same studies.
    """
    baselines, texts = audit["baselines"]["labels"], audit["texts"]
    calibrations = [found["calibration"] for found in metrics]
    return {
        "data": data,
        "seeds": list(seeds),
        **over_seeds([found["details"][0] for found in metrics]),
        "calibration": {
            name: mean_sd([scores[name] for scores in calibrations])
            for name in calibrations[0]
            if name != "classes"
        },
        "audit": {
            "label_leak_found": audit["leak"]["found"],
            "label_excess_where_named": audit["leak"]["ruled_out"]["excess"],
            "gain_not_owed_to_seen_words": texts and texts["surviving"]["share"],
            "gain_not_owed_range": texts and texts["meanings"]["range"],
            "mAP_of_indication_keywords": baselines["keywords"]["mAP"],
            "mAP_of_indication_ngrams": baselines["ngrams"]["mAP"],
        },
    }


def summary_metrics(summary: Results) -> Results:
    """The few numbers that runs are compared by, and everything else under ``details``.

    Args:
        summary: As :func:`summarise` returns it.

    Returns:
        On what data; scores per study with bounds and deviation over seeds, and the mAP of chance;
        mAP per image; mAP of head, body and tail (in the grouping of the paper where it applies);
        the calibration error once calibrated; the share of the gain that the audit does not doubt.
        ``details`` is a list of one, since tools that compare metrics leave lists out.
    """
    study = summary["study"]
    rule, groups = next(iter(study["groups"].items()))
    return {
        "data": summary["data"],
        "study": {
            **{name: value for score in SCORES for name, value in _flat(study, score)},
            "mAP_optimism": study["mAP_optimism"]["mean"],
        },
        "chance": {"mAP": summary["mean_prevalence"]},
        "image": {"mAP": summary["image"]["mAP"]["mean"]},
        f"study_mAP_{rule}": {group: row["mAP"]["mean"] for group, row in groups.items()},
        "ECE_calibrated": summary["calibration"]["ECE_calibrated"]["mean"],
        "gain_not_owed_to_seen_words": summary["audit"]["gain_not_owed_to_seen_words"],
        "details": [summary],
    }


def _flat(level: Results, score: str) -> Iterator[tuple[str, float | None]]:
    low, high = level.get(f"{score}_interval") or (None, None)
    yield score, level[score]["mean"]
    yield f"{score}_sd", level[score]["sd"]
    yield f"{score}_low", low
    yield f"{score}_high", high


def write_summary(summary: Results, out: Path, curves: Path) -> None:
    """Write the summary as metrics, and means over seeds as CSV files to be plotted.

    Args:
        summary: As :func:`summarise` returns it.
        out: JSON file of :func:`summary_metrics`.
        curves: Folder of ``per_class.csv`` and ``groups.csv``.
    """
    write_results(summary_metrics(summary), out)
    header = ["class", "AP", "AP_sd", "AUROC", "AUROC_sd", "positives"]
    write_csv(header, _per_class(summary), curves / "per_class.csv")
    header = ["level", "grouping", "group", "classes", "mAP", "mAP_sd", "AUROC", "AUROC_sd"]
    write_csv(header, _groups(summary), curves / "groups.csv")


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
