"""Gaps of sensitivity: by hand, by simulation, and what is hidden."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from camchex.scores.calibration_file import Calibration, Platt
from camchex.scores.decisions import MEAN
from camchex.scores.groups import UNKNOWN
from camchex.scores.groups.gaps import GAPS, gap_rows
from camchex.scores.labelled_split import Split

CLASSES = ("Edema", "Mass", "Hernia")
HALF = Calibration(
    classes={name: Platt(intercept=0, slope=1) for name in CLASSES},
    thresholds={name: {"max_f1": 0.5, "specificity_90": 0.9} for name in CLASSES},
    temperature=1,
)


def split(labels: np.ndarray, patients: Sequence[str] | None = None) -> Split:
    ids = patients or [str(i) for i in range(len(labels))]
    return Split(pa.table({"patient_id": ids}), CLASSES, labels, np.ones(len(labels), int))


def rows(
    labels: np.ndarray, yes: np.ndarray, groups: Sequence[str], min_cell: int = 5
) -> dict[tuple[str, str], dict[str, float]]:
    found = gap_rows(split(labels), yes.astype(float), HALF, {"sex": groups}, 0.95, min_cell)
    named = [dict(zip(GAPS, row, strict=True)) for row in found]
    return {(row["value"], row["class"]): row for row in named}  # type: ignore[misc]


def invented(sizes: dict[str, tuple[int, int]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Groups in which each class has as many found, and missed, as given; and 30 without it."""
    groups = [g for g, (hits, missed) in sizes.items() for _ in range(hits + missed + 30)]
    labels, yes = [], []
    for hits, missed in sizes.values():
        labels += [1] * (hits + missed) + [0] * 30
        yes += [1] * hits + [0] * missed + [1] * 10 + [0] * 20
    return np.tile(labels, (3, 1)).T.astype(float), np.tile(yes, (3, 1)).T, groups


def test_a_gap_is_the_sensitivity_less_that_of_all_others() -> None:
    found = rows(*invented({"F": (30, 10), "M": (20, 20), "X": (10, 10)}))
    one = found["F", MEAN]
    assert (one["studies"], one["classes"], one["positives"]) == (70, 3, 120)
    assert one["sensitivity"] == pytest.approx(0.75)
    assert one["gap"] == pytest.approx(0.75 - 30 / 60)
    assert found["M", "Mass"]["gap"] == pytest.approx(0.5 - 40 / 60)
    assert found["X", MEAN]["gap_low"] < found["X", MEAN]["gap"] < found["X", MEAN]["gap_high"]


def test_the_interval_of_one_class_is_newcombes() -> None:
    # Newcombe 1998, table II, (a) by method 10: 56/70 less 48/80 is .2000, .0524 to .3339.
    found = rows(*invented({"F": (56, 14), "M": (48, 32)}))
    row = found["F", "Edema"]
    ends = row["gap"], row["gap_low"], row["gap_high"]
    assert ends == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_three_findings_of_the_same_patients_are_no_surer_than_one() -> None:
    found = rows(*invented({"F": (30, 10), "M": (20, 20)}))
    widths = [found["F", name]["gap_high"] - found["F", name]["gap_low"] for name in (MEAN, "Mass")]
    assert widths[0] == pytest.approx(widths[1], rel=0.05)


@pytest.mark.parametrize("apart", [0.0, 0.15])
def test_intervals_hold_the_true_gap(apart: float) -> None:
    """Patients of one to four studies, three findings that share a patient's luck."""
    rng, held = np.random.default_rng(5), 0
    for _ in range(150):
        patient = np.repeat(np.arange(60), rng.integers(1, 5, 60))
        woman = (patient % 2 == 0)[:, None]
        luck = rng.normal(0, 0.7, 60)[patient][:, None] + rng.normal(0, 0.71, (len(patient), 3))
        labels = (rng.random((len(patient), 3)) < 0.4).astype(float)
        order = np.sort(luck.ravel())
        cuts = [order[int(len(order) * share)] for share in (0.35, 0.35 + apart)]
        yes = luck > np.where(woman, cuts[0], cuts[1])
        test = split(labels, [str(i) for i in patient])
        groups = {"sex": np.where(woman[:, 0], "F", "M").tolist()}
        found = [
            dict(zip(GAPS, row, strict=True))
            for row in gap_rows(test, yes.astype(float), HALF, groups, 0.95, 1)
        ]
        row = next(r for r in found if (r["value"], r["class"]) == ("F", MEAN))
        held += row["gap_low"] <= apart <= row["gap_high"]  # type: ignore[operator]
    assert held / 150 >= 0.9


def one_small(groups: Sequence[str], yes: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """Of some classes, all but three women with the finding are found."""
    for column in columns:
        yes[:37, column], yes[37:40, column] = 1, 0
    assert set(groups[:40]) == {"F"}
    return yes


def test_classes_with_a_small_cell_in_a_group_have_no_rows_but_count_in_the_mean() -> None:
    labels, yes, groups = invented({"F": (30, 10), "M": (20, 20)})
    found = rows(labels, one_small(groups, yes, [1, 2]), groups)
    assert {name for _, name in found} == {MEAN, "Edema"}
    assert found["F", MEAN]["classes"] == 3
    assert found["F", MEAN]["sensitivity"] == pytest.approx((0.75 + 2 * 37 / 40) / 3)
    assert ("F", "Mass") in rows(labels, yes, groups, min_cell=3)


def test_a_mean_does_not_tell_the_last_class_that_is_hidden() -> None:
    labels, yes, groups = invented({"F": (30, 10), "M": (20, 20)})
    found = rows(labels, one_small(groups, yes, [0]), groups)
    assert len({name for _, name in found} - {MEAN}) == 1  # of the two that could be shown
    labels[:, 1:] = np.nan
    assert not rows(labels, yes, groups)


def test_a_small_cell_of_those_who_are_in_no_group_is_hidden_too() -> None:
    sizes = {"F": (30, 10), "M": (20, 20), UNKNOWN: (20, 2)}
    assert {name for _, name in rows(*invented(sizes))} == {MEAN}
    found = rows(*invented({**sizes, UNKNOWN: (20, 6)}))
    assert {name for _, name in found} == {MEAN, *CLASSES}
    assert not any(value == UNKNOWN for value, _ in found)


def test_one_group_has_no_gap() -> None:
    assert not rows(*invented({"F": (30, 10), UNKNOWN: (20, 20)}))


def test_a_class_without_a_threshold_is_left_out() -> None:
    labels, yes, groups = invented({"F": (30, 10), "M": (20, 20)})
    nothing = {**HALF.thresholds, "Mass": {"max_f1": None, "specificity_90": None}}
    without = HALF.model_copy(update={"thresholds": nothing})
    found = gap_rows(split(labels), yes.astype(float), without, {"sex": groups}, 0.95, 5)
    assert {row[2] for row in found} == {MEAN, "Edema", "Hernia"}
