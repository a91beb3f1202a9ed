"""Scores of several models over seeds, beside the paper's, and the differences between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot
from pathlib import Path
from typing import Final, Literal

from camchex.aggregates.results import Results, read_results
from camchex.comparisons.paper import paper_numbers
from camchex.comparisons.variants import Comparison, Files, Row
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

Perturbed = Mapping[str, Mapping[str, float]]
"""Standard deviation of mAP and AUROC by kind of training, under rounding alone."""

Intervals = Mapping[tuple[str, str], Mapping[str, list[float] | None]]
"""Low and high of the differences of mAP and AUROC by step, over resampled patients."""


@dataclass(frozen=True)
class Spreads:
    """What differences are judged by where the seeds say too little, or there is no spread of them.

    Attributes:
        perturbed: Spread under rounding alone, which counts beside that over seeds.
        intervals: Intervals of the steps between ensembles, which are judged by them alone.
    """

    perturbed: Perturbed = field(default_factory=dict)
    intervals: Intervals = field(default_factory=dict)


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


def read_scores(row: Row, seeds: Sequence[int], files: Files) -> Scores:
    """Scores per study of one row.

    Args:
        row: A row of a table.
        seeds: The declared seeds; files of others are left alone.
        files: Path of the scores of a row.

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


def read_perturbed(path: Path | None, data: Origin) -> Perturbed:
    """Read how far scores lie apart where initial weights differ by rounding alone.

    Args:
        path: What ``benchmarks/stability.py`` recorded; None, or no such file: nothing is known.
        data: On what patients; trainings on others, or with changed settings, do not count.

    Raises:
        DataError: If the file is no such record.
    """
    if path is None or not path.exists():
        return {}
    try:
        trainings = read_results(path)["trainings"]
        return {
            kind: {score: float(found["perturbed"][f"test_{score}"]["sd"]) for score in SCORES}
            for kind, found in trainings.items()
            if (found["data"], found["settings"]) == (data, [])
            and found["perturbed"][f"test_{SCORES[0]}"]["sd"] is not None
        }
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a record of benchmarks/stability.py ({error!r}). Record it again, or "
            "delete it."
        ) from error


def variant_table(
    comparison: Comparison,
    scores: Mapping[str, Scores],
    seeds: Sequence[int],
    data: Origin,
    spreads: Spreads = Spreads(),
    trained: Mapping[str, Mapping[str, int]] | None = None,
) -> Results:
    """One table of models, and the differences between its rows.

    Args:
        comparison: Rows and steps of the table.
        scores: Scores by name of the row.
        seeds: The declared seeds.
        data: On what patients the scores were measured.
        spreads: What differences are judged by, beside the spread over seeds.
        trained: What was trained for each row (:mod:`camchex.comparisons.variant_trainings`), by
            name; None: not known.

    Returns:
        For every row the mean and standard deviation over seeds (``sd`` None for a single model),
        what was trained for it, and the paper's numbers; for every step those of the paired
        differences.
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
                "trained": trained and trained[row.name],
                **{score: mean_sd(scores[row.name][score]) for score in SCORES},
                "paper": _paper(row),
                "paper_differs": row.remark or None,
            }
            for row in comparison.rows
        },
        "steps": [_step(comparison, scores, spreads, *step) for step in comparison.steps],
    }


def paired_difference(
    before: Sequence[float | None], after: Sequence[float | None], perturbed: float | None = None
) -> Results:
    """Mean and standard deviation of the differences, seed by seed, and whether they are clear.

    A single model is paired with every seed of the other, so that the deviation is that of the
    other alone; the deviation of two single models is not known.

    Args:
        before: One score per seed, or one.
        after: One score per seed, or one.
        perturbed: Standard deviation of a difference whose trainings differ by rounding alone;
            None: not known. Its variance is added to that of the seeds, whose models share their
            image encoders and their machine, and so lie too close together.

    Returns:
        ``mean``, ``sd`` over the seeds, ``sd_perturbed`` where it is known, and ``clear``: the mean
        is further from 0 than twice the deviation, either way; None where the mean or every
        deviation is not known.
    """
    pairs = max(len(before), len(after))
    first, second = (
        list(values) * pairs if len(values) == 1 else list(values) for values in (before, after)
    )
    known = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    found = mean_sd([b - a for a, b in known] if len(known) == pairs else [None])
    deviations = [sd for sd in (found["sd"], perturbed) if sd is not None]
    mean, extra = found["mean"], {} if perturbed is None else {"sd_perturbed": perturbed}
    clear = None if mean is None or not deviations else abs(mean) > CLEAR * hypot(*deviations)
    return {**found, **extra, "clear": clear}


def step_sd(trainings: Sequence[str], perturbed: Perturbed) -> dict[str, float] | None:
    """Deviation of the difference of two scores under rounding alone; None where not known."""
    if not all(training in perturbed for training in trainings):
        return None
    return {score: hypot(*(perturbed[t][score] for t in trainings)) for score in SCORES}


def judged_by(interval: list[float] | None) -> Results:
    """The verdict on a difference by its interval: clear if it leaves out 0; None: not known."""
    clear = None if interval is None else not interval[0] <= 0 <= interval[1]
    return {"interval": interval, "clear": clear}


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


def _step(
    comparison: Comparison,
    scores: Mapping[str, Scores],
    spreads: Spreads,
    before: str,
    after: str,
) -> Results:
    trainings = [row.training for row in comparison.rows if row.name in {before, after}]
    intervals = spreads.intervals.get((before, after))
    perturbed = None if intervals else step_sd(trainings, spreads.perturbed)
    printed = {row.name: _paper(row) for row in comparison.rows if not row.remark}
    first, second = printed.get(before), printed.get(after)
    return {
        "from": before,
        "to": after,
        **{
            score: {
                **paired_difference(
                    *(scores[before][score], scores[after][score]),
                    perturbed[score] if perturbed else None,
                ),
                **(judged_by(intervals[score]) if intervals else {}),
            }
            for score in SCORES
        },
        "paper": {score: second[score] - first[score] for score in SCORES}
        if first and second
        else None,
    }
