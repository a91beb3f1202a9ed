"""The model where inputs are missing: the mixtures, their scores, and the verdicts."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.comparisons.missing import (
    DRAWS,
    SHARES,
    VARIANT,
    VIEWS,
    VIEWS_MISSING,
    WHOLE,
    WITHOUT,
    Predictions,
    at_least,
    has_view,
    missing_inputs,
    mixtures,
)
from camchex.comparisons.missing_text import CSV_HEADER, csv_rows, markdown
from camchex.comparisons.variant_tables import paired_difference
from camchex.comparisons.variants import OURS
from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023
from camchex.prediction.missing_inputs import COMBINATIONS
from camchex.scores.labelled_split import Split, labelled_split
from camchex.scores.metrics import Floats
from camchex.scores.params import BootstrapParams, EvaluationParams
from tests.scores import factories

SEEDS = (0, 1)
EVALUATION = EvaluationParams(
    min_cell=5, bootstrap=BootstrapParams(resamples=20, seed=0, level=0.9)
)
FILES = Predictions("ours/{name}{seed}.parquet", "{name}/seed{seed}.parquet", "view/{name}.parquet")
KINDS = {"mAP": average_precision_score, "AUROC": roc_auc_score}
FEW = (0, 50, 100)
NEVER, ONLY, BOTH = ["frontal"], ["lateral"], ["frontal", "lateral"]


@pytest.fixture(scope="module")
def test() -> Split:
    invented = factories.invent({"train": 20, "development": 20, "test": 120})
    split = labelled_split(
        factories.cohort(invented, invented.truth.astype(float)), "test", CXR_LT_2023
    )
    views = [(NEVER, ONLY, BOTH)[i % 3] for i in range(len(split.labels))]
    table = split.table
    for name, of in (
        ("views", views),
        ("image_ids", [[f"{i}{v}" for v in o] for i, o in enumerate(views)]),
    ):
        place = table.schema.get_field_index(name)
        table = table.set_column(
            place, table.schema.field(name), pa.array(of, table.schema.field(name).type)
        )
    return replace(split, table=table)


def write(
    path: Path, test: Split, strength: float, seed: int, kept: np.ndarray | None = None
) -> Floats:
    """Predictions of some studies, as they are read again."""
    kept = np.ones(len(test.labels), bool) if kept is None else kept
    guesses = factories.guesses(test.labels, strength, seed)[kept].astype(np.float32)
    ids, splits = (np.array(test.table[n].to_pylist())[kept] for n in ("study_id", "split"))
    table = tables.predictions_table(ids.tolist(), splits.tolist(), guesses, CXR_LT_2023)
    tables.write(table, path, schemas.predictions(CXR_LT_2023))
    read: Floats = guesses.astype(np.float64)
    return read


Found = tuple[dict[str, Any], Mapping[str, list[Floats]], Mapping[str, list[Floats]]]


@pytest.fixture(scope="module")
def measured(test: Split, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """The results; the predictions of the one model, and of the dedicated ones."""
    folder = tmp_path_factory.mktemp("predictions")
    files = Predictions(
        *(str(folder / f) for f in (FILES.combinations, FILES.variants, FILES.views))
    )
    strengths = dict(
        zip((WHOLE, *VARIANT, *VIEWS, *VIEWS_MISSING), np.linspace(3, 1, 13), strict=True)
    )
    ours = {
        name: [
            write(Path(files.combinations.format(name=name, seed=s)), test, strength, s)
            for s in SEEDS
        ]
        for name, strength in strengths.items()
    }
    dedicated = {
        name: [write(Path(files.variants.format(name=v, seed=s)), test, 2.0, s + 10) for s in SEEDS]
        for name, v in VARIANT.items()
    }
    for view in VIEWS:
        kept = np.array([view in views for views in test.table["views"].to_pylist()])
        dedicated[view] = [write(Path(files.views.format(name=view)), test, 2.0, 5, kept)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("camchex.comparisons.missing.DRAWS", 2)  # scoring takes long
        patch.setattr("camchex.comparisons.missing.SHARES", FEW)
        return dict(missing_inputs(test, SEEDS, files, EVALUATION, {})), ours, dedicated


def score(kind: str, labels: Floats, guesses: Floats) -> float:
    """The mean of scikit-learn's score over the classes that have one."""
    columns = [q for q in range(labels.shape[1]) if 0 < labels[:, q].sum() < len(labels)]
    return float(KINDS[kind](labels[:, columns], guesses[:, columns]))


def test_every_combination_that_is_compared_is_predicted() -> None:
    assert {WHOLE, *VARIANT, *VIEWS, *VIEWS_MISSING} == set(COMBINATIONS)
    assert {WHOLE, *VARIANT} >= set(WITHOUT.values())


