"""Scores of several models over seeds, beside the paper's, and the differences between them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from camchex.aggregates.results import Results, read_results
from camchex.comparisons.paper import paper_numbers
from camchex.comparisons.variants import Comparison, Kind, Row
from camchex.errors import DataError
from camchex.scores.seeds import mean_sd

Origin = Literal["synthetic", "real"]
"""On what patients a result was measured: on invented or on real ones."""
SYNTHETIC: Final = "synthetic"
SEED = "{seed}"
"""Stands for a seed in the path of the scores of a model that is trained with several."""
SCORES = ("mAP", "AUROC")
LEVEL = "study"  # as the paper's Table 3
CLEAR = 2  # standard deviations

Scores = Mapping[str, Sequence[float | None]]
"""mAP and AUROC, each with one value, or with one per seed."""

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


def read_scores(row: Row, seeds: Sequence[int], files: Mapping[Kind, str]) -> Scores:
    """Scores per study of one row.

    Args:
        row: A row of a table.
        seeds: The declared seeds; files of others are left alone.
        files: Path of the scores of each kind of model, with ``{name}`` for the row and, where a
            model is trained with several, ``{seed}`` for the seed.

    Raises:
        DataError: If a file is missing, or holds no scores per study.
    """
    pattern = files[row.kind]
    found: dict[str, list[float | None]] = {score: [] for score in SCORES}
    for seed in seeds if SEED in pattern else [0]:
        path = Path(pattern.format(name=row.name, seed=seed))
        scores = read_results(path).get(LEVEL, {})
        if not set(SCORES) <= set(scores):
            raise DataError(f"{path}: no scores per {LEVEL}. Make it again: `make ablations`.")
        for score in SCORES:
            found[score].append(scores[score])
    return found


def variant_table(
    comparison: Comparison, scores: Mapping[str, Scores], seeds: Sequence[int], data: Origin
) -> Results:
    """One table of models, and the differences between its rows.

    Args:
        comparison: Rows and steps of the table.
        scores: Scores by name of the row.
        seeds: The declared seeds.
        data: On what patients the scores were measured.

    Returns:
        For every row the mean and standard deviation over seeds (``sd`` None for a single model)
        and the paper's numbers; for every step those of the paired differences.
    """
    return {
        "title": comparison.title,
        "data": data,
        "note": NOT_COMPARABLE[data],
        "level": LEVEL,
        "seeds": list(seeds),
        "rows": {
            row.name: {
                "label": row.label,
                "models": len(scores[row.name][SCORES[0]]),
                **{score: mean_sd(scores[row.name][score]) for score in SCORES},
                "paper": _paper(row),
                "paper_differs": row.remark or None,
            }
            for row in comparison.rows
        },
        "steps": [_step(comparison, scores, *step) for step in comparison.steps],
    }


def paired_difference(before: Sequence[float | None], after: Sequence[float | None]) -> Results:
    """Mean and standard deviation of the differences, seed by seed, and whether they are clear.

    A single model is paired with every seed of the other, so that the deviation is that of the
    other alone; the deviation of two single models is not known.

    Args:
        before: One score per seed, or one.
        after: One score per seed, or one.

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
        **{
            score: paired_difference(scores[before][score], scores[after][score])
            for score in SCORES
        },
        "paper": {score: second[score] - first[score] for score in SCORES}
        if first and second
        else None,
    }
