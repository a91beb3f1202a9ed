"""Scores of subgroups: the test studies by what is known of patient and study.

Small subgroups are left out. The sex is known only of patients who were in the emergency
department, whose stay records it; whether an image is AP or PA, only with the table of the images.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from camchex.aggregates.csv_files import Row
from camchex.aggregates.small_cells import has_enough_of_both, hidden_values
from camchex.scores.groups import EMERGENCY, SEX, UNKNOWN
from camchex.scores.intervals import macro_row
from camchex.scores.labelled_split import Split
from camchex.scores.metrics import Floats
from camchex.texts.vitals_text import MISSING

Bools = NDArray[np.bool_]
COUNTED = ("1", "2", "3 or more")  # images
YES_NO = {True: "yes", False: "no"}
SUBGROUPS = (
    *("characteristic", "value", "studies", "classes"),
    *("mAP", "mAP_low", "mAP_high", "AUROC", "AUROC_low", "AUROC_high", "chance_mAP"),
)


def characteristics(
    table: pa.Table, positions: Mapping[str, str] | None = None
) -> dict[str, list[str]]:
    """The characteristics that subgroups are made of: for each, the value of every study, (N,).

    The table has rows of ``schemas.cohort``; positions (AP, PA, ...) stand by image, None: unknown.
    """
    texts = [
        dict(field.split(": ", 1) for field in text.split(" | ") if ": " in field)
        for text in table["vitals_text"].to_pylist()
    ]
    sexes = [fields.get("Gender", MISSING) for fields in texts]
    measured = [any(v != MISSING for k, v in f.items() if k != "Gender") for f in texts]
    images, views = table["image_ids"].to_pylist(), table["views"].to_pylist()
    found = {
        SEX: [UNKNOWN if sex == MISSING else sex for sex in sexes],
        EMERGENCY: [
            YES_NO[sex != MISSING or vital] for sex, vital in zip(sexes, measured, strict=True)
        ],
        "vital signs": [YES_NO[vital] for vital in measured],
        "indication": [YES_NO[text is not None] for text in table["indication"].to_pylist()],
        "images": [COUNTED[min(len(ids), len(COUNTED)) - 1] for ids in images],
        "views": [" + ".join(sorted(set(of_study))) for of_study in views],
    }
    if positions is not None:
        # Any lateral position is a lateral; a frontal one of unknown position is "frontal".
        names = [
            {
                view if view == "lateral" else positions.get(image) or "frontal"
                for image, view in zip(*study, strict=True)
            }
            for study in zip(images, views, strict=True)
        ]
        found["view positions"] = [
            f"{min(of)} only"
            if len(of) == 1
            else " + ".join(sorted(of - {"lateral"}) + sorted(of & {"lateral"}))
            for of in names
        ]
    return found


def view_positions(images: pa.Table) -> dict[str, str]:
    """View position of every image of ``schemas.IMAGES`` that has one, by image."""
    pairs = zip(images["image_id"].to_pylist(), images["view_position"].to_pylist(), strict=True)
    return {image: position for image, position in pairs if position}


def subgroup_rows(
    test: Split,
    probabilities: Floats,
    groups: Mapping[str, list[str]],
    level: float,
    min_cell: int,
) -> Iterator[Row]:
    """Macro scores per study of every subgroup that may be shown, as rows below ``SUBGROUPS``.

    The classes averaged are the same for all values of a characteristic that are scored: those
    with enough positives and negatives in each, so that the values can be compared. A value that
    would leave fewer than half of the classes of the largest is not scored. Probabilities, (N, Q),
    and the :func:`characteristics` are those of the test studies; the level is the share of
    test sets whose interval should hold the truth.
    """
    patient = test.patient
    for name, values in groups.items():
        own = np.array(values, dtype=object)
        counts = dict(sorted(Counter(values).items()))
        left_out = hidden_values(counts, min_cell)
        shown = {value: own == value for value in counts if value not in left_out}
        classes, scored = _comparable(test.labels, shown, min_cell)
        for value, rows in shown.items():
            own_classes = classes if value in scored else []
            truth, guess = test.labels[rows][:, own_classes], probabilities[rows][:, own_classes]
            scores, means = macro_row(truth, guess, patient[rows], level)
            chance = float(np.mean([score.prevalence for score in scores])) if scores else None
            yield name, value, counts[value], len(scores), *means, chance


def _comparable(
    labels: Floats, shown: Mapping[str, Bools], min_cell: int
) -> tuple[list[int], set[str]]:
    """The classes on which values are compared, and the values that have enough of them all."""
    enough: dict[str, set[int]] = {}
    for value in sorted(shown, key=lambda value: (-int(shown[value].sum()), value)):
        rows = labels[shown[value]]
        counts = zip((rows == 1).sum(axis=0), (rows == 0).sum(axis=0), strict=True)
        enough[value] = {q for q, b in enumerate(counts) if has_enough_of_both(*b, min_cell)}
    return common_classes(enough)


def common_classes(enough: Mapping[str, set[int]]) -> tuple[list[int], set[str]]:
    """The classes that values have in common, and the values that have them.

    ``enough`` has the classes with enough studies by value, the largest value first. A value that
    would leave fewer than half of the classes of the first is left out.
    """
    common: set[int] = set()
    fewest = 0.0
    scored: set[str] = set()
    for value, own in enough.items():
        left = common & own if scored else own
        fewest = fewest or len(left) / 2
        if left and len(left) >= fewest:
            common = left
            scored.add(value)
    return sorted(common), scored