@pytest.mark.parametrize("kind", KINDS)
def test_scores_and_differences_are_those_of_scikit_learn_seed_by_seed(
    test: Split, measured: Found, kind: str
) -> None:
    found, ours, dedicated = measured
    for name in (OURS, "images", "vitals", "lateral", "unknown"):  # scikit-learn takes long
        row = found["rows"][name]
        combination = WHOLE if name == OURS else name
        kept = np.array([name not in VIEWS or name in v for v in test.table["views"].to_pylist()])
        one = [score(kind, test.labels[kept], guesses[kept]) for guesses in ours[combination]]
        assert row["studies"] == kept.sum()
        assert row[kind]["mean"] == pytest.approx(np.mean(one))
        assert row[kind]["sd"] == pytest.approx(np.std(one, ddof=1))
        if combination in dedicated:
            other = [score(kind, test.labels[kept], g) for g in dedicated[combination]]
            steps = np.subtract(one, other)  # a classifier of a view is one for all seeds
            assert row["dedicated"][kind]["mean"] == pytest.approx(np.mean(other))
            assert row["difference"][kind]["mean"] == pytest.approx(steps.mean())
            assert row["difference"][kind]["sd"] == pytest.approx(steps.std(ddof=1))
            good = steps.mean() >= -2 * steps.std(ddof=1)
            assert row["difference"][kind]["at_least_as_good"] is bool(good)
        else:
            assert row["difference"] is None
    assert {
        row["difference"][kind]["at_least_as_good"]
        for row in found["rows"].values()
        if row["difference"]
    } == {True, False}


@pytest.mark.parametrize("kind", KINDS)
def test_a_curve_begins_with_the_whole_score_and_ends_with_that_of_the_combination(
    measured: Found, kind: str
) -> None:
    found, _, _ = measured
    for name, points in found["curves"].items():
        assert [point["share"] for point in points] == list(FEW)
        assert points[0][kind] == pytest.approx(found["rows"][OURS][kind]["mean"])
        assert points[-1][kind] == pytest.approx(found["rows"][WITHOUT[name]][kind]["mean"])
        for point in points:
            low, high = point[f"{kind}_interval"]
            assert low <= point[kind] <= high


def test_the_studies_that_lack_an_input_are_nested_and_as_many_as_said() -> None:
    whole, left = (
        [np.zeros((40, 1)), np.full((40, 1), 2.0)],
        [np.ones((40, 1)), np.full((40, 1), 3.0)],
    )
    before: list[Floats] = [np.zeros((40, 1))] * DRAWS
    for share in SHARES:
        mixed = list(mixtures(40, share, whole, left, seed=4))
        draws = mixed[::2] if len(mixed) > 2 else mixed[:1] * DRAWS
        for lacks, smaller in zip(draws, before, strict=True):
            assert lacks.sum() == round(40 * share / 100)
            assert (lacks >= smaller).all()
        np.testing.assert_array_equal(mixed[1], mixed[0] + 2)  # the seeds lose the same studies
        before = draws
        if share == 50:
            assert len({draw.tobytes() for draw in draws}) == DRAWS
            again = list(mixtures(40, share, whole, left, seed=4))
            np.testing.assert_array_equal(mixed, again)


@pytest.mark.parametrize(
    ("ours", "other", "good"),
    [
        ([0.5, 0.6], [0.4, 0.6], True),
        ([0.5, 0.6], [0.53, 0.61], True),  # below by 0.02, with a deviation of 0.014
        ([0.5, 0.6], [0.55, 0.651], False),
        ([0.5], [0.4], True),
        ([0.5], [0.6], None),  # one pair: below, by nobody knows how many deviations
        ([None], [0.6], None),
    ],
)
def test_at_least_as_good_is_not_below_by_more_than_twice_the_deviation(
    ours: list[float | None], other: list[float | None], *, good: bool | None
) -> None:
    found = at_least(paired_difference(other, ours))
    assert found["at_least_as_good"] is good


def test_few_studies_of_a_view_are_not_scored_and_not_counted(
    test: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camchex.comparisons.missing.SHARES", ())  # curves are not looked at here
    views = [["lateral"] if i < 3 else ["frontal"] for i in range(len(test.labels))]
    place = test.table.schema.get_field_index("views")
    field = test.table.schema.field("views")
    part = replace(test, table=test.table.set_column(place, field, pa.array(views, field.type)))
    files = Predictions(
        *(str(tmp_path / f) for f in (FILES.combinations, FILES.variants, FILES.views))
    )
    for s in SEEDS:
        for name in COMBINATIONS:
            write(Path(files.combinations.format(name=name, seed=s)), part, 2.0, s)
        for variant in VARIANT.values():
            write(Path(files.variants.format(name=variant, seed=s)), part, 2.0, s)
    for view in VIEWS:
        write(Path(files.views.format(name=view)), part, 2.0, 5, has_view(part.table, view))
    once = EVALUATION.bootstrap.model_copy(update={"resamples": 1})
    evaluation = EVALUATION.model_copy(update={"bootstrap": once})
    rows = missing_inputs(part, SEEDS, files, evaluation, {})["rows"]
    assert rows["lateral"]["studies"] == "<5"
    assert (
        rows["lateral"]["mAP"]
        == rows["lateral"]["dedicated"]["AUROC"]
        == {"mean": None, "sd": None}
    )
    assert rows["frontal"]["studies"] == f">{len(part.labels) - 5}"
    assert rows["frontal"]["mAP"]["mean"] is not None


def test_the_text_and_the_rows_for_plots_hold_every_combination_and_every_share(
    measured: Found,
) -> None:
    found = {"title": "What is missing", "data": "synthetic", "note": "n", **measured[0]}
    rows = list(csv_rows(found))
    assert len(rows) == len(WITHOUT) * len(FEW)
    assert {len(row) for row in rows} == {len(CSV_HEADER)}
    text = markdown(found)
    assert text.count("\n| ") == 2 * 2 + len(COMBINATIONS) + len(rows)
    assert "| nothing is missing | 120 |" in text
