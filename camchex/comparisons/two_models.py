"""Two models, or two settings over their seeds, on the same test studies and the same resamples."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from camchex.aggregates.results import Results
from camchex.aggregates.small_cells import tells_one_small
from camchex.errors import DataError
from camchex.scores.bootstrap import Draws, Resampled, interval, mean_over, seed_means
from camchex.scores.labelled_split import Split, read_probabilities, read_seeds
from camchex.scores.metrics import Floats, score_classes


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
    one, other = (seed_means(test.labels, seeds, draws, workers) for seeds in (left, right))
    scores = list(score_classes(test.labels, left[0], test.classes).values())
    small = [score.is_small(min_cell) for score in scores]
    scored = [q for q, score in enumerate(scores) if score.ap is not None]
    rows = {"macro": scored} | {
        name: [q for q in scored if test.classes[q] in members] for name, members in groups.items()
    }
    shown = [q for q in scored if not small[q]]
    return {
        "studies": len(test.labels),
        "seeds": [len(left), len(right)],
        "level": level,
        "means": {
            name: _row(one, other, columns, level)
            for name, columns in rows.items()
            if columns and not tells_one_small([small[q] for q in columns])
        },
        "classes": {test.classes[q]: _row(one, other, [q], level) for q in shown},
        "not_scored": [n for q, n in enumerate(test.classes) if q not in scored],
        "not_shown": [test.classes[q] for q in scored if q not in shown],
    }


def _row(one: Resampled, other: Resampled, columns: list[int], level: float) -> Results:
    found: dict[str, object] = {"classes": len(columns)}
    for metric, sides in (("AP", (one.ap, other.ap)), ("AUROC", (one.auroc, other.auroc))):
        before, after = (float(side[0, columns].mean()) for side in sides)
        drawn = [mean_over(side[1:], columns) for side in sides]
        found[metric] = {
            "left": before,
            "right": after,
            "difference": after - before,
            "interval": interval(drawn[1] - drawn[0], level, after - before),
        }
    return found
