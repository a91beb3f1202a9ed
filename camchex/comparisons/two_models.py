"""Two models, or two settings over their seeds, on the same test studies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import tells_one_small
from camchex.errors import DataError
from camchex.scores.intervals import Scored, difference, of_classes, scored
from camchex.scores.labelled_split import Split, read_probabilities, read_seeds
from camchex.scores.metrics import Floats, macro


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


def compare_settings(  # noqa: PLR0913 - the two settings, and how they are compared
    test: Split,
    left: Sequence[Floats],
    right: Sequence[Floats],
    groups: Mapping[str, Sequence[str]],
    *,
    level: float,
    min_cell: int,
    workers: int = 1,
) -> Results:
    """Scores per study of two settings, and right less left with its interval.

    The seeds of a setting are averaged, and the interval is :func:`difference`'s: it shows what
    other patients would change, not what other trainings would.

    Args:
        test: The test studies.
        left: Probabilities of each seed of the first setting, (N, Q).
        right: Probabilities of each seed of the second setting, (N, Q).
        groups: Classes by head, body and tail.
        level: Share of test sets whose interval should hold the truth.
        min_cell: A class with fewer positives, or negatives, counts in the means alone.
        workers: Threads.

    Returns:
        ``means`` (``macro`` and every group) and ``classes``: for AP (of ``means`` the mAP) and
        AUROC the scores of both settings, the difference and its interval. A mean that would be
        the score of one small class is left out.
    """
    sides = [
        [
            scored(test.labels, one, test.classes, test.patient, level, workers=workers)
            for one in seeds
        ]
        for seeds in (left, right)
    ]
    scores = list(sides[0][0][0].values())
    small = [score.is_small(min_cell) for score in scores]
    told = [q for q, score in enumerate(scores) if score.ap is not None]
    rows = {"macro": told} | {
        name: [q for q in told if test.classes[q] in members] for name, members in groups.items()
    }
    shown = [q for q in told if not small[q]]
    return {
        "studies": len(test.labels),
        "seeds": [len(left), len(right)],
        "level": level,
        "means": {
            name: _row(sides, [test.classes[q] for q in columns])
            for name, columns in rows.items()
            if columns and not tells_one_small([small[q] for q in columns])
        },
        "classes": {test.classes[q]: _row(sides, [test.classes[q]]) for q in shown},
        "not_scored": [n for q, n in enumerate(test.classes) if q not in told],
        "not_shown": [test.classes[q] for q in told if q not in shown],
    }


def _row(sides: Sequence[Sequence[Scored]], names: Sequence[str]) -> Results:
    left, right = ([of_classes(one, names) for one in side] for side in sides)
    ends = difference(right, left)
    found: dict[str, object] = {"classes": len(names)}
    for metric, key in (("AP", "mAP"), ("AUROC", "AUROC")):
        before, after = (
            float(np.mean([getattr(macro(scores.values()), metric.lower()) for scores, _ in side]))
            for side in (left, right)
        )
        found[metric] = {
            "left": before,
            "right": after,
            "difference": after - before,
            "interval": ends[f"{key}_interval"],
        }
    return found
