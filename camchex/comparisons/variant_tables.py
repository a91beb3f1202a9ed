"""Scores of several models over seeds, beside the paper's, and the differences between them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from camchex.aggregates.results import Results, read_results
from camchex.comparisons.origin import Origin
from camchex.comparisons.paper import paper_numbers
from camchex.comparisons.variants import SEED, Comparison, Row
from camchex.errors import DataError
from camchex.scores.seeds import mean_sd

SCORES = ("mAP", "AUROC")
LEVEL = "study"  # as the paper's Table 3
CLEAR = 2  # standard deviations

Scores = Mapping[str, Sequence[float | None]]
"""mAP and AUROC, each of one model, or of one per seed."""

NOT_COMPARABLE: Mapping[Origin, str] = {
    "synthetic": (
        "Synthetic data: measured on invented patients. The paper's numbers are of MIMIC-CXR and "
        "stand beside them for orientation; they are not comparable."
    ),
    "real": (
        "Comparable with the paper only where data, labels and split are those of CXR-LT 2023, "
        "and the level is the study."
    ),
}


def read_scores(row: Row, seeds: Sequence[int], root: Path = Path()) -> Scores:
    """Scores per study of one row.

    Args:
        row: Of a table.
        seeds: The declared seeds; files of others are left alone.
        root: Of the project.

    Raises:
        DataError: If a file is missing, or is not what ``stages.evaluate`` writes.
    """
    each = seeds if SEED in row.results else [0]
    paths = [root / row.results.format(seed=seed) for seed in each]
    results = [read_results(path) for path in paths]
    for path, found in zip(paths, results, strict=True):
        if not set(SCORES) <= set(found.get(LEVEL, ())):
            raise DataError(f"{path}: no scores per {LEVEL}. Make it again: `make ablations`.")
    return {score: [found[LEVEL][score] for found in results] for score in SCORES}


def compare(
    comparison: Comparison, scores: Mapping[str, Scores], seeds: Sequence[int], data: Origin
) -> Results:
    """One table.

    Args:
        comparison: Its rows and steps.
        scores: By name of the row.
        seeds: The declared seeds.
        data: On what the scores were measured.

    Returns:
        Of every row the mean and standard deviation over seeds (``sd`` None for a single model),
        and the paper's numbers; of every step the same of the paired differences.
    """
    return {
        "title": comparison.title,
        "data": data,
        "note": NOT_COMPARABLE[data],
        "level": LEVEL,
        "seeds": list(seeds),
        "rows": {row.name: _row(row, scores[row.name]) for row in comparison.rows},
        "steps": [_step(comparison, scores, *step) for step in comparison.steps],
    }


def difference(before: Sequence[float | None], after: Sequence[float | None]) -> Results:
    """Mean and standard deviation of the paired differences, and whether they are clear.

    A single model is paired with every seed of the other; so the spread is the other's alone, and
    that of two single models is not known.

    Args:
        before: One score per seed, or one.
        after: The same.

    Returns:
        ``mean``, ``sd``, and ``clear``: the mean is further from 0 than twice the sd, either
        way; None where one of them is not known.
    """
    pairs = max(len(before), len(after))
    first, second = (
        list(values) * pairs if len(values) == 1 else list(values) for values in (before, after)
    )
    known = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    found = mean_sd([b - a for a, b in known] if len(known) == pairs else [None])
    mean, sd = found["mean"], found["sd"]
    return {**found, "clear": None if mean is None or sd is None else abs(mean) > CLEAR * sd}


def _row(row: Row, scores: Scores) -> Results:
    return {
        "label": row.label,
        "models": len(scores[SCORES[0]]),
        **{score: mean_sd(scores[score]) for score in SCORES},
        "paper": _paper(row),
        "paper_differs": row.remark or None,
    }


def _paper(row: Row) -> Results | None:
    if row.paper is None:
        return None
    place, model = row.paper
    table, _, dataset = place.partition("/")
    (printed,) = (
        found
        for found in paper_numbers()[table]
        if found["model"] == model and dataset in {"", found.get("dataset")}
    )
    return {score: printed[score] for score in SCORES}


def _step(comparison: Comparison, scores: Mapping[str, Scores], before: str, after: str) -> Results:
    printed = {row.name: _paper(row) for row in comparison.rows if not row.remark}
    first, second = printed.get(before), printed.get(after)
    return {
        "from": before,
        "to": after,
        **{score: difference(scores[before][score], scores[after][score]) for score in SCORES},
        "paper": {score: second[score] - first[score] for score in SCORES}
        if first and second
        else None,
    }
