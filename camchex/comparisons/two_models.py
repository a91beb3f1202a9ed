"""Two models, or two settings over their seeds, on the same test studies and the same resamples."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import tells_one_small
from camchex.errors import DataError
from camchex.scores.bootstrap import Draws, Resampled, bootstrap, interval, mean_over
from camchex.scores.labelled_split import Split, read_probabilities, read_seeds
from camchex.scores.metrics import ClassScore, Floats, score_classes

Groups = dict[str, list[str]]
METRICS = {"AP": "ap", "AUROC": "auroc"}


def read_setting(path: Path, seeds: Sequence[int], test: Split) -> list[Floats]:
    """Probabilities of one file, or of every declared seed of a folder.

    Raises:
        DataError: If there is neither, or they are not of these studies.
    """
    if path.is_dir():
        return list(read_seeds(path, seeds, test).values())
    if path.suffix != ".parquet":
        raise DataError(
            f"{path}: expected predictions, a .parquet file or a folder of seed<s>.parquet"
        )
    return [read_probabilities(path, test)]


class _Setting:
    """The mean scores of a setting's seeds, of every class, and the same in every resample."""

    def __init__(self, test: Split, seeds: Sequence[Floats], draws: Draws, workers: int) -> None:
        scores = [list(score_classes(test.labels, p, test.classes).values()) for p in seeds]
        drawn = [bootstrap(test.labels, p, draws, None, workers) for p in seeds]
        self.classes = scores[0]
        self.points = {
            "AP": np.mean([[_number(s.ap) for s in seed] for seed in scores], axis=0),
            "AUROC": np.mean([[_number(s.auroc) for s in seed] for seed in scores], axis=0),
        }
        self.drawn = Resampled(
            np.mean([one.ap for one in drawn], axis=0),
            np.mean([one.auroc for one in drawn], axis=0),
        )


def _number(score: float | None) -> float:
    return np.nan if score is None else score


def compare(  # noqa: PLR0913 - the two settings, and how they are compared
    test: Split,
    left: Sequence[Floats],
    right: Sequence[Floats],
    groups: Groups,
    draws: Draws,
    *,
    level: float,
    min_cell: int,
    workers: int = 1,
) -> Results:
    """Scores per study of two settings, and right less left with its interval.

    Patients are resampled; the seeds of a setting are averaged in each resample, so the interval
    is of these models on other patients, not of other trainings.

    Args:
        test: The test studies.
        left: Probabilities of each seed, (N, Q).
        right: Of each seed of the other setting.
        groups: Classes by head, body and tail.
        draws: Of the patients of the test studies.
        level: Share of the resamples within an interval.
        min_cell: A class with fewer positives, or negatives, counts in the means alone.
        workers: Threads.

    Returns:
        ``macro``, one entry a group, and ``classes``: for AP (in means mAP) and AUROC the score of
        each, the difference and its interval.
    """
    one = _Setting(test, left, draws, workers)
    other = _Setting(test, right, draws, workers)
    scored = [q for q, score in enumerate(one.classes) if score.ap is not None]
    rows = {"macro": scored} | {
        name: [q for q in scored if test.classes[q] in members] for name, members in groups.items()
    }
    shown = [q for q in scored if not one.classes[q].is_small(min_cell)]
    return {
        "studies": len(test.labels),
        "seeds": [len(left), len(right)],
        "level": level,
        "means": {
            name: _row(one, other, columns, level)
            for name, columns in rows.items()
            if not _gives_away(columns, one.classes, min_cell)
        },
        "classes": {test.classes[q]: _row(one, other, [q], level) for q in shown},
        "not_scored": [n for q, n in enumerate(test.classes) if q not in scored],
        "not_shown": [test.classes[q] for q in scored if q not in shown],
    }


def _gives_away(columns: Sequence[int], scores: Sequence[ClassScore], min_cell: int) -> bool:
    """Whether a mean is of nothing, or of one small class."""
    return not columns or tells_one_small([scores[q].is_small(min_cell) for q in columns])


def _row(one: _Setting, other: _Setting, columns: list[int], level: float) -> Results:
    found: dict[str, object] = {"classes": len(columns)}
    for metric, key in METRICS.items():
        before, after = (float(s.points[metric][columns].mean()) for s in (one, other))
        drawn = [mean_over(getattr(s.drawn, key), columns) for s in (other, one)]
        found[metric] = {
            "left": before,
            "right": after,
            "difference": after - before,
            "interval": interval(drawn[0] - drawn[1], level, after - before),
        }
    return found
