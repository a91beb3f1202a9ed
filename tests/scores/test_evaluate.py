"""The results of one model, and what they must not tell."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score

from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.errors import DataError
from camchex.scores.evaluate import class_row, evaluate
from camchex.scores.intervals import intervals, macro_row
from camchex.scores.labelled_split import labelled_split, read_probabilities, read_seeds
from camchex.scores.metrics import ClassScore
from tests.scores import factories

MIN_CELL = 5


def results(labels: np.ndarray, invented: factories.Invented) -> dict[str, Any]:
    cohort = factories.cohort(invented, labels)
    test = labelled_split(cohort, "test", CXR_LT_2023)
    return dict(evaluate(test, factories.guesses(test.labels, 2, 0), cohort, MIN_CELL))


@pytest.fixture(scope="module")
def invented() -> factories.Invented:
    return factories.invent({"train": 60, "test": 100})


def test_every_prediction_counts_once_per_study_and_once_per_image(
    invented: factories.Invented,
) -> None:
    found = results(invented.truth.astype(float), invented)
    assert found["studies"] == 100
    assert found["images"] == sum(invented.images[60:])
    assert found["study"]["mAP"] != found["image"]["mAP"]
    single = factories.Invented(invented.truth, invented.named, invented.splits, [1] * 160)
    alone = results(invented.truth.astype(float), single)
    assert alone["study"] == alone["image"] == found["study"]


def test_a_class_with_few_positives_is_averaged_but_not_shown(
    invented: factories.Invented,
) -> None:
    labels = invented.truth.astype(float)
    labels[60:, 3] = np.arange(100) < 4
    found = results(labels, invented)
    row = found["per_class"][CXR_LT_2023[3]]
    assert row == {"AP": None, "AUROC": None, "positives": "<5", "prevalence": None}
    assert found["study"]["classes_scored"] == 26
    shown = [r["AP"] for r in found["per_class"].values() if r["AP"] is not None]
    assert len(shown) == 25
    assert found["study"]["mAP"] != pytest.approx(np.mean(shown))


def test_the_mean_prevalence_does_not_tell_a_hidden_count(invented: factories.Invented) -> None:
    def with_positives(count: int) -> dict[str, Any]:
        labels = invented.truth.astype(float)
        labels[60:, 3] = np.arange(100) < count
        return results(labels, invented)

    one, four = with_positives(1), with_positives(4)
    assert one["mean_prevalence"] == four["mean_prevalence"]
    assert one["per_class"] == four["per_class"]


def test_few_negatives_are_hidden_as_well() -> None:
    row = class_row(ClassScore(ap=0.9, auroc=0.8, positives=97, negatives=3), MIN_CELL)
    assert row["AP"] is None
    assert row["positives"] == ">95"


def test_a_class_that_never_occurs_is_named(invented: factories.Invented) -> None:
    labels = invented.truth.astype(float)
    labels[60:, [2, 7]] = 0
    found = results(labels, invented)
    assert found["study"]["classes_not_scored"] == ["Cardiomegaly", "Fibrosis"]
    assert found["study"]["classes_scored"] == 24
    assert found["per_class"]["Fibrosis"]["positives"] == 0


def test_unknown_labels_are_left_out_cell_by_cell(invented: factories.Invented) -> None:
    labels = invented.truth.astype(float)
    labels[60:110, 0] = np.nan
    found = results(labels, invented)
    assert found["per_class"]["Atelectasis"]["positives"] == int(labels[110:, 0].sum())
    complete = results(invented.truth.astype(float), invented)
    assert found["per_class"]["Pneumonia"] == complete["per_class"]["Pneumonia"]


def test_groups_follow_the_images_of_the_training_studies(invented: factories.Invented) -> None:
    labels = invented.truth.astype(float)
    labels[:60, 5] = 0
    labels[0, 5] = 1
    images = [1] * 160
    images[0] = 30  # one study with 30 of 89 training images makes its finding frequent
    many = factories.Invented(invented.truth, invented.named, invented.splits, images)
    percent = results(labels, many)["study"]["groups"]["percent"]
    assert CXR_LT_2023[5] in percent["head"]["classes"]
    few = factories.Invented(invented.truth, invented.named, invented.splits, [1] * 160)
    percent = results(labels, few)["study"]["groups"]["percent"]
    assert CXR_LT_2023[5] in percent["body"]["classes"]


def test_a_group_of_one_small_class_does_not_show_its_score(
    invented: factories.Invented,
) -> None:
    labels = invented.truth.astype(float)
    labels[:60, 5] = 0  # alone in the tail
    labels[60:, 5] = np.arange(100) < 3
    tail = results(labels, invented)["study"]["groups"]["percent"]["tail"]
    assert tail == {
        "mAP": None,
        "AUROC": None,
        "classes": [CXR_LT_2023[5]],
        "classes_scored": 1,
    }


def test_each_level_and_group_has_the_interval_of_its_classes(
    invented: factories.Invented,
) -> None:
    cohort = factories.cohort(invented, invented.truth.astype(float))
    test = labelled_split(cohort, "test", CXR_LT_2023)
    guesses = factories.guesses(test.labels, 2, 0)
    bounds = intervals(test, guesses, 0.8)
    found = evaluate(test, guesses, cohort, MIN_CELL, bounds)
    assert found["study"]["mAP_interval"] != found["image"]["mAP_interval"]
    head = found["study"]["groups"]["paper"]["head"]
    columns = [CXR_LT_2023.index(name) for name in head["classes"]]
    _, means = macro_row(test.labels[:, columns], guesses[:, columns], test.patient, 0.8)
    expected = [head["mAP"], *head["mAP_interval"], head["AUROC"], *head["AUROC_interval"]]
    assert means == pytest.approx(expected)
    _, means = macro_row(test.labels[:, [3]], guesses[:, [3]], test.patient, 0.8)
    row = found["per_class"][CXR_LT_2023[3]]
    assert means == pytest.approx(
        [row["AP"], *row["AP_interval"], row["AUROC"], *row["AUROC_interval"]]
    )


def test_a_small_class_has_no_interval_and_is_in_no_weighted_mean(
    invented: factories.Invented,
) -> None:
    def with_positives(count: int) -> dict[str, Any]:
        labels = invented.truth.astype(float)
        labels[60:, 3] = np.arange(100) < count
        cohort = factories.cohort(invented, labels)
        test = labelled_split(cohort, "test", CXR_LT_2023)
        guesses = factories.guesses(invented.truth[60:].astype(float), 2, 0)
        bounds = intervals(test, guesses, 0.8)
        return dict(evaluate(test, guesses, cohort, MIN_CELL, bounds))

    one, four = with_positives(1), with_positives(4)
    assert one["per_class"][CXR_LT_2023[3]]["AP_interval"] is None
    for key in ("mAP_weighted", "mAP_micro", "AUROC_weighted", "AUROC_micro"):
        assert one["study"][key] == four["study"][key]
    test = labelled_split(
        factories.cohort(invented, invented.truth.astype(float)), "test", CXR_LT_2023
    )
    guesses = factories.guesses(test.labels, 2, 0)
    others = [q for q in range(26) if q != 3]
    for average in ("micro", "weighted"):
        expected = average_precision_score(
            test.labels[:, others], guesses[:, others], average=average
        )
        assert one["study"][f"mAP_{average}"] == pytest.approx(expected)


def test_an_empty_split_is_an_error() -> None:
    invented = factories.invent({"train": 5})
    cohort = factories.cohort(invented, invented.truth.astype(float))
    with pytest.raises(DataError, match="no study in the split 'test'"):
        labelled_split(cohort, "test", CXR_LT_2023)


class TestPredictions:
    """What is refused: predictions of other studies, and values that are no probability."""

    @pytest.fixture
    def folder(self, tmp_path: Path, invented: factories.Invented) -> Path:
        labels = invented.truth.astype(float)
        self.cohort = factories.cohort(invented, labels)
        table = factories.predictions(self.cohort, factories.guesses(labels, 1, 0))
        tables.write(table, tmp_path / "seed0.parquet", schemas.predictions(CXR_LT_2023))
        return tmp_path

    def test_they_come_back_in_the_order_of_the_studies(self, folder: Path) -> None:
        test = labelled_split(self.cohort, "test", CXR_LT_2023)
        found = read_seeds(folder, [0], test)[0]
        assert found.shape == test.labels.shape
        table = tables.read(folder / "seed0.parquet", schemas.predictions(CXR_LT_2023))
        assert found[7, 2] == table[CXR_LT_2023[2]][7].as_py()

    def test_a_study_less_is_an_error(self, folder: Path) -> None:
        fewer = self.cohort.slice(0, self.cohort.num_rows - 1)
        test = labelled_split(fewer, "test", CXR_LT_2023)
        with pytest.raises(DataError, match=r"seed0.parquet: 100 studies .* cohort has 99"):
            read_probabilities(folder / "seed0.parquet", test)

    @pytest.mark.parametrize("kind", ["cohort", "predictions"])
    def test_a_study_twice_is_an_error(self, folder: Path, tmp_path: Path, kind: str) -> None:
        schema = schemas.cohort(CXR_LT_2023)
        table = self.cohort
        if kind == "predictions":
            schema = schemas.predictions(CXR_LT_2023)
            table = tables.read(folder / "seed0.parquet", schema)
        twice = pa.concat_tables([table.slice(0, 3), table.slice(2)])
        pq.write_table(twice, tmp_path / "twice.parquet")
        with pytest.raises(DataError, match=r"row 3.* in one row only"):
            tables.read(tmp_path / "twice.parquet", schema)

    def test_a_number_that_is_no_probability_is_an_error(self, folder: Path) -> None:
        path = folder / "seed0.parquet"
        schema = schemas.predictions(CXR_LT_2023)
        table = tables.read(path, schema)
        bad = table["Edema"].to_numpy().copy()
        bad[3] = 1.5
        at = table.column_names.index("Edema")
        pq.write_table(table.set_column(at, schema.field("Edema"), [bad]), path)
        test = labelled_split(self.cohort, "test", CXR_LT_2023)
        with pytest.raises(DataError, match=r"'Edema': .* 1.5 in row 3 "):
            read_probabilities(path, test)


def test_another_label_space_is_evaluated_the_same_way(invented: factories.Invented) -> None:
    columns = [CXR_LT_2023.index(name) for name in MIMIC_14]
    labels = invented.truth[:, columns].astype(float)
    cohort = factories.cohort(invented, labels, MIMIC_14)
    test = labelled_split(cohort, "test", MIMIC_14)
    found = evaluate(test, factories.guesses(test.labels, 2, 0), cohort, MIN_CELL)
    assert list(found["per_class"]) == list(MIMIC_14)
    assert set(found["study"]["groups"]) == {"percent", "challenge"}
