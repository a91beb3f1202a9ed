"""What a teacher may fill in, and which of two merged classes it decides."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.contract import params, schemas, tables
from camchex.errors import DataError
from camchex.pseudo_labels.pseudo_labels import (
    fill,
    predicted_quantiles,
    read_published,
    write_quantiles,
)
from camchex.sources.params import ExternalSets

CLASSES = ("Mass", "Edema", "Nodule")
NAN = float("nan")
NODULE_MASS = ("Nodule", "Mass")


def filled(
    known: list[list[float]], teacher: list[list[float]], merged: tuple[str, str] | None = None
) -> list[list[float]]:
    result = fill(np.array(known, np.float32), np.array(teacher, np.float32), CLASSES, merged)
    return [[round(float(v), 4) for v in row] for row in result]


def test_unknown_labels_become_probabilities_and_known_ones_stay() -> None:
    assert filled([[1, NAN, 0]], [[0.2, 0.3, 0.4]]) == [[1, 0.3, 0]]


@pytest.mark.parametrize(
    ("mass", "nodule", "expected"),
    [
        (0.2, 0.7, [0.2, 0.5, 1]),  # the lower one is replaced by its probability
        (0.7, 0.2, [1, 0.5, 0.2]),
        (0.4, 0.4, [1, 0.5, 0.4]),  # equal: Nodule
    ],
)
def test_of_a_merged_nodule_or_mass_the_less_likely_gives_way(
    mass: float, nodule: float, expected: list[float]
) -> None:
    assert filled([[1, NAN, 1]], [[mass, 0.5, nodule]], NODULE_MASS) == [expected]


def test_the_merged_rule_is_of_merged_classes_and_of_positives_only() -> None:
    teacher = [[0.2, 0.5, 0.7]]
    assert filled([[1, 0, 1]], teacher) == [[1, 0, 1]]
    assert filled([[0, 0, 0]], teacher, NODULE_MASS) == [[0, 0, 0]]
    assert filled([[1, 0, 0]], teacher, NODULE_MASS) == [[1, 0, 0]]
    assert filled([[NAN, 0, 1]], teacher, NODULE_MASS) == [[0.2, 0, 1]]


def test_a_label_space_without_mass_knows_no_merged_class() -> None:
    known = np.array([[1, np.nan]], np.float32)
    result = fill(known, np.array([[0.1, 0.2]], np.float32), ("Nodule", "Edema"), NODULE_MASS)
    np.testing.assert_allclose(result, [[1, 0.2]])


@given(st.integers(0, 2**31), st.sampled_from([NODULE_MASS, None]))
def test_filled_labels_are_complete_and_within_range(
    seed: int, merged: tuple[str, str] | None
) -> None:
    draw = np.random.default_rng(seed)
    known = draw.choice(np.array([0, 1, np.nan], np.float32), (20, 3))
    teacher = draw.random((20, 3)).astype(np.float32)
    result = fill(known, teacher, CLASSES, merged)
    assert not np.isnan(result).any()
    changed = (result != known) & ~np.isnan(known)
    assert changed.any(axis=1).sum() == changed.sum()  # of a row at most one known label gives way
    np.testing.assert_array_equal(result[changed], teacher[changed])


def test_quantiles_of_predicted_labels_are_those_of_many_or_hidden() -> None:
    values = np.linspace(0, 1, 101).astype(np.float32)
    assert predicted_quantiles(values) == {
        "predicted": 101,
        "mean": 0.5,
        "q05": 0.05,
        "q50": 0.5,
        "q95": 0.95,
    }
    assert predicted_quantiles(values[:99]) == {"predicted": 99}


def test_quantiles_are_written_as_they_are_reported_and_blank_where_hidden(tmp_path: Path) -> None:
    shown = {"predicted": 101, "mean": 0.5, "q05": 0.05, "q50": 0.5, "q95": 0.95}
    sets = {"nih": {"classes": {"Mass": shown, "Edema": {"predicted": 3}}}}
    write_quantiles(sets, 2, tmp_path / "curves" / "gen2.csv")
    assert (tmp_path / "curves" / "gen2.csv").read_text().splitlines() == [
        "set,class,generation,predicted,mean,q05,q50,q95",
        "nih,Mass,2,101,0.5,0.05,0.5,0.95",
        "nih,Edema,2,3,,,,",
    ]


def test_two_sets_of_one_source_that_share_an_image_are_refused(tmp_path: Path) -> None:
    nih = params.load("external", ExternalSets)["nih"]
    vindr = params.load("external", ExternalSets)["vindr"]
    schema = schemas.labels(("Mass",))
    for key, images in {"a": ["1", "2"], "b": ["2", "3"], "c": ["2"]}.items():
        rows = [{"dataset": key, "image_id": image, "Mass": 1} for image in images]
        table = pa.Table.from_pylist(rows, schema=schema)
        tables.write(table, tmp_path / key / "labels.parquet", schema)
    read_published(tmp_path, {"a": nih, "c": vindr}, ("Mass",))
    with pytest.raises(DataError, match=r"external\.a and external\.b: .* image 2 \(1 such"):
        read_published(tmp_path, {"a": nih, "b": nih, "c": vindr}, ("Mass",))


def test_labels_of_another_set_are_refused(tmp_path: Path) -> None:
    nih = params.load("external", ExternalSets)["nih"]
    schema = schemas.labels(("Mass",))
    table = pa.table({"dataset": ["b"], "image_id": ["1"], "Mass": [1.0]}).cast(schema)
    tables.write(table, tmp_path / "a" / "labels.parquet", schema)
    with pytest.raises(DataError, match=r"'dataset': 1 wrong values, the first 'b' .* expected a"):
        read_published(tmp_path, {"a": nih}, ("Mass",))
