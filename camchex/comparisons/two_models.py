"""Two models, or two settings over their seeds, on the same test studies and the same resamples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import tells_one_small
from camchex.errors import DataError
from camchex.scores.bootstrap import Draws, bootstrap, interval, mean_over
from camchex.scores.labelled_split import Split, read_probabilities, read_seeds
from camchex.scores.metrics import ClassScore, Floats, score_classes

METRICS = {"AP": "ap", "AUROC": "auroc"}


def read_setting(path: Path, seeds: Sequence[int], test: Split) -> list[Floats]:
    """Probabilities of one file, or of every declared seed of a folder.

    Raises:
        DataError: If the path is neither, or the predictions are not of these studies.
    """
    if path.is_dir():
        return list(read_seeds(path, seeds, test).values())
    if path.suffix != ".parquet":
        raise DataError(
            f"{path}: expected predictions, a .parquet file or a folder of seed<s>.parquet"
        )
    return [read_probabilities(path, test)]


@dataclass(frozen=True)
class _Setting:
    """Scores of a setting, averaged over its seeds.

    Attributes:
        classes: Scores of each class of the first seed, Q.
        points: Scores on the test studies by metric, NaN where a class has none, (Q,).
        drawn: Scores in every resample by metric, (resamples, Q).
    """

    classes: list[ClassScore]
    points: dict[str, Floats]
    drawn: dict[str, Floats]


def _score(test: Split, seeds: Sequence[Floats], draws: Draws, workers: int) -> _Setting:
    scores = [list(score_classes(test.labels, p, test.classes).values()) for p in seeds]
    drawn = [bootstrap(test.labels, p, draws, None, workers) for p in seeds]
    points = {
        metric: np.array([[getattr(s, key) for s in seed] for seed in scores], float).mean(axis=0)
        for metric, key in METRICS.items()
    }
    resampled = {
        metric: np.mean([getattr(one, key) for one in drawn], axis=0)
        for metric, key in METRICS.items()
    }
    return _Setting(scores[0], points, resampled)


def compare_settings(  # noqa: PLR0913 - the two settings, and how they are compared
    test: Split,
    left: Sequence[Floats],
    right: Sequence[Floats],
    groups: Mapping[str, Sequence[str]],
    draws: Draws,
    *,
    level: float,
    min_cell: int,
    workers: int = 1,
) -> Results:
    """Scores per study of two settings, and right less left with its interval.

    Patients are resampled, and the seeds of a setting are averaged in each resample, so that the
    interval shows what other patients would change, not what other trainings would.

    Args:
        test: The test studies.
        left: Probabilities of each seed of the first setting, (N, Q).
        right: Probabilities of each seed of the second setting, (N, Q).
        groups: Classes by head, body and tail.
        draws: Draws of the patients of the test studies.
        level: Share of the resamples within an interval.
        min_cell: A class with fewer positives, or negatives, counts in the means alone.
        workers: Threads.

    Returns:
        ``means`` (``macro`` and every group) and ``classes``: for AP (of ``means`` the mAP) and
        AUROC the scores of both settings, the difference and its interval. A mean that would be
        the score of one small class is left out.
    """
    one = _score(test, left, draws, workers)
    other = _score(test, right, draws, workers)
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
            if columns and not tells_one_small([one.classes[q].is_small(min_cell) for q in columns])
        },
        "classes": {test.classes[q]: _row(one, other, [q], level) for q in shown},
        "not_scored": [n for q, n in enumerate(test.classes) if q not in scored],
        "not_shown": [test.classes[q] for q in scored if q not in shown],
    }


def _row(one: _Setting, other: _Setting, columns: list[int], level: float) -> Results:
    found: dict[str, object] = {"classes": len(columns)}
    for metric in METRICS:
        before, after = (float(s.points[metric][columns].mean()) for s in (one, other))
        drawn = [mean_over(s.drawn[metric], columns) for s in (other, one)]
        found[metric] = {
            "left": before,
            "right": after,
            "difference": after - before,
            "interval": interval(drawn[0] - drawn[1], level, after - before),
        }
    return found
